"""Routes for operators of a server, under ``/admin``, and of its environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conductor.testing.engine import Engine, Refusal
from conductor.testing.server.parameters import WORKFLOW, flag, integer, text
from conductor.testing.server.responses import as_nothing, as_text
from conductor.testing.server.routes.paging import part
from conductor.testing.server.routes.route import Route

_BASE = "/api/admin/"


def admin() -> Iterator[Route]:
    yield Route(
        f"GET {_BASE}task/{{tasktype}}", _pending, (text("tasktype"), integer("start", 0), integer("count", 100))
    )
    yield Route(f"GET {_BASE}queues", _queues_of_events, (flag("verbose", False),))
    yield Route(f"POST {_BASE}sweep/requeue/{{workflowId}}", _requeue, (WORKFLOW,), None, as_text)
    yield Route(f"POST {_BASE}consistency/verifyAndRepair/{{workflowId}}", _repair, (WORKFLOW,), None, as_text)
    yield Route("GET /api/environment", lambda _: [])  # nothing can be put there
    yield Route("GET /api/environment/{key}", lambda _, __: None, (text("key"),), None, as_nothing)
    yield Route("GET /api/secrets", lambda _: [])


def _queues_of_events(engine: Engine, verbose: bool) -> dict[str, Any]:
    """The queues of the events that active handlers wait for. Events are handled at once, so none is in a queue."""
    events = [each["event"] for each in engine.event_handlers.all() if each["active"]]
    names = {event: event.partition(":")[2] for event in events}
    return {event: {name: 0} for event, name in names.items()} if verbose else names


def _pending(engine: Engine, task_type: str, start: int, count: int) -> list[dict[str, Any]]:
    found = [task["taskId"] for task in engine.queues.open_work() if task["taskType"] == task_type]
    return [engine.tasks.get(task_id) for task_id in part(found, start, count)]


def _requeue(engine: Engine, workflow_id: str) -> str:
    """Whether the workflow was not waiting for a sweep, and its id. All running workflows wait for one."""
    try:
        waits = engine.workflows.get(workflow_id, False)["status"] == "RUNNING"
    except Refusal:
        waits = False
    return f"{str(not waits).lower()}.{workflow_id}"


def _repair(_engine: Engine, _workflow_id: str) -> str:
    raise Refusal(500, "WorkflowRepairService is disabled.")  # as it is by default
