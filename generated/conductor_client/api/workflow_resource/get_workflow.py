from ...client import Client, segment
from ...decoding import Decoder
from ...models.workflow import Workflow

METHOD = "GET"
TEMPLATE = "/workflow/{workflow_id}"

_decoder = Decoder(Workflow)


def sync(
    client: Client,
    workflow_id: str,
    *,
    include_tasks: bool | None = None,
) -> Workflow:
    """Gets the workflow by workflow id"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/{segment(workflow_id)}",
        query={
            "includeTasks": include_tasks,
        },
    )
    return response.decode(_decoder)
