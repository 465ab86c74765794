from ...client import Client, segment
from ...decoding import Decoder
from ...models.signal_response import SignalResponse
from ...models.start_workflow_request import StartWorkflowRequest
from ...models.workflow_return_strategy import WorkflowReturnStrategy
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/workflow/execute/{name}/{version}"

_decoder = Decoder(SignalResponse)


def sync(
    client: Client,
    name: str,
    version: int,
    body: StartWorkflowRequest,
    *,
    request_id: str | None = None,
    wait_until_task_ref: str | None = None,
    wait_for_seconds: int | None = None,
    consistency: str | None = None,
    return_strategy: WorkflowReturnStrategy | None = None,
) -> SignalResponse:
    """Execute a workflow synchronously"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/execute/{segment(name)}/{segment(version)}",
        query={
            "requestId": request_id,
            "waitUntilTaskRef": wait_until_task_ref,
            "waitForSeconds": wait_for_seconds,
            "consistency": consistency,
            "returnStrategy": return_strategy,
        },
        body=encode(body),
    )
    return response.decode(_decoder)
