from ...client import Client, segment

METHOD = "POST"
TEMPLATE = "/tasks/queue/requeue/{task_type}"


def sync(
    client: Client,
    task_type: str,
) -> str:
    """Requeue pending tasks"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/tasks/queue/requeue/{segment(task_type)}",
    )
    return response.text()
