from ...client import Client
from ...decoding import Decoder
from ...models.poll_data import PollData

METHOD = "GET"
TEMPLATE = "/tasks/queue/polldata/all"

_decoder = Decoder(list[PollData])


def sync(
    client: Client,
) -> list[PollData]:
    """Get the last poll data for all task types"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks/queue/polldata/all",
    )
    return response.decode(_decoder)
