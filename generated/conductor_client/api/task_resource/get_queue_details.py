from ...client import Client
from ...decoding import Decoder
from ...models.queue_details import QueueDetails

METHOD = "GET"
TEMPLATE = "/tasks/queue/all/verbose"

_decoder = Decoder(QueueDetails)


def sync(
    client: Client,
) -> QueueDetails:
    """Get the details about each queue"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks/queue/all/verbose",
    )
    return response.decode(_decoder)
