from ...client import Client, segment

METHOD = "PUT"
TEMPLATE = "/workflow/{workflow_id}/pause"


def sync(
    client: Client,
    workflow_id: str,
) -> None:
    """Pauses the workflow"""
    client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/{segment(workflow_id)}/pause",
    )
