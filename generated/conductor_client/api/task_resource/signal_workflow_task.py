from ...client import Client, segment
from ...models.json_map import JsonMap
from ...models.task_result_status import TaskResultStatus
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/tasks/{workflow_id}/{status}/signal"


def sync(
    client: Client,
    workflow_id: str,
    status: TaskResultStatus,
    body: JsonMap,
) -> None:
    """Signal the workflow's currently blocked task with the given status and output asynchronously"""
    client.request(
        METHOD,
        TEMPLATE,
        f"/tasks/{segment(workflow_id)}/{segment(status)}/signal",
        body=encode(body),
    )
