from ...client import Client
from ...decoding import Decoder
from ...models.workflow_def import WorkflowDef

METHOD = "GET"
TEMPLATE = "/metadata/workflow/latest-versions"

_decoder = Decoder(list[WorkflowDef])


def sync(
    client: Client,
) -> list[WorkflowDef]:
    """Returns only the latest version of all workflow definitions"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/metadata/workflow/latest-versions",
    )
    return response.decode(_decoder)
