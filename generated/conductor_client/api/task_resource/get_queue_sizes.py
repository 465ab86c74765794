from ...client import Client
from ...decoding import Decoder
from ...models.int_map import IntMap

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
