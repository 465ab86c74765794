from ...client import Client
from ...models.int_map import IntMap
from ...types import Decoder

METHOD = "GET"
TEMPLATE = "/tasks/queue/all"

_decoder = Decoder(IntMap)


def sync(
    client: Client,
) -> IntMap:
    """Get the details about each queue"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks/queue/all",
    )
    return response.decode(_decoder)
