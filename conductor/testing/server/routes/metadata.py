"""Routes of task and workflow definitions, under ``/metadata``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conductor.testing.engine import Engine
from conductor.testing.engine.records.classifier import classifier_of
from conductor.testing.server.parameters import flag, integer, text
from conductor.testing.server.responses import as_nothing
from conductor.testing.server.routes.route import Route

_BASE = "/api/metadata/"
_NAME = text("name")


def metadata() -> Iterator[Route]:
    yield from _task_definitions()
    yield from _workflow_definitions()
    yield from _names_and_versions()


def _task_definitions() -> Iterator[Route]:
    path, name = f"{_BASE}taskdefs", text("tasktype")
    yield Route(f"GET {path}", lambda e: e.metadata.get_task_defs())
    yield Route(f"POST {path}", lambda e, defs: e.metadata.register_task_defs(defs), (), "[TaskDef]", as_nothing)
    yield Route(f"PUT {path}", lambda e, each: e.metadata.update_task_def(each), (), "TaskDef", as_nothing)
    yield Route(f"GET {path}/{{tasktype}}", lambda e, each: e.metadata.get_task_def(each), (name,))
    yield Route(
        f"DELETE {path}/{{tasktype}}", lambda e, each: e.metadata.delete_task_def(each), (name,), None, as_nothing
    )


def _workflow_definitions() -> Iterator[Route]:
    path, version = f"{_BASE}workflow", integer("version", java_type="java.lang.Integer")
    yield Route(f"GET {path}", _workflow_defs_of, (text("classifier"),))
    yield Route(
        f"POST {path}",
        lambda e, overwrite, each: e.metadata.register_workflow_def(each, overwrite),
        (flag("overwrite", False),),
        "WorkflowDef",
        as_nothing,
    )
    yield Route(f"PUT {path}", lambda e, defs: e.metadata.update_workflow_defs(defs), (), "[WorkflowDef]")
    yield Route(
        f"POST {path}/validate", lambda e, each: e.metadata.validate_workflow_def(each), (), "WorkflowDef", as_nothing
    )
    yield Route(
        f"GET {path}/{{name}}", lambda e, each, number: e.metadata.get_workflow_def(each, number), (_NAME, version)
    )
    yield Route(
        f"DELETE {path}/{{name}}/{{version}}",
        lambda e, each, number: e.metadata.delete_workflow_def(each, number),
        (_NAME, version),
        None,
        as_nothing,
    )


def _names_and_versions() -> Iterator[Route]:
    path = f"{_BASE}workflow"
    yield Route(f"GET {path}/latest-versions", lambda e: e.metadata.get_latest_workflow_defs())
    yield Route(f"GET {path}/names", lambda e: sorted({each["name"] for each in e.metadata.get_workflow_defs()}))
    yield Route(f"GET {path}/names-and-versions", _versions_by_name)
    yield Route(f"GET {path}/{{name}}/versions", _versions_of, (_NAME,))


def _workflow_defs_of(engine: Engine, classifier: str | None) -> list[dict[str, Any]]:
    wanted = (classifier or "").strip().lower()
    found = engine.metadata.get_workflow_defs()
    return [each for each in found if classifier_of(each).lower() == wanted] if wanted else found


def _versions_by_name(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in engine.metadata.get_workflow_defs():
        found.setdefault(each["name"], []).append(_summary(each, "updateTime"))
    return {name: sorted(found[name], key=lambda each: int(each["version"])) for name in sorted(found)}


def _versions_of(engine: Engine, name: str) -> list[dict[str, Any]]:
    """The server leaves an updateTime of 0 out here, and here only."""
    found = [_summary(each) for each in engine.metadata.get_workflow_defs() if each["name"] == name]
    return sorted(found, key=lambda each: int(each["version"]))


def _summary(definition: dict[str, Any], *more: str) -> dict[str, Any]:
    return {member: definition[member] for member in ("name", "version", "createTime", *more) if member in definition}
