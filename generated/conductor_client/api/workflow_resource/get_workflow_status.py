from ...client import Client, segment
from ...decoding import Decoder
from ...models.workflow_status_summary import WorkflowStatusSummary

METHOD = "GET"
TEMPLATE = "/workflow/{workflow_id}/status"

_decoder = Decoder(WorkflowStatusSummary)


def sync(
    client: Client,
    workflow_id: str,
    *,
    include_output: bool | None = None,
    include_variables: bool | None = None,
) -> WorkflowStatusSummary:
    """Gets the workflow status summary by workflow (execution) id"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/{segment(workflow_id)}/status",
        query={
            "includeOutput": include_output,
            "includeVariables": include_variables,
        },
    )
    return response.decode(_decoder)
