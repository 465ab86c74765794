from ...client import Client, segment

METHOD = "PUT"
TEMPLATE = "/workflow/decide/{workflow_id}"


def sync(
    client: Client,
    workflow_id: str,
) -> None:
    """Starts the decision task for a workflow"""
    client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/decide/{segment(workflow_id)}",
    )
