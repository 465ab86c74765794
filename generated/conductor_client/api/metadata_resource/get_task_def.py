from ...client import Client, segment
from ...decoding import Decoder
from ...models.task_def import TaskDef

METHOD = "GET"
TEMPLATE = "/metadata/taskdefs/{tasktype}"

_decoder = Decoder(TaskDef)


def sync(
    client: Client,
    tasktype: str,
) -> TaskDef:
    """Gets the task definition"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/metadata/taskdefs/{segment(tasktype)}",
    )
    return response.decode(_decoder)
