from ...client import Client, segment

METHOD = "PUT"
TEMPLATE = "/workflow/{workflow_id}/resume"


def sync(
    client: Client,
    workflow_id: str,
) -> None:
    """Resumes the workflow"""
    client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/{segment(workflow_id)}/resume",
    )
