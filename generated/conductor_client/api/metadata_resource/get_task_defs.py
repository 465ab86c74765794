from ...client import Client
from ...decoding import Decoder
from ...models.task_def import TaskDef

METHOD = "GET"
TEMPLATE = "/metadata/taskdefs"

_decoder = Decoder(list[TaskDef])


def sync(
    client: Client,
) -> list[TaskDef]:
    """Gets all task definition"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/metadata/taskdefs",
    )
    return response.decode(_decoder)
