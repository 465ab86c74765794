"""Routes of the queues of tasks, under ``/tasks/queue``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conductor.testing.engine import Engine, Refusal
from conductor.testing.server.parameters import text
from conductor.testing.server.responses import as_text
from conductor.testing.server.routes.route import Route

_BASE = "/api/tasks/queue/"
_TASK_TYPE = text("taskType", required=True)


def queues() -> Iterator[Route]:
    yield Route(f"GET {_BASE}all", lambda e: e.queues.sizes())
    yield Route(f"GET {_BASE}all/verbose", lambda e: e.queues.details())
    yield Route(
        f"GET {_BASE}size",
        _queue_size,
        (_TASK_TYPE, text("domain"), text("isolationGroupId"), text("executionNamespace")),
    )
    yield Route(f"GET {_BASE}sizes", _queue_sizes_of, (text("taskType"),))
    yield Route(f"GET {_BASE}polldata", _poll_data_of, (_TASK_TYPE,))
    yield Route(f"GET {_BASE}polldata/all", lambda e: e.queues.poll_data())
    yield Route(
        f"POST {_BASE}requeue/{{taskType}}",
        lambda e, task: str(e.queues.requeue(task)),
        (text("taskType"),),
        None,
        as_text,
    )


def _queue_size(engine: Engine, task_type: str, domain: str | None, group: str | None, namespace: str | None) -> int:
    """The tasks of workers wait in no queue of a group or namespace: the server has those for its own tasks."""
    is_isolated = bool((group or "").strip() or (namespace or "").strip())
    return 0 if is_isolated else engine.queues.size(task_type, (domain or "").strip() or None)


def _poll_data_of(engine: Engine, task_type: str) -> list[dict[str, Any]]:
    if not task_type:
        problem = {"path": "getPollData.arg0", "message": "TaskType cannot be null or empty.", "invalidValue": ""}
        raise Refusal(400, "Validation failed, check below errors for detail.", [problem])
    return engine.queues.poll_data(task_type)


def _queue_sizes_of(engine: Engine, task_types: str | None) -> dict[str, int]:
    if task_types is None:
        raise Refusal(500, 'Cannot invoke "java.util.List.iterator()" because "taskDefNames" is null')
    sizes = engine.queues.sizes()
    return {each: sizes.get(each, 0) for each in task_types.split(",") if each}
