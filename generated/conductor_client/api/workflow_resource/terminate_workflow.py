from ...client import Client, segment

METHOD = "DELETE"
TEMPLATE = "/workflow/{workflow_id}"


def sync(
    client: Client,
    workflow_id: str,
    *,
    reason: str | None = None,
) -> None:
    """Terminate workflow execution"""
    client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/{segment(workflow_id)}",
        query={
            "reason": reason,
        },
    )
