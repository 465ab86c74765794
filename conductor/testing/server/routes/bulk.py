"""Routes that do the same with many workflows, under ``/workflow/bulk``. A refused one does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from conductor.testing.engine import Engine, Refusal
from conductor.testing.server.parameters import Parameter, flag, text
from conductor.testing.server.routes.route import Route
from conductor.testing.server.routes.workflows import remove

MOST_WORKFLOWS = 1000

_BASE = "/api/workflow/bulk/"
_REASON = text("reason")
_ARCHIVE = flag("archiveWorkflow", True)

Act = Callable[..., object]
"""Takes the engine, the id of a workflow, and the parameters of the request."""


def bulk() -> Iterator[Route]:
    latest = flag("useLatestDefinitions", False)
    yield _route("PUT", "pause", "pauseWorkflow", lambda e, each: e.control.pause(each))
    yield _route("PUT", "resume", "resumeWorkflow", lambda e, each: e.control.resume(each))
    yield _route("POST", "restart", "restart", lambda e, each, new: e.again.restart(each, new), latest)
    yield _route("POST", "retry", "retry", lambda e, each: e.again.retry(each, False))
    yield _route("POST", "terminate", "terminate", lambda e, each, why: e.control.terminate(each, why), _REASON)
    yield _route("DELETE", "remove", "deleteWorkflow", remove, _ARCHIVE)
    yield Route(f"DELETE {_BASE}terminate-remove", _terminate_and_remove, (_ARCHIVE, _REASON), "[string]")


def _route(method: str, path: str, java_name: str, act: Act, *parameters: Parameter) -> Route:
    def call(engine: Engine, *given: Any) -> dict[str, Any]:
        *options, workflow_ids = given
        _check(java_name, workflow_ids)
        return _for_each(workflow_ids, lambda each: act(engine, each, *options))

    return Route(f"{method} {_BASE}{path}", call, parameters, "[string]")


def _check(java_name: str, workflow_ids: list[str]) -> None:
    message = ""
    if not workflow_ids:
        message = "WorkflowIds list cannot be null."
    elif len(workflow_ids) > MOST_WORKFLOWS:
        message = f"Cannot process more than {MOST_WORKFLOWS} workflows. Please use multiple requests."
    if message:
        problem = {"path": f"{java_name}.arg0", "message": message}
        raise Refusal(400, "Validation failed, check below errors for detail.", [problem])


def _for_each(workflow_ids: list[str], act: Callable[[str], object]) -> dict[str, Any]:
    """A BulkResponse."""
    done: list[str] = []
    refused: dict[str, str] = {}
    for workflow_id in workflow_ids:
        try:
            act(workflow_id)
        except Refusal as refusal:
            refused[workflow_id] = refusal.message
        else:
            done.append(workflow_id)
    return {"bulkErrorResults": refused, "bulkSuccessfulResults": done}


def _terminate_and_remove(engine: Engine, archive: bool, reason: str | None, workflow_ids: list[str]) -> dict[str, Any]:
    """Each id is listed twice: a workflow is terminated, then removed, even if it could not be terminated."""
    _check("terminateRemove", workflow_ids)
    done: list[str] = []
    refused: dict[str, str] = {}
    for workflow_id in workflow_ids:
        for found in (
            _for_each([workflow_id], lambda each: engine.control.terminate(each, reason)),
            _for_each([workflow_id], lambda each: remove(engine, each, archive)),
        ):
            done += found["bulkSuccessfulResults"]
            refused |= found["bulkErrorResults"]
    return {"bulkErrorResults": refused, "bulkSuccessfulResults": done}
