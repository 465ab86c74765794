from ...client import Client
from ...decoding import Decoder
from ...models.bulk_response_string import BulkResponseString
from ...models.workflow_def import WorkflowDef
from ...writing import encode

METHOD = "PUT"
TEMPLATE = "/metadata/workflow"

_decoder = Decoder(BulkResponseString)


def sync(
    client: Client,
    body: list[WorkflowDef],
) -> BulkResponseString:
    """Create or update workflow definition"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/metadata/workflow",
        body=encode(body),
    )
    return response.decode(_decoder)
