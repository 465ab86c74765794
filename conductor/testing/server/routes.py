"""The table of requests: the call of the engine for each request, and the form of its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conductor.testing.engine import Engine, Refusal
from conductor.testing.server.binding import document
from conductor.testing.server.http_wire import Response
from conductor.testing.server.parameters import (
    STATUS_CLASS,
    STATUSES,
    STRATEGIES,
    STRATEGY_CLASS,
    Parameter,
    choice,
    flag,
    integer,
    text,
)
from conductor.testing.server.responses import as_json, as_json_or_204, as_no_content, as_nothing, as_text

VERSION = "3.32.3"  # the version of the server that is imitated
HEALTH = {"healthResults": [], "suppressedHealthResults": [], "healthy": True}

POLL = "GET /api/tasks/poll/{tasktype}"
BATCH_POLL = "GET /api/tasks/poll/batch/{tasktype}"
UPDATE = "POST /api/tasks"
UPDATE_V2 = "POST /api/tasks/update-v2"
TOKEN = "POST /api/token"  # noqa: S105 - a path
PAGE = "GET /"
HEALTH_CHECK = "GET /health"
DOCUMENT = "GET /api-docs"


@dataclass(frozen=True)
class Route:
    """call: takes the engine, then the parameters in their order, then the body if there is one."""

    operation: str
    call: Callable[..., Any]
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    answer: Callable[[Any], Response] = as_json

    @property
    def method(self) -> str:
        return self.operation.partition(" ")[0]

    @property
    def segments(self) -> list[str]:
        return self.operation.partition(" ")[2].split("/")[1:]


def _execute(  # noqa: PLR0917 - in the request's order
    engine: Engine, name: str, version: int, until: str | None, seconds: int, _strategy: str, request: dict[str, Any]
) -> Any:
    refs = [ref.strip() for ref in (until or "").split(",")]
    return engine.signals.execute(name, version, request, seconds, refs)


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


def _remove(engine: Engine, workflow_id: str, archive: bool) -> None:
    status = engine.workflows.get(workflow_id, False)["status"]
    if archive and status in {"RUNNING", "PAUSED"}:
        raise Refusal(400, f"Cannot archive workflow: {workflow_id} with status: {status}")
    engine.control.remove(workflow_id)


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


_STATUS = choice("status", STATUS_CLASS, STATUSES, "PathVariable")
_STRATEGY = choice("returnStrategy", STRATEGY_CLASS, STRATEGIES, "RequestParam", "TARGET_WORKFLOW")
_VERSION = integer("version", java_type="java.lang.Integer")
_WORKFLOW = text("workflowId")
_BY_REF = (_WORKFLOW, text("taskRefName"), _STATUS, text("workerid"))
_TASK_TYPE = text("taskType", required=True)
_SEARCH = (integer("start", 0), integer("size", 100), text("sort"), text("freeText", "*"), text("query"))
_EXTERNAL = (text("path", required=True), text("operation", required=True), text("payloadType", required=True))


def _metadata() -> Iterator[Route]:
    base, name = "/api/metadata/", text("tasktype")
    yield Route(f"GET {base}taskdefs", lambda e: e.metadata.get_task_defs())
    yield Route(
        f"POST {base}taskdefs", lambda e, defs: e.metadata.register_task_defs(defs), (), "[TaskDef]", as_nothing
    )
    yield Route(f"PUT {base}taskdefs", lambda e, each: e.metadata.update_task_def(each), (), "TaskDef", as_nothing)
    yield Route(f"GET {base}taskdefs/{{tasktype}}", lambda e, each: e.metadata.get_task_def(each), (name,))
    yield Route(
        f"DELETE {base}taskdefs/{{tasktype}}",
        lambda e, each: e.metadata.delete_task_def(each),
        (name,),
        None,
        as_nothing,
    )
    yield Route(f"GET {base}workflow", lambda e: e.metadata.get_workflow_defs())
    yield Route(
        f"POST {base}workflow",
        lambda e, overwrite, each: e.metadata.register_workflow_def(each, overwrite),
        (flag("overwrite", False),),
        "WorkflowDef",
        as_nothing,
    )
    yield Route(f"PUT {base}workflow", lambda e, defs: e.metadata.update_workflow_defs(defs), (), "[WorkflowDef]")
    yield Route(f"GET {base}workflow/latest-versions", lambda e: e.metadata.get_latest_workflow_defs())
    yield Route(
        f"GET {base}workflow/{{name}}",
        lambda e, each, version: e.metadata.get_workflow_def(each, version),
        (text("name"), _VERSION),
    )
    yield Route(
        f"DELETE {base}workflow/{{name}}/{{version}}",
        lambda e, each, version: e.metadata.delete_workflow_def(each, version),
        (text("name"), _VERSION),
        None,
        as_nothing,
    )


def _tasks() -> Iterator[Route]:
    base, task_id = "/api/tasks/", text("taskId")
    yield Route(UPDATE, lambda e, result: e.tasks.update(result), (), "TaskResult", as_text)
    yield Route(f"GET {base}{{taskId}}", lambda e, task: e.tasks.get(task), (task_id,))
    yield Route(f"GET {base}{{taskId}}/log", lambda e, task: e.tasks.logs(task), (task_id,), None, as_json_or_204)
    yield Route(
        f"POST {base}{{taskId}}/log", lambda e, task, log: e.tasks.add_log(task, log), (task_id,), "text", as_nothing
    )
    yield Route(
        f"POST {base}{{workflowId}}/{{taskRefName}}/{{status}}",
        lambda e, workflow, ref, status, worker, output: e.tasks.update_by_ref_name(
            workflow, ref, status, output, worker
        ),
        _BY_REF,
        "map",
        as_text,
    )
    yield Route(
        f"POST {base}{{workflowId}}/{{taskRefName}}/{{status}}/sync",
        lambda e, workflow, ref, status, worker, output: e.tasks.update_by_ref_name_sync(
            workflow, ref, status, output, worker
        ),
        _BY_REF,
        "map",
    )
    yield Route(
        f"POST {base}{{workflowId}}/{{status}}/signal",
        lambda e, workflow, status, output: e.signals.signal(workflow, status, output),
        (_WORKFLOW, _STATUS),
        "map",
        as_nothing,
    )
    yield Route(
        f"POST {base}{{workflowId}}/{{status}}/signal/sync",
        lambda e, workflow, status, strategy, ms, output: e.signals.signal_sync(workflow, status, output, strategy, ms),
        (_WORKFLOW, _STATUS, _STRATEGY, integer("timeoutMillis", 5000, "long")),
        "map",
    )
    yield Route(f"GET {base}search", lambda e, *by: e.searches.tasks(*_by(by)), _SEARCH)
    yield Route(f"GET {base}search-v2", lambda e, *by: e.searches.tasks_v2(*_by(by)), _SEARCH)
    for name in ("external-storage-location", "externalstoragelocation"):
        yield Route(f"GET {base}{name}", lambda e, *of: e.storage.location(*of), _EXTERNAL)


def _queues() -> Iterator[Route]:
    base = "/api/tasks/queue/"
    yield Route(f"GET {base}all", lambda e: e.queues.sizes())
    yield Route(f"GET {base}all/verbose", lambda e: e.queues.details())
    yield Route(f"GET {base}size", lambda e, task, domain: e.queues.size(task, domain), (_TASK_TYPE, text("domain")))
    yield Route(f"GET {base}sizes", _queue_sizes_of, (text("taskType"),))
    yield Route(f"GET {base}polldata", _poll_data_of, (_TASK_TYPE,))
    yield Route(f"GET {base}polldata/all", lambda e: e.queues.poll_data())
    yield Route(
        f"POST {base}requeue/{{taskType}}",
        lambda e, task: str(e.queues.requeue(task)),
        (text("taskType"),),
        None,
        as_text,
    )


def _starts() -> Iterator[Route]:
    base = "/api/workflow"
    yield Route(f"POST {base}", lambda e, request: e.workflows.start(request), (), "StartWorkflowRequest", as_text)
    yield Route(
        f"POST {base}/{{name}}",
        _start_by_name,
        (text("name"), _VERSION, text("correlationId"), integer("priority", 0)),
        "map",
        as_text,
    )
    yield Route(
        f"POST {base}/execute/{{name}}/{{version}}",
        _execute,
        (
            *(text("name"), _VERSION, text("waitUntilTaskRef")),
            *(integer("waitForSeconds", 10, "java.lang.Integer"), _STRATEGY),
        ),
        "StartWorkflowRequest",
    )


def _workflows() -> Iterator[Route]:
    base, one = "/api/workflow", (_WORKFLOW,)
    yield Route(f"GET {base}/search", lambda e, *by: e.searches.workflows(*_by(by)), _SEARCH)
    yield Route(
        f"POST {base}/{{name}}/correlated",
        lambda e, *by: e.searches.correlated(*by),
        (text("name"), flag("includeClosed", False), flag("includeTasks", False)),
        "[string]",
    )
    yield Route(
        f"GET {base}/{{workflowId}}",
        lambda e, workflow, tasks: e.workflows.get(workflow, tasks),
        (_WORKFLOW, flag("includeTasks", True)),
    )
    yield Route(
        f"DELETE {base}/{{workflowId}}",
        lambda e, workflow, reason: e.control.terminate(workflow, reason),
        (_WORKFLOW, text("reason")),
        None,
        as_nothing,
    )
    yield Route(
        f"GET {base}/{{workflowId}}/status",
        lambda e, workflow, output, variables: e.workflows.status(workflow, output, variables),
        (_WORKFLOW, flag("includeOutput", False), flag("includeVariables", False)),
    )
    yield Route(f"PUT {base}/decide/{{workflowId}}", lambda e, each: e.control.decide(each), one, None, as_nothing)
    yield Route(f"PUT {base}/{{workflowId}}/pause", lambda e, each: e.control.pause(each), one, None, as_nothing)
    yield Route(f"PUT {base}/{{workflowId}}/resume", lambda e, each: e.control.resume(each), one, None, as_nothing)
    yield Route(
        f"POST {base}/{{workflowId}}/restart",
        lambda e, each, latest: e.again.restart(each, latest),
        (_WORKFLOW, flag("useLatestDefinitions", False)),
        None,
        as_no_content,
    )
    yield Route(
        f"POST {base}/{{workflowId}}/retry",
        lambda e, each, resume: e.again.retry(each, resume),
        (_WORKFLOW, flag("resumeSubworkflowTasks", False)),
        None,
        as_no_content,
    )
    yield Route(
        f"POST {base}/{{workflowId}}/rerun",
        lambda e, workflow, request: e.again.rerun(workflow, request),
        one,
        "RerunWorkflowRequest",
        as_text,
    )
    yield Route(  # the server looks for the request in the query, where clients send none
        f"PUT {base}/{{workflowId}}/skiptask/{{taskReferenceName}}",
        lambda e, workflow, ref: e.control.skip_task(workflow, ref),
        (_WORKFLOW, text("taskReferenceName")),
        None,
        as_nothing,
    )
    yield Route(
        f"DELETE {base}/{{workflowId}}/remove", _remove, (_WORKFLOW, flag("archiveWorkflow", True)), None, as_nothing
    )


def _by(search: Sequence[Any]) -> tuple[Any, ...]:
    start, size, sort, free_text, query = search
    return query, free_text, max(start, 0), size if size >= 0 else 10**9, sort  # SQL's LIMIT -1


def _about() -> Iterator[Route]:
    yield Route(HEALTH_CHECK, lambda _: HEALTH)
    yield Route("GET /api/health", lambda _: HEALTH)
    yield Route("GET /api/version", lambda _: VERSION, (), None, as_text)
    yield Route(DOCUMENT, lambda _: document())


ROUTES = (*_metadata(), *_tasks(), *_queues(), *_starts(), *_workflows(), *_about())

OPERATIONS = frozenset([*(route.operation for route in ROUTES), PAGE, POLL, BATCH_POLL, UPDATE_V2, TOKEN])
