from ...client import Client, segment
from ...models.task_def import TaskDef
from ...types import Decoder

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
