"""Routes of event handlers, under ``/event``, and of the queues that bring events, under ``/queue``."""

from __future__ import annotations

from collections.abc import Iterator

from conductor.testing.engine import Engine, Refusal
from conductor.testing.server.parameters import WORKFLOW, choice, flag, text
from conductor.testing.server.responses import as_nothing
from conductor.testing.server.routes.route import Route

_STATUSES = (
    *("IN_PROGRESS", "CANCELED", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "COMPLETED", "COMPLETED_WITH_ERRORS"),
    *("SCHEDULED", "TIMED_OUT", "SKIPPED"),
)
_STATUS = choice("status", "com.netflix.conductor.model.TaskModel$Status", _STATUSES, "PathVariable")


def events() -> Iterator[Route]:
    path = "/api/event"
    yield Route(f"GET {path}", lambda e: e.event_handlers.all())
    yield Route(f"POST {path}", lambda e, each: e.event_handlers.add(each), (), "EventHandler", as_nothing)
    yield Route(f"PUT {path}", lambda e, each: e.event_handlers.update(each), (), "EventHandler", as_nothing)
    yield Route(
        f"GET {path}/{{event}}",
        lambda e, event, active: e.event_handlers.of_event(event, active),
        (text("event"), flag("activeOnly", True)),
    )
    yield Route(
        f"DELETE {path}/{{name}}", lambda e, name: e.event_handlers.remove(name), (text("name"),), None, as_nothing
    )
    yield from _event_queues()


def _event_queues() -> Iterator[Route]:
    """A server has such queues if it is connected to SQS or the like. Its own kind of queue is none of them."""
    path = "/api/queue"
    by_name, by_id = (WORKFLOW, text("taskRefName"), _STATUS), (WORKFLOW, text("taskId"), _STATUS)
    yield Route(f"GET {path}/", lambda _: {})
    yield Route(f"GET {path}/size", lambda _: {})
    yield Route(f"POST {path}/update/{{workflowId}}/{{taskRefName}}/{{status}}", _publish, by_name, "map", as_nothing)
    yield Route(f"POST {path}/update/{{workflowId}}/task/{{taskId}}/{{status}}", _publish, by_id, "map", as_nothing)


def _publish(_engine: Engine, _workflow_id: str, _task: str, status: str, _output: object) -> None:
    raise Refusal(400, f"There is no queue for handling {status} status")
