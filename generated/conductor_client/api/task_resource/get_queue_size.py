from ...client import Client
from ...decoding import Decoder

METHOD = "GET"
TEMPLATE = "/tasks/queue/size"

_decoder = Decoder(int)


def sync(
    client: Client,
    *,
    task_type: str,
    domain: str | None = None,
    isolation_group_id: str | None = None,
    execution_namespace: str | None = None,
) -> int:
    """Get queue size for a task type."""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks/queue/size",
        query={
            "taskType": task_type,
            "domain": domain,
            "isolationGroupId": isolation_group_id,
            "executionNamespace": execution_namespace,
        },
    )
    return response.decode(_decoder)
