from ...client import Client, segment

METHOD = "DELETE"
TEMPLATE = "/workflow/{workflow_id}/remove"


def sync(
    client: Client,
    workflow_id: str,
    *,
    archive_workflow: bool | None = None,
) -> None:
    """Removes the workflow from the system"""
    client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/{segment(workflow_id)}/remove",
        query={
            "archiveWorkflow": archive_workflow,
        },
    )
