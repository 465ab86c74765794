"""Task and workflow definitions: what the server fills in, what it refuses, and the calls that manage them."""

from __future__ import annotations

import copy
from typing import Any

from conductor.server_defaults import TASK_DEF, WORKFLOW_DEF, WORKFLOW_TASK
from conductor.testing.engine.blueprint import Blueprint, walk
from conductor.testing.engine.core import Core
from conductor.testing.engine.model import Refusal, Termination, Wire
from conductor.testing.engine.payloads import check_definition_depth
from conductor.testing.engine.validation import check_step, check_task_def, check_workflow_def, refuse

_TASK_DEF_OPTIONAL = (
    *("name", "description", "concurrentExecLimit", "isolationGroupId", "executionNameSpace", "ownerEmail"),
    *("pollTimeoutSeconds", "baseType", "inputSchema", "outputSchema", "ownerApp"),
)
_WORKFLOW_DEF_OPTIONAL = (
    *("name", "description", "failureWorkflow", "failureWorkflowVersion", "ownerEmail", "rateLimitConfig"),
    *("workflowStatusListenerSink", "inputSchema", "outputSchema", "cacheConfig"),
    *("ownerApp", "createdBy", "updatedBy"),
)
_WORKFLOW_TASK_OPTIONAL = (
    *("name", "taskReferenceName", "description", "dynamicTaskNameParam", "scriptExpression", "subWorkflowParam"),
    *("sink", "taskDefinition", "rateLimited", "loopCondition", "items", "retryCount", "evaluatorType", "expression"),
    *("caseValueParam", "caseExpression", "joinStatus", "cacheConfig", "joinMode", "defaultExclusiveJoinTask"),
    *("dynamicForkTasksParam", "dynamicForkTasksInputParamName", "dynamicForkJoinTasksParam"),
)


def _normalise(given: Wire, defaults: Wire, optional: tuple[str, ...]) -> Wire:
    """The known members of what was sent, the defaults where they are missing or null."""
    found = {name: given[name] for name in (*defaults, *optional) if given.get(name) is not None}
    return {**copy.deepcopy(defaults), **found}


def normalise_task_def(given: Wire) -> Wire:
    """The definition as the server stores it. Refusal 400 for one that is nested too deep."""
    check_definition_depth(given)
    return _normalise(given, TASK_DEF, _TASK_DEF_OPTIONAL)


def normalise_workflow_def(given: Wire) -> Wire:
    """The definition as the server stores it. Refusal 400 for one that is nested too deep."""
    check_definition_depth(given)
    definition = _normalise(given, WORKFLOW_DEF, _WORKFLOW_DEF_OPTIONAL)
    definition["tasks"] = [_normalise_task(task) for task in definition["tasks"]]
    return definition


def _normalise_task(given: Wire) -> Wire:
    task = _normalise(given, WORKFLOW_TASK, _WORKFLOW_TASK_OPTIONAL)
    cases = task["decisionCases"]
    task["decisionCases"] = {case: [_normalise_task(inner) for inner in cases[case]] for case in cases}
    task["forkTasks"] = [[_normalise_task(inner) for inner in branch] for branch in task["forkTasks"]]
    for sequence in ("defaultCase", "loopOver"):
        task[sequence] = [_normalise_task(inner) for inner in task[sequence]]
    if "taskDefinition" in task:
        task["taskDefinition"] = normalise_task_def(task["taskDefinition"])
    return task


class DefinitionCalls(Core):
    """The engine's calls under ``/metadata``."""

    # Task definitions

    def register_task_defs(self, defs: list[Wire]) -> None:
        """Create or replace them all, or none. Refusal 400."""
        with self.transaction():
            if not defs:
                refuse([{"path": "registerTaskDef.arg0", "message": "TaskDefList is empty"}])
            normalised = [normalise_task_def(given) for given in defs]
            problems = [
                problem
                for position, definition in enumerate(normalised)
                for problem in check_task_def(definition, f"registerTaskDef.arg0[{position}]")
            ]
            refuse(problems)
            for definition in normalised:
                self._put_task_def({"createTime": self._now_ms, "updateTime": 0, "createdBy": "", **definition})

    def update_task_def(self, d: Wire) -> None:
        """Replace one; what is left out falls back to its default. Refusal 400, 404."""
        with self.transaction():
            definition = normalise_task_def(d)
            refuse(check_task_def(definition, "updateTaskDef.arg0"))
            old = self._task_defs.get(definition["name"])
            if old is None:
                raise Refusal(404, f"No such task by name {definition['name']}")
            stamps = {"createTime": old["createTime"], "updateTime": self._now_ms, "createdBy": "", "updatedBy": ""}
            self._put_task_def({**stamps, **definition})

    def _put_task_def(self, definition: Wire) -> None:
        self._task_defs[definition["name"]] = definition
        self._store.save_task_def(definition["name"], definition)
        self._blueprints.clear()

    def get_task_defs(self) -> list[Wire]:
        with self.transaction():
            return list(self._task_defs.values())

    def get_task_def(self, name: str) -> Wire:
        """Refusal 404."""
        with self.transaction():
            if name not in self._task_defs:
                raise Refusal(404, f"No such taskType found by name: {name}")
            return self._task_defs[name]

    def delete_task_def(self, name: str) -> None:
        """Refusal 500: the server's answer to an unknown name."""
        with self.transaction():
            if self._task_defs.pop(name, None) is None:
                raise Refusal(500, "No such task definition")
            self._store.delete_task_def(name)
            self._blueprints.clear()

    # Workflow definitions

    def register_workflow_def(self, d: Wire, overwrite: bool = False) -> None:
        """Refusal 400, and 409 when name and version exist and are not to be overwritten."""
        with self.transaction():
            definition = normalise_workflow_def(d)
            refuse(check_workflow_def(definition, "registerWorkflowDef.arg0", self._stubs))
            name, version = definition["name"], definition["version"]
            if version in self._workflow_defs[name] and not overwrite:
                raise Refusal(409, f"Workflow with {name}.{version} already exists!")
            self._put_workflow_def(definition)

    def update_workflow_defs(self, defs: list[Wire]) -> Wire:
        """Create or replace them all, or none; answers a BulkResponse. Refusal 400."""
        with self.transaction():
            normalised = [normalise_workflow_def(given) for given in defs]
            if not defs:
                refuse([{"path": "updateWorkflowDef.arg0", "message": "WorkflowDef list name cannot be null or empty"}])
            problems = [
                problem
                for position, definition in enumerate(normalised)
                for problem in check_workflow_def(definition, f"updateWorkflowDef.arg0[{position}]", self._stubs)
            ]
            refuse(problems)
            for definition in normalised:
                self._put_workflow_def({"createTime": 0, "updateTime": self._now_ms, **definition})  # new ones, too
            return {"bulkErrorResults": {}, "bulkSuccessfulResults": [d["name"] for d in normalised]}

    def _put_workflow_def(self, definition: Wire) -> None:
        name, version = definition["name"], definition["version"]
        old = self._workflow_defs[name].get(version)
        created, updated = (0, self._now_ms) if old else (self._now_ms, 0)  # an overwriting one brings no createTime
        definition = {"createTime": created, "updateTime": updated, **definition}
        self._workflow_defs[name][version] = definition
        self._store.save_workflow_def(name, version, definition)
        self._blueprints.clear()

    def get_workflow_def(self, name: str, version: int | None = None) -> Wire:
        """One version, or the latest. Refusal 404."""
        with self.transaction():
            found = self._lookup(name, version)
            if found is None:
                text = "null" if version is None else version
                raise Refusal(404, f"No such workflow found by name: {name}, version: {text}")
            return found

    def get_workflow_defs(self) -> list[Wire]:
        with self.transaction():
            return [definition for versions in self._workflow_defs.values() for definition in versions.values()]

    def get_latest_workflow_defs(self) -> list[Wire]:
        with self.transaction():
            return [versions[max(versions)] for versions in self._workflow_defs.values() if versions]

    def delete_workflow_def(self, name: str, version: int) -> None:
        """Refusal 500: the server's answer to an unknown one."""
        with self.transaction():
            if self._workflow_defs[name].pop(version, None) is None:
                raise Refusal(500, f"No such workflow definition: {name} version: {version}")
            self._store.delete_workflow_def(name, version)
            self._blueprints.clear()

    # For starting workflows

    def _lookup(self, name: str, version: int | None) -> Wire | None:
        versions = self._workflow_defs.get(name) or {}
        if version is None:
            version = max(versions, default=0)
        return versions.get(version)

    def _blueprint_of(self, definition: Wire) -> Blueprint:
        """The registered definition as a plan, with the task definitions of now."""
        key = definition["name"], definition["version"]
        if key not in self._blueprints:
            self._blueprints[key] = self._populate(definition)
        return self._blueprints[key]

    def _populate(self, definition: Wire) -> Blueprint:
        """Fill in task definitions: the registered one, else the server's defaults (system types never retry)."""
        filled: Wire = copy.deepcopy(definition)
        for task in walk(filled["tasks"]):
            self._populate_task(task)
        return self._store.blueprint(filled)

    def _populate_task(self, task: Wire) -> None:
        if "taskDefinition" not in task and task["type"] != "DYNAMIC":
            task["taskDefinition"] = self._task_def_of(task)
        if task["type"] == "SUB_WORKFLOW" and task["subWorkflowParam"].get("version") is None:
            task["subWorkflowParam"]["version"] = self._latest_version(task["subWorkflowParam"]["name"])

    def _task_def_of(self, task: Wire) -> Wire:
        return self._task_defs.get(task["name"]) or _ad_hoc(task)

    def _own_step(self, given: Wire) -> Wire:
        """A step that is made while its workflow runs. Termination: this server does not run it."""
        step = _normalise_task(given)
        problems = check_step(step, self._stubs)
        if problems:
            raise Termination("; ".join(problems))
        self._populate_task(step)
        return step

    def _latest_version(self, name: str) -> int:
        if not self._workflow_defs.get(name):
            raise Refusal(500, f"The Task {name} defined as a sub-workflow has no workflow definition available ")
        return max(self._workflow_defs[name])


def _ad_hoc(task: Wire) -> Wire:
    system: dict[str, Any] = {} if task["type"] == "SIMPLE" else {"retryCount": 0, "responseTimeoutSeconds": 0}
    return {"createTime": 0, "updateTime": 0, **normalise_task_def({"name": task["name"], **system})}
