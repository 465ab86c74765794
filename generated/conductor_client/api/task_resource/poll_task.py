import msgspec

from ...client import Client, segment
from ...decoding import Decoder

METHOD = "GET"
TEMPLATE = "/tasks/poll/{tasktype}"

_decoder = Decoder(msgspec.Raw)


def sync(
    client: Client,
    tasktype: str,
    *,
    workerid: str | None = None,
    domain: str | None = None,
) -> msgspec.Raw | None:
    """Poll for a task of a certain type"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/tasks/poll/{segment(tasktype)}",
        query={
            "workerid": workerid,
            "domain": domain,
        },
    )
    if response.content.strip() in (b"", b"null"):
        return None
    return response.decode(_decoder)
