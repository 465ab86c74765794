from ...client import Client
from ...models.workflow_def import WorkflowDef
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/metadata/workflow"


def sync(
    client: Client,
    body: WorkflowDef,
    *,
    overwrite: bool | None = None,
) -> None:
    """Create a new workflow definition"""
    client.request(
        METHOD,
        TEMPLATE,
        "/metadata/workflow",
        query={
            "overwrite": overwrite,
        },
        body=encode(body),
    )
