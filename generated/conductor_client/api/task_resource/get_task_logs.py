from ...client import Client, segment
from ...decoding import Decoder
from ...models.task_exec_log import TaskExecLog

METHOD = "GET"
TEMPLATE = "/tasks/{task_id}/log"

_decoder = Decoder(list[TaskExecLog])


def sync(
    client: Client,
    task_id: str,
) -> list[TaskExecLog]:
    """Get Task Execution Logs"""
    response = client.request(
        METHOD,
        TEMPLATE,
        f"/tasks/{segment(task_id)}/log",
    )
    if response.content.strip() in (b"", b"null"):
        return []
    return response.decode(_decoder)
