from ...client import Client, segment
from ...models.json_map import JsonMap
from ...models.task_result_status import TaskResultStatus
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/tasks/{workflow_id}/{task_ref_name}/{status}"


def sync(
    client: Client,
    workflow_id: str,
    task_ref_name: str,
    status: TaskResultStatus,
    body: JsonMap,
    *,
    workerid: str | None = None,
) -> str:
    """Update a task By Ref Name"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/tasks/{segment(workflow_id)}/{segment(task_ref_name)}/{segment(status)}",
        query={
            "workerid": workerid,
        },
        body=encode(body),
    )
    return response.text()
