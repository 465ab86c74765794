"""Routes of workflows, under ``/workflow``: start, read, and the calls of an operator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conductor.testing.engine import Engine, Refusal
from conductor.testing.server.parameters import STRATEGY, WORKFLOW, flag, integer, members, text
from conductor.testing.server.responses import as_no_content, as_nothing, as_text
from conductor.testing.server.routes.paging import part
from conductor.testing.server.routes.route import Route

_BASE = "/api/workflow"
_OPEN = frozenset({"RUNNING", "PAUSED"})
_NAME = text("name")
_VERSION = integer("version", java_type="java.lang.Integer")
_CORRELATED = (flag("includeClosed", False), flag("includeTasks", False))
_EXTERNAL = (text("path", required=True), text("operation", required=True), text("payloadType", required=True))


def workflows() -> Iterator[Route]:
    yield from _starts()
    yield from _reads()
    yield from _lists()
    yield from _operator()
    yield from _runs_again()
    for base in ("/api/tasks", _BASE):
        for name in ("external-storage-location", "externalstoragelocation"):
            yield Route(f"GET {base}/{name}", lambda e, *of: e.storage.location(*of), _EXTERNAL)


def _starts() -> Iterator[Route]:
    yield Route(f"POST {_BASE}", lambda e, request: e.workflows.start(request), (), "StartWorkflowRequest", as_text)
    yield Route(
        f"POST {_BASE}/{{name}}",
        _start_by_name,
        (_NAME, _VERSION, text("correlationId"), integer("priority", 0)),
        "map",
        as_text,
    )
    yield Route(
        f"POST {_BASE}/execute/{{name}}/{{version}}",
        _execute,
        (
            *(_NAME, _VERSION, text("requestId"), text("waitUntilTaskRef")),
            *(integer("waitForSeconds", 10, "java.lang.Integer"), text("consistency"), STRATEGY),
        ),
        "StartWorkflowRequest",
    )
    yield Route(f"POST {_BASE}/test", lambda e, request: e.mocked_runs.run(request), (), "WorkflowTestRequest")


def _execute(  # noqa: PLR0917 - in the request's order
    engine: Engine,
    name: str,
    version: int,
    request_id: str | None,
    until: str | None,
    seconds: int,
    _consistency: str | None,  # no server of this edition heeds it
    strategy: str,
    request: dict[str, Any],
) -> Any:
    refs = [ref.strip() for ref in (until or "").split(",")]
    response = engine.signals.execute(name, version, request, seconds, refs, return_strategy=strategy)
    return {**response, "requestId": request_id} if (request_id or "").strip() else response


def _start_by_name(  # noqa: PLR0917 - in the request's order
    engine: Engine, name: str, version: int | None, correlation_id: str | None, priority: int, given: dict[str, Any]
) -> str:
    if not 0 <= priority <= 99:
        limit = "99 is the maximum priority value" if priority > 99 else "0 is the minimum priority value"
        problem = {"path": "startWorkflow.arg3", "message": limit, "invalidValue": str(priority)}
        raise Refusal(400, "Validation failed, check below errors for detail.", [problem])
    engine.metadata.get_workflow_def(
        name, version
    )  # the text for an unknown definition differs from that of startWorkflow
    request = {"name": name, "version": version, "correlationId": correlation_id, "priority": priority, "input": given}
    started: str = engine.workflows.start({member: value for member, value in request.items() if value is not None})
    return started


def _reads() -> Iterator[Route]:
    yield Route(
        f"GET {_BASE}/{{workflowId}}",
        lambda e, workflow, tasks: e.workflows.get(workflow, tasks),
        (WORKFLOW, flag("includeTasks", True)),
    )
    yield Route(
        f"GET {_BASE}/{{workflowId}}/status",
        lambda e, workflow, output, variables: e.workflows.status(workflow, output, variables),
        (WORKFLOW, flag("includeOutput", False), flag("includeVariables", False)),
    )
    yield Route(
        f"GET {_BASE}/{{workflowId}}/tasks",
        _tasks_of,
        (
            *(WORKFLOW, integer("start", 0, "java.lang.Integer"), integer("count", 15, "java.lang.Integer")),
            text("status"),
        ),
    )


def _tasks_of(engine: Engine, workflow_id: str, start: int, count: int, statuses: str | None) -> dict[str, Any]:
    found = engine.workflows.get(workflow_id)["tasks"]
    wanted = {status.upper() for status in (statuses or "").split(",") if status}
    found = [task for task in found if not wanted or task["status"] in wanted]
    return {"totalHits": len(found), "results": part(found, start, count)}


def _lists() -> Iterator[Route]:
    yield Route(
        f"POST {_BASE}/{{name}}/correlated",
        lambda e, *by: e.searches.correlated(*by),
        (_NAME, *_CORRELATED),
        "[string]",
    )
    yield Route(
        f"GET {_BASE}/{{name}}/correlated/{{correlationId}}",
        lambda e, name, correlation, closed, tasks: e.searches.correlated(name, closed, tasks, [correlation])[
            correlation
        ],
        (_NAME, text("correlationId"), *_CORRELATED),
    )
    times = integer("startTime", java_type="java.lang.Long"), integer("endTime", java_type="java.lang.Long")
    yield Route(f"GET {_BASE}/running/{{name}}", _open_or_of_a_time, (_NAME, integer("version", 1), *times))


def _open_or_of_a_time(engine: Engine, name: str, version: int, start: int | None, end: int | None) -> list[str]:
    """The ids of open workflows of any version (so does the server). With two times: also of those that have ended, of
    the version, that were created between them.
    """
    found = engine.searches.workflows("", "*", 0, 10**9, "startTime:ASC")["results"]
    of_name = [each for each in found if each["workflowType"] == name]
    if not (start and end):
        return [each["workflowId"] for each in of_name if each["status"] in _OPEN]
    of_version = [each["workflowId"] for each in of_name if each["version"] == version]
    return [each for each in of_version if start <= engine.workflows.get(each, False)["createTime"] <= end]


def _operator() -> Iterator[Route]:
    one, reason, archive = (WORKFLOW,), text("reason"), flag("archiveWorkflow", True)
    yield Route(
        f"DELETE {_BASE}/{{workflowId}}",
        lambda e, workflow, why: e.control.terminate(workflow, why),
        (WORKFLOW, reason),
        None,
        as_nothing,
    )
    yield Route(f"PUT {_BASE}/decide/{{workflowId}}", lambda e, each: e.control.decide(each), one, None, as_nothing)
    yield Route(f"PUT {_BASE}/{{workflowId}}/pause", lambda e, each: e.control.pause(each), one, None, as_nothing)
    yield Route(f"PUT {_BASE}/{{workflowId}}/resume", lambda e, each: e.control.resume(each), one, None, as_nothing)
    yield Route(
        f"PUT {_BASE}/{{workflowId}}/skiptask/{{taskReferenceName}}",
        lambda e, workflow, ref, given, output: e.control.skip_task(
            workflow, ref, {"taskInput": given, "taskOutput": output}
        ),
        (WORKFLOW, text("taskReferenceName"), members("taskInput"), members("taskOutput")),
        None,
        as_nothing,
    )
    yield Route(f"DELETE {_BASE}/{{workflowId}}/remove", remove, (WORKFLOW, archive), None, as_nothing)
    yield Route(
        f"DELETE {_BASE}/{{workflowId}}/terminate-remove",
        _terminate_and_remove,
        (WORKFLOW, reason, archive),
        None,
        as_nothing,
    )


def remove(engine: Engine, workflow_id: str, archive: bool) -> None:
    """Remove a workflow. Refusal 400 if it is open and archive is true: it would go to the archive. Refusal 404."""
    status = engine.workflows.get(workflow_id, False)["status"]
    if archive and status in _OPEN:
        raise Refusal(400, f"Cannot archive workflow: {workflow_id} with status: {status}")
    engine.control.remove(workflow_id)


def _terminate_and_remove(engine: Engine, workflow_id: str, reason: str | None, archive: bool) -> None:
    engine.control.terminate(workflow_id, reason)
    remove(engine, workflow_id, archive)


def _runs_again() -> Iterator[Route]:
    yield Route(
        f"POST {_BASE}/{{workflowId}}/restart",
        lambda e, each, latest: e.again.restart(each, latest),
        (WORKFLOW, flag("useLatestDefinitions", False)),
        None,
        as_no_content,
    )
    yield Route(
        f"POST {_BASE}/{{workflowId}}/retry",
        lambda e, each, resume: e.again.retry(each, resume),
        (WORKFLOW, flag("resumeSubworkflowTasks", False)),
        None,
        as_no_content,
    )
    yield Route(
        f"POST {_BASE}/{{workflowId}}/rerun",
        lambda e, workflow, request: e.again.rerun(workflow, request),
        (WORKFLOW,),
        "RerunWorkflowRequest",
        as_text,
    )
    yield Route(
        f"POST {_BASE}/{{workflowId}}/resetcallbacks",
        lambda e, workflow: e.control.reset_callbacks(workflow),
        (WORKFLOW,),
        None,
        as_no_content,
    )
