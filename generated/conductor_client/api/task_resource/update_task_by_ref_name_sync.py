from ...client import Client, segment
from ...decoding import Decoder
from ...models.json_map import JsonMap
from ...models.task_result_status import TaskResultStatus
from ...models.workflow import Workflow
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/tasks/{workflow_id}/{task_ref_name}/{status}/sync"

_decoder = Decoder(Workflow)


def sync(
    client: Client,
    workflow_id: str,
    task_ref_name: str,
    status: TaskResultStatus,
    body: JsonMap,
    *,
    workerid: str | None = None,
) -> Workflow:
    """Update a task By Ref Name synchronously and return the updated workflow"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/tasks/{segment(workflow_id)}/{segment(task_ref_name)}/{segment(status)}/sync",
        query={
            "workerid": workerid,
        },
        body=encode(body),
    )
    return response.decode(_decoder)
