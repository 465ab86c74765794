from ...client import Client, segment
from ...decoding import Decoder
from ...models.json_map import JsonMap
from ...models.signal_response import SignalResponse
from ...models.task_result_status import TaskResultStatus
from ...models.workflow_return_strategy import WorkflowReturnStrategy
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/tasks/{workflow_id}/{status}/signal/sync"

_decoder = Decoder(SignalResponse)


def sync(
    client: Client,
    workflow_id: str,
    status: TaskResultStatus,
    body: JsonMap,
    *,
    return_strategy: WorkflowReturnStrategy | None = None,
    timeout_millis: int | None = None,
) -> SignalResponse:
    """Signal the workflow's currently blocked task synchronously and return the updated workflow per the return strategy"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/tasks/{segment(workflow_id)}/{segment(status)}/signal/sync",
        query={
            "returnStrategy": return_strategy,
            "timeoutMillis": timeout_millis,
        },
        body=encode(body),
    )
    return response.decode(_decoder)
