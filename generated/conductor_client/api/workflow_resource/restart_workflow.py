from ...client import Client, segment

METHOD = "POST"
TEMPLATE = "/workflow/{workflow_id}/restart"


def sync(
    client: Client,
    workflow_id: str,
    *,
    use_latest_definitions: bool | None = None,
) -> None:
    """Restarts a completed workflow"""
    client.request(
        METHOD,
        TEMPLATE,
        f"/workflow/{segment(workflow_id)}/restart",
        query={
            "useLatestDefinitions": use_latest_definitions,
        },
    )
