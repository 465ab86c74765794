from ...client import Client
from ...models.get_queue_sizes_response_200 import GetQueueSizesResponse200
from ...types import Decoder

METHOD = "GET"
TEMPLATE = "/tasks/queue/all"

_decoder = Decoder(GetQueueSizesResponse200)


def sync(
    client: Client,
) -> GetQueueSizesResponse200:
    """Get the details about each queue"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks/queue/all",
    )
    return response.decode(_decoder)
