from ...client import Client, segment
from ...decoding import Decoder
from ...models.workflow_def import WorkflowDef

METHOD = "GET"
TEMPLATE = "/metadata/workflow/{name}"

_decoder = Decoder(WorkflowDef)


def sync(
    client: Client,
    name: str,
    *,
    version: int | None = None,
) -> WorkflowDef:
    """Retrieves workflow definition along with blueprint"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/metadata/workflow/{segment(name)}",
        query={
            "version": version,
        },
    )
    return response.decode(_decoder)
