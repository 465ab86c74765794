import msgspec

from ...client import Client
from ...decoding import Decoder
from ...models.task_result import TaskResult
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/tasks/update-v2"

_decoder = Decoder(msgspec.Raw)


def sync(
    client: Client,
    body: TaskResult,
) -> msgspec.Raw | None:
    """Update a task and return the next available task to be processed"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks/update-v2",
        body=encode(body),
    )
    if response.content.strip() in (b"", b"null"):
        return None
    return response.decode(_decoder)
