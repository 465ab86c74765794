from ...client import Client, segment
from ...decoding import Decoder
from ...models.task import Task

METHOD = "GET"
TEMPLATE = "/tasks/{task_id}"

_decoder = Decoder(Task)


def sync(
    client: Client,
    task_id: str,
) -> Task:
    """Get task by Id"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/tasks/{segment(task_id)}",
    )
    return response.decode(_decoder)
