from ...client import Client, segment
from ...decoding import Decoder
from ...models.correlated_workflows import CorrelatedWorkflows
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/workflow/{name}/correlated"

_decoder = Decoder(CorrelatedWorkflows)


def sync(
    client: Client,
    name: str,
    body: list[str],
    *,
    include_closed: bool | None = None,
    include_tasks: bool | None = None,
) -> CorrelatedWorkflows:
    """Lists workflows for the given correlation id list"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/{segment(name)}/correlated",
        query={
            "includeClosed": include_closed,
            "includeTasks": include_tasks,
        },
        body=encode(body),
    )
    return response.decode(_decoder)
