from ...client import Client, segment

METHOD = "PUT"
TEMPLATE = "/workflow/{workflow_id}/skiptask/{task_reference_name}"


def sync(
    client: Client,
    workflow_id: str,
    task_reference_name: str,
) -> None:
    """Skips a given task from a current running workflow"""
    client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/{segment(workflow_id)}/skiptask/{segment(task_reference_name)}",
    )
