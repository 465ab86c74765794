from ...client import Client
from ...models.task_def import TaskDef
from ...writing import encode

METHOD = "PUT"
TEMPLATE = "/metadata/taskdefs"


def sync(
    client: Client,
    body: TaskDef,
) -> None:
    """Update an existing task"""
    client.request(
        METHOD,
        TEMPLATE,
        "/metadata/taskdefs",
        body=encode(body),
    )
