"""The registered definitions, and the plans that are made of them."""

from __future__ import annotations

import copy
from collections import defaultdict

from conductor.testing.engine.definitions.checks import check_steps, check_workflow_def
from conductor.testing.engine.definitions.normalise import ad_hoc_task_def, normalise_step, normalise_workflow_def
from conductor.testing.engine.records.blueprint import Blueprint, walk
from conductor.testing.engine.records.records import Wire
from conductor.testing.engine.records.refusals import Refusal, Termination, refuse
from conductor.testing.engine.state.store import Store
from conductor.testing.engine.tasks.registry import Kinds


class Definitions:
    """Task and workflow definitions by name. They are normalised and checked.

    strict_inputs: each expression in the input of a task must have a value.
    """

    def __init__(self, store: Store, kinds: Kinds, *, strict_inputs: bool) -> None:
        self.strict_inputs = strict_inputs
        self._store = store
        self._kinds = kinds
        self.task_defs: dict[str, Wire] = {d["name"]: d for d in store.task_defs()}
        self.workflow_defs: dict[str, dict[int, Wire]] = defaultdict(dict)
        for definition in store.workflow_defs():
            self.workflow_defs[definition["name"]][definition["version"]] = definition
        self._blueprints: dict[tuple[str, int], Blueprint] = {}  # as they are now; emptied when a definition changes

    # Registered ones

    def put_task_def(self, definition: Wire) -> None:
        """Keep a definition, in place of an older one."""
        self.task_defs[definition["name"]] = definition
        self._store.save_task_def(definition["name"], definition)
        self._blueprints.clear()

    def remove_task_def(self, name: str) -> bool:
        """Returns whether there was one."""
        if self.task_defs.pop(name, None) is None:
            return False
        self._store.delete_task_def(name)
        self._blueprints.clear()
        return True

    def add_workflow_def(self, definition: Wire, now_ms: int) -> None:
        """Keep a new definition. A time of its creation that it brings is not heeded."""
        self._put_workflow_def({"updateTime": 0, **definition, "createTime": now_ms})

    def replace_workflow_def(self, definition: Wire, now_ms: int) -> None:
        """Keep a definition in place of an older one of the same version. It keeps no time of its creation itself."""
        self._put_workflow_def({"createTime": 0, **definition, "updateTime": now_ms})

    def _put_workflow_def(self, definition: Wire) -> None:
        name, version = definition["name"], definition["version"]
        self.workflow_defs[name][version] = definition
        self._store.save_workflow_def(name, version, definition)
        self._blueprints.clear()

    def remove_workflow_def(self, name: str, version: int) -> bool:
        """Returns whether there was one."""
        if self.workflow_defs[name].pop(version, None) is None:
            return False
        self._store.delete_workflow_def(name, version)
        self._blueprints.clear()
        return True

    def lookup(self, name: str, version: int | None) -> Wire | None:
        """One version, or the latest."""
        versions = self.workflow_defs.get(name) or {}
        if version is None:
            version = max(versions, default=0)
        return versions.get(version)

    def problems_of(self, definition: Wire, path: str) -> list[Wire]:
        """The reasons to refuse a workflow definition, which has been normalised."""
        return check_workflow_def(definition, path, self._kinds, self.task_defs)

    # For starting workflows

    def of_request(self, request: Wire) -> Blueprint:
        """The plan for a StartWorkflowRequest: its workflowDef, or a registered one. Refusal 400, 404."""
        given = request.get("workflowDef")
        if given is not None:
            definition = _read(given)
            refuse(self.problems_of(definition, "startWorkflow.arg0.workflowDef"))
            return self._populate({"createTime": 0, "updateTime": 0, **definition})
        return self.of_name(str(request["name"]), request.get("version"))

    def of_child(self, given: object) -> Blueprint:
        """The plan of a sub-workflow that is defined where it is used. Fewer checks are made (3.32.3). Refusal 400."""
        definition = _read(given)
        refuse(check_steps(definition, "workflowDefinition", self._kinds, self.task_defs))
        return self._populate(definition)

    def of_name(self, name: str, version: int | None) -> Blueprint:
        """The plan of a registered definition. Refusal 404."""
        found = self.lookup(name, version)
        if found is None:
            text = "null" if version is None else version
            raise Refusal(404, f"No such workflow defined. name={name}, version={text}")
        return self.blueprint_of(found)

    def blueprint_of(self, definition: Wire) -> Blueprint:
        """The registered definition as a plan, with the task definitions of now."""
        key = definition["name"], definition["version"]
        if key not in self._blueprints:
            self._blueprints[key] = self._populate(definition)
        return self._blueprints[key]

    def _populate(self, definition: Wire) -> Blueprint:
        """Fill in task definitions: the registered one, else the server's defaults (system types never retry)."""
        filled: Wire = copy.deepcopy(definition)
        for step in walk(filled["tasks"]):
            self._populate_step(step)
        return self._store.blueprint(filled)

    def _populate_step(self, step: Wire) -> None:
        if "taskDefinition" not in step and step["type"] != "DYNAMIC":
            step["taskDefinition"] = self.task_def_of(step)
        if step["type"] == "SUB_WORKFLOW" and step["subWorkflowParam"].get("version") is None:
            step["subWorkflowParam"]["version"] = self._latest_version(step["subWorkflowParam"]["name"])

    def _latest_version(self, name: str) -> int:
        if not self.workflow_defs.get(name):
            raise Refusal(500, f"The Task {name} defined as a sub-workflow has no workflow definition available ")
        return max(self.workflow_defs[name])

    # For tasks

    def task_def_of(self, step: Wire) -> Wire:
        """The task definition of a step: the registered one, or else that of the server for names without one."""
        return self.task_defs.get(step["name"]) or ad_hoc_task_def(step)

    def own_step(self, given: Wire) -> Wire:
        """A step that is given while its workflow runs, as a step of a definition. Termination: it is refused."""
        step = normalise_step(given)
        problems = [text for inner in walk([step]) for text in self._kinds.problems(inner)]
        if problems:
            raise Termination("; ".join(problems))
        if "taskDefinition" not in step and step["name"] not in self.task_defs and not self._kinds.is_known(step):
            raise Termination(
                f"Invalid task specified. Cannot find task by name {step['name']} in the task definitions"
            )
        if "taskDefinition" not in step and step["type"] == "SIMPLE" and step["name"] not in self.task_defs:
            # The server makes no definition for it, so the task is never tried again (3.32.3).
            step = {**step, "retryCount": 0}
        try:
            self._populate_step(step)
        except Refusal as refusal:
            raise Termination(refusal.message) from None
        return step


def _read(given: object) -> Wire:
    """A workflow definition that may have come from the data of a workflow, normalised. Refusal 400."""
    if not isinstance(given, dict):
        raise Refusal(400, f"The workflow definition must be an object, not {given!r:.100}")
    try:
        return normalise_workflow_def(given)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise Refusal(400, f"The workflow definition cannot be read: {error}") from None
