import msgspec

from ...client import Client, segment
from ...decoding import Decoder

METHOD = "GET"
TEMPLATE = "/tasks/poll/batch/{tasktype}"

_decoder = Decoder(list[msgspec.Raw])


def sync(
    client: Client,
    tasktype: str,
    *,
    workerid: str | None = None,
    domain: str | None = None,
    count: int | None = None,
    timeout: int | None = None,
) -> list[msgspec.Raw]:
    """Batch poll for a task of a certain type"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/tasks/poll/batch/{segment(tasktype)}",
        query={
            "workerid": workerid,
            "domain": domain,
            "count": count,
            "timeout": timeout,
        },
    )
    if response.content.strip() in (b"", b"null"):
        return []
    return response.decode(_decoder)
