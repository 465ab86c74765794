"""Routes that search tasks and workflows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conductor.testing.engine import Engine
from conductor.testing.engine.records.refusals import problem, refuse
from conductor.testing.server.parameters import flag, integer, text
from conductor.testing.server.routes.route import Route

_SEARCH = (integer("start", 0), integer("size", 100), text("sort"), text("freeText", "*"), text("query"))
_WORKFLOW_SEARCH = (*_SEARCH, text("classifier"), flag("topLevelOnly", False))
_MOST_WORKFLOWS = 5000

Found = dict[str, Any]
"""A SearchResult."""


def searches() -> Iterator[Route]:
    tasks, workflows = "GET /api/tasks/", "GET /api/workflow/"
    yield Route(f"{tasks}search", _tasks, _SEARCH)
    yield Route(f"{tasks}search-v2", lambda e, *by: e.searches.tasks_v2(*_arguments(*by)), _SEARCH)
    yield Route(f"{workflows}search", lambda e, *by: _workflows(e, "searchWorkflows", *by), _WORKFLOW_SEARCH)
    v2 = "searchWorkflowsV2"
    yield Route(f"{workflows}search-v2", lambda e, *by: _whole(e, _workflows(e, v2, *by)), _WORKFLOW_SEARCH)
    yield Route(f"{workflows}search-by-tasks", lambda e, *by: _summaries(e, _workflows_of_tasks(e, *by)), _SEARCH)
    yield Route(f"{workflows}search-by-tasks-v2", lambda e, *by: _whole(e, _workflows_of_tasks(e, *by)), _SEARCH)


def _arguments(start: int, size: int, sort: str | None, free_text: str, query: str | None) -> tuple[Any, ...]:
    return query, free_text, max(start, 0), size if size >= 0 else 10**9, sort  # SQL's LIMIT -1


def _tasks(engine: Engine, *search: Any) -> Found:
    found: Found = engine.searches.tasks(*_arguments(*search))
    return found


def _workflows(engine: Engine, operation: str, *search: Any) -> Found:
    start, size, sort, free_text, query, classifier, top_level_only = search
    if size > _MOST_WORKFLOWS:
        text = f"Cannot return more than {_MOST_WORKFLOWS} workflows. Please use pagination."
        refuse([problem(f"{operation}.arg1", text, size)])
    wanted = [each.strip() for each in (classifier or "").split(",") if each.strip()]
    clauses = [query] if (query or "").strip() else []
    clauses += [f"classifier IN ({','.join(wanted)})"] if wanted else []
    clauses += ['parentWorkflowId=""'] if top_level_only else []
    found: Found = engine.searches.workflows(*_arguments(start, size, sort, free_text, " AND ".join(clauses)))
    return found


def _workflows_of_tasks(engine: Engine, *search: Any) -> Found:
    """The workflows of the tasks that are found, each of them once."""
    found = _tasks(engine, *search)
    ids = list(dict.fromkeys(summary["workflowId"] for summary in found["results"]))
    fewer = len(found["results"]) - len(ids)
    return {"totalHits": found["totalHits"] - fewer, "results": [{"workflowId": each} for each in ids]}


def _whole(engine: Engine, found: Found) -> Found:
    """The workflows in place of their summaries. They are without their tasks."""
    return {**found, "results": [engine.workflows.get(each["workflowId"], False) for each in found["results"]]}


def _summaries(engine: Engine, found: Found) -> Found:
    ids = [each["workflowId"] for each in found["results"]]
    summaries = engine.searches.workflows(f"workflowId IN ({','.join(ids)})", "*", 0, len(ids), None)
    by_id = {each["workflowId"]: each for each in summaries["results"]}
    return {**found, "results": [by_id[each] for each in ids if each in by_id]}
