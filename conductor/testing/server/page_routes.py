"""The page at /: its files, the data that it asks for, and what a person can do with it.

The page has addresses of its own, so that it stays apart from the workers: a browser opens them with the key as user
name and password, and actions are taken from the page alone. See ``Guard``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conductor.testing.engine import Engine, Refusal
from conductor.testing.page import INDEX, page_files
from conductor.testing.server.http_wire import Response
from conductor.testing.server.parameters import integer, text
from conductor.testing.server.responses import as_nothing, as_text
from conductor.testing.server.routes.about import PAGE
from conductor.testing.server.routes.route import Route

DATA = "GET /page/data/"
ACTIONS = "POST /page/actions/"

BY_HAND = frozenset({"WAIT", "HUMAN"})
OPEN = frozenset({"SCHEDULED", "IN_PROGRESS"})
_SINCE = text("since")
_SAFE = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def is_of_page(operation: str) -> bool:
    """Whether an operation belongs to the page: then a browser may use the key itself for it."""
    return operation == PAGE or operation.partition(" ")[2].startswith("/page/")


def page_routes(with_actions: bool) -> Iterator[Route]:
    """with_actions: False refuses all that would change something."""
    yield Route(PAGE, lambda _: INDEX, (), None, _as_file)
    yield Route("GET /page/{file}", lambda _, name: name, (text("file"),), None, _as_file)
    yield from _data(with_actions)
    yield from _actions() if with_actions else map(_refused, _actions())


def _data(with_actions: bool) -> Iterator[Route]:
    yield Route(
        f"{DATA}overview",
        lambda e, *of: {**e.overview.changes(*of), "actions": with_actions},
        (_SINCE, text("status", ""), text("name", ""), text("text", ""), integer("limit", 50)),
    )
    one = text("workflowId"), _SINCE
    yield Route(f"{DATA}workflow/{{workflowId}}", lambda e, *of: e.overview.workflow(*of), one)
    yield Route(f"{DATA}task/{{taskId}}", lambda e, *of: e.overview.task(*of), (text("taskId"), _SINCE))
    yield Route(f"{DATA}definitions", _definitions)


def _actions() -> Iterator[Route]:
    one = (text("workflowId"),)
    yield Route(f"{ACTIONS}start", lambda e, request: e.workflows.start(request), (), "StartWorkflowRequest", as_text)
    yield Route(f"{ACTIONS}retry/{{workflowId}}", lambda e, each, _: e.again.retry(each, False), one, "map", as_nothing)
    yield Route(f"{ACTIONS}terminate/{{workflowId}}", _terminate, one, "map", as_nothing)
    yield Route(f"{ACTIONS}complete", _complete, (), "TaskResult", as_text)


def _definitions(engine: Engine) -> list[dict[str, Any]]:
    """The names of all workflows, each with an input to begin with."""
    found = [
        {"name": each["name"], "input": {**dict.fromkeys(each["inputParameters"], None), **each["inputTemplate"]}}
        for each in engine.metadata.get_latest_workflow_defs()
    ]
    return sorted(found, key=lambda each: str(each["name"]))


def _terminate(engine: Engine, workflow_id: str, request: dict[str, Any]) -> None:
    reason = request.get("reason")
    if not isinstance(reason, str | None):
        raise Refusal(400, "reason must be a text")
    engine.control.terminate(workflow_id, reason)


def _complete(engine: Engine, result: dict[str, Any]) -> str:
    """The answer of a person to a task that waits for one. Tasks of workers are left to the workers."""
    task = engine.tasks.get(str(result.get("taskId")))
    if task["taskType"] not in BY_HAND or task["status"] not in OPEN:
        found = f"{task['referenceTaskName']} is a {task['taskType']} task, and {task['status']}"
        raise Refusal(400, f"the page completes open WAIT and HUMAN tasks: {found}")
    return str(engine.tasks.update(result))


def _refused(route: Route) -> Route:
    def refuse(*_: object) -> None:
        raise Refusal(403, "this server was started with page_actions=False: its page only shows")

    return Route(route.operation, refuse, route.parameters, route.body)


def _as_file(name: str) -> Response:
    if name not in page_files():
        raise Refusal(404, f"No static resource page/{name}.")
    content, media_type = page_files()[name]
    return Response(200, content, media_type, _SAFE)
