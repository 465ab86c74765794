from ...client import Client
from ...models.get_queue_details_response_200 import GetQueueDetailsResponse200
from ...types import Decoder

METHOD = "GET"
TEMPLATE = "/tasks/queue/all/verbose"

_decoder = Decoder(GetQueueDetailsResponse200)


def sync(
    client: Client,
) -> GetQueueDetailsResponse200:
    """Get the details about each queue"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks/queue/all/verbose",
    )
    return response.decode(_decoder)
