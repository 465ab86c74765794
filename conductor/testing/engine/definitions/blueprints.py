"""The plans of workflows, made of their definitions."""

from __future__ import annotations

import copy

from conductor.testing.engine.definitions.checks import check_steps, check_workflow_def
from conductor.testing.engine.definitions.definitions import Definitions
from conductor.testing.engine.definitions.normalise import ad_hoc_task_def, normalise_step, normalise_workflow_def
from conductor.testing.engine.records.blueprint import Blueprint, walk
from conductor.testing.engine.records.records import Wire
from conductor.testing.engine.records.refusals import Refusal, Termination, refuse
from conductor.testing.engine.state.store import Store
from conductor.testing.engine.tasks.registry import Kinds


class Blueprints:
    """Makes plans for workflows that start, and steps for workflows that run.

    strict_inputs: each expression in the input of a task must have a value.
    """

    def __init__(self, store: Store, kinds: Kinds, definitions: Definitions, *, strict_inputs: bool) -> None:
        self.strict_inputs = strict_inputs
        self._store = store
        self._kinds = kinds
        self._definitions = definitions
        self._made: dict[tuple[str, int], Blueprint] = {}  # of registered definitions, as they are now
        self._made_at = 0  # the number of changes of definitions before

    def of_request(self, request: Wire) -> Blueprint:
        """The plan for a StartWorkflowRequest: its workflowDef, or a registered one. Refusal 400, 404."""
        given = request.get("workflowDef")
        if given is not None:
            definition = _read(given)
            path = "startWorkflow.arg0.workflowDef"
            refuse(check_workflow_def(definition, path, self._kinds, self._definitions.task_defs))
            return self._populate({"createTime": 0, "updateTime": 0, **definition})
        name, version = str(request["name"]), request.get("version")
        if not name.strip():
            raise Refusal(400, "Workflow name must be specified when searching for a definition")
        found = self.registered(name, version)
        if found is None:
            text = "null" if version is None else version
            raise Refusal(404, f"No such workflow defined. name={name}, version={text}")
        return found

    def of_child(self, given: object) -> Blueprint:
        """The plan of a sub-workflow that is defined where it is used. Fewer checks are made (3.32.3). Refusal 400."""
        definition = _read(given)
        refuse(check_steps(definition, "workflowDefinition", self._kinds, self._definitions.task_defs))
        return self._populate(definition)

    def registered(self, name: str, version: int | None) -> Blueprint | None:
        """The plan of one version of a registered definition, or of the latest, with the task definitions of now."""
        definition = self._definitions.lookup(name, version)
        if definition is None:
            return None
        if self._made_at != self._definitions.changes:
            self._made.clear()
            self._made_at = self._definitions.changes
        key = name, definition["version"]
        if key not in self._made:
            self._made[key] = self._populate(definition)
        return self._made[key]

    def _populate(self, definition: Wire) -> Blueprint:
        """Fill in task definitions: the registered one, else the server's defaults (system types never retry)."""
        filled: Wire = copy.deepcopy(definition)
        for step in walk(filled["tasks"]):
            self._populate_step(step)
        return self._store.blueprint(filled)

    def _populate_step(self, step: Wire) -> None:
        if "taskDefinition" not in step:
            step["taskDefinition"] = self.task_def_of(step)
        if step["type"] == "SUB_WORKFLOW" and step["subWorkflowParam"].get("version") is None:
            name = step["subWorkflowParam"]["name"]
            latest = self._definitions.lookup(name, None)
            if latest is None:
                raise Refusal(500, f"The Task {name} defined as a sub-workflow has no workflow definition available ")
            step["subWorkflowParam"]["version"] = latest["version"]

    # Steps

    def task_def_of(self, step: Wire) -> Wire:
        """The task definition of a step: the registered one, or else that of the server for names without one."""
        return self._definitions.task_defs.get(step["name"]) or ad_hoc_task_def(step)

    def own_step(self, given: Wire) -> Wire:
        """A step that is given while its workflow runs, as a step of a definition. Termination: it is refused."""
        step = normalise_step(copy.deepcopy(given))  # it may be a part of the output of a task
        problems = [text for inner in walk([step]) for text in self._kinds.problems(inner)]
        if problems:
            raise Termination("; ".join(problems))
        if self._is_undefined(step) and not self._kinds.is_known(step):
            text = f"Invalid task specified. Cannot find task by name {step['name']} in the task definitions"
            raise Termination(text)
        for inner in walk([step]):
            self._populate_own_step(inner)
        return step

    def _populate_own_step(self, step: Wire) -> None:
        """The server makes no definition for such a step (3.32.3)."""
        if self._is_undefined(step):
            if step["type"] == "DYNAMIC":
                return  # it gets the definition of the name in its input
            if step["type"] == "SIMPLE":
                step["retryCount"] = 0  # without a definition the task is never tried again
        try:
            self._populate_step(step)
        except Refusal as refusal:
            raise Termination(refusal.message) from None

    def _is_undefined(self, step: Wire) -> bool:
        return "taskDefinition" not in step and step["name"] not in self._definitions.task_defs


def _read(given: object) -> Wire:
    """A workflow definition that may have come from the data of a workflow, normalised. Refusal 400."""
    if not isinstance(given, dict):
        raise Refusal(400, f"The workflow definition must be an object, not {given!r:.100}")
    try:
        return normalise_workflow_def(given)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise Refusal(400, f"The workflow definition cannot be read: {error}") from None
