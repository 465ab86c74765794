"""Routes of tasks, under ``/tasks``. The polls and update-v2 are in the router, because faults change their answers."""

from __future__ import annotations

from collections.abc import Iterator

from conductor.testing.server.parameters import STATUS, STRATEGY, WORKFLOW, integer, text
from conductor.testing.server.responses import as_json_or_204, as_nothing, as_text
from conductor.testing.server.routes.route import Route

POLL = "GET /api/tasks/poll/{tasktype}"
BATCH_POLL = "GET /api/tasks/poll/batch/{tasktype}"
UPDATE = "POST /api/tasks"
UPDATE_V2 = "POST /api/tasks/update-v2"

_BASE = "/api/tasks/"
_TASK = text("taskId")
_BY_REF = (WORKFLOW, text("taskRefName"), STATUS, text("workerid"))


def tasks() -> Iterator[Route]:
    yield Route(UPDATE, lambda e, result: e.tasks.update(result), (), "TaskResult", as_text)
    yield Route(f"GET {_BASE}{{taskId}}", lambda e, task: e.tasks.get(task), (_TASK,))
    yield Route(f"GET {_BASE}{{taskId}}/log", lambda e, task: e.tasks.logs(task), (_TASK,), None, as_json_or_204)
    yield Route(
        f"POST {_BASE}{{taskId}}/log", lambda e, task, log: e.tasks.add_log(task, log), (_TASK,), "text", as_nothing
    )
    yield from _by_reference_name()
    yield from _signals()


def _by_reference_name() -> Iterator[Route]:
    path = f"{_BASE}{{workflowId}}/{{taskRefName}}/{{status}}"
    yield Route(
        f"POST {path}",
        lambda e, workflow, ref, status, worker, output: e.tasks.update_by_ref_name(
            workflow, ref, status, output, worker
        ),
        _BY_REF,
        "map",
        as_text,
    )
    yield Route(
        f"POST {path}/sync",
        lambda e, workflow, ref, status, worker, output: e.tasks.update_by_ref_name_sync(
            workflow, ref, status, output, worker
        ),
        _BY_REF,
        "map",
    )


def _signals() -> Iterator[Route]:
    path = f"{_BASE}{{workflowId}}/{{status}}/signal"
    yield Route(
        f"POST {path}",
        lambda e, workflow, status, output: e.signals.signal(workflow, status, output),
        (WORKFLOW, STATUS),
        "map",
        as_nothing,
    )
    yield Route(
        f"POST {path}/sync",
        lambda e, workflow, status, strategy, ms, output: e.signals.signal_sync(workflow, status, output, strategy, ms),
        (WORKFLOW, STATUS, STRATEGY, integer("timeoutMillis", 5000, "long")),
        "map",
    )
