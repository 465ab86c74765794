from ...client import Client
from ...models.start_workflow_request import StartWorkflowRequest
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/workflow"


def sync(
    client: Client,
    body: StartWorkflowRequest,
) -> str:
    """Start a new workflow with StartWorkflowRequest, which allows task to be executed in a domain"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/workflow",
        body=encode(body),
    )
    return response.text()
