from ...client import Client
from ...models.task_def import TaskDef
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/metadata/taskdefs"


def sync(
    client: Client,
    body: list[TaskDef],
) -> None:
    """Create new task definition(s)"""
    client.request(
        METHOD,
        TEMPLATE,
        "/metadata/taskdefs",
        body=encode(body),
    )
