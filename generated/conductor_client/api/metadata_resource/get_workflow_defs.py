from ...client import Client
from ...decoding import Decoder
from ...models.workflow_def import WorkflowDef

METHOD = "GET"
TEMPLATE = "/metadata/workflow"

_decoder = Decoder(list[WorkflowDef])


def sync(
    client: Client,
    *,
    classifier: str | None = None,
) -> list[WorkflowDef]:
    """Retrieves all workflow definition along with blueprint"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/metadata/workflow",
        query={
            "classifier": classifier,
        },
    )
    return response.decode(_decoder)
