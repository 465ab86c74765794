from ...client import Client
from ...decoding import Decoder
from ...models.queue_sizes import QueueSizes

METHOD = "GET"
TEMPLATE = "/tasks/queue/sizes"

_decoder = Decoder(QueueSizes)


def sync(
    client: Client,
    *,
    task_type: list[str] | None = None,
) -> QueueSizes:
    """Deprecated. Please use /tasks/queue/size endpoint"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks/queue/sizes",
        query={
            "taskType": task_type,
        },
    )
    return response.decode(_decoder)
