from ...client import Client, segment

METHOD = "POST"
TEMPLATE = "/tasks/{task_id}/log"


def sync(
    client: Client,
    task_id: str,
    body: str,
) -> None:
    """Log Task Execution Details"""
    client.request(
        METHOD,
        TEMPLATE,
        f"/tasks/{segment(task_id)}/log",
        body=body.encode(),
    )
