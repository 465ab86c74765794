from ...client import Client, segment
from ...models.rerun_workflow_request import RerunWorkflowRequest
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/workflow/{workflow_id}/rerun"


def sync(
    client: Client,
    workflow_id: str,
    body: RerunWorkflowRequest,
) -> str:
    """Reruns the workflow from a specific task"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/{segment(workflow_id)}/rerun",
        body=encode(body),
    )
    return response.text()
