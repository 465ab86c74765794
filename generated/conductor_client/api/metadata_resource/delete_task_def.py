from ...client import Client, segment

METHOD = "DELETE"
TEMPLATE = "/metadata/taskdefs/{tasktype}"


def sync(
    client: Client,
    tasktype: str,
) -> None:
    """Remove a task definition"""
    client.request(
        METHOD,
        TEMPLATE,
        f"/metadata/taskdefs/{segment(tasktype)}",
    )
