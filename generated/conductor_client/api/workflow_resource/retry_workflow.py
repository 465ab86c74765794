from ...client import Client, segment

METHOD = "POST"
TEMPLATE = "/workflow/{workflow_id}/retry"


def sync(
    client: Client,
    workflow_id: str,
    *,
    resume_subworkflow_tasks: bool | None = None,
) -> None:
    """Retries the last failed task"""
    client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/{segment(workflow_id)}/retry",
        query={
            "resumeSubworkflowTasks": resume_subworkflow_tasks,
        },
    )
