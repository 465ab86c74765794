from ...client import Client
from ...decoding import Decoder
from ...models.poll_data import PollData

METHOD = "GET"
TEMPLATE = "/tasks/queue/polldata"

_decoder = Decoder(list[PollData])


def sync(
    client: Client,
    *,
    task_type: str,
) -> list[PollData]:
    """Get the last poll data for a given task type"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks/queue/polldata",
        query={
            "taskType": task_type,
        },
    )
    return response.decode(_decoder)
