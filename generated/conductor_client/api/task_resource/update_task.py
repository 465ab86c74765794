from ...client import Client
from ...models.task_result import TaskResult
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/tasks"


def sync(
    client: Client,
    body: TaskResult,
) -> str:
    """Update a task"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks",
        body=encode(body),
    )
    return response.text()
