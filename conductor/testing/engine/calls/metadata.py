"""Calls under ``/metadata``."""

from __future__ import annotations

from itertools import chain

from conductor.testing.engine.definitions.checks import check_task_def, check_workflow_def
from conductor.testing.engine.definitions.definitions import Definitions
from conductor.testing.engine.definitions.normalise import normalise_task_def, normalise_workflow_def
from conductor.testing.engine.records.records import Wire
from conductor.testing.engine.records.refusals import Refusal, refuse
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.registry import Kinds


class Metadata:
    """Registers, reads and removes definitions."""

    def __init__(self, state: State, kinds: Kinds, definitions: Definitions) -> None:
        self._state = state
        self._kinds = kinds
        self._definitions = definitions

    # Task definitions

    def register_task_defs(self, defs: list[Wire]) -> None:
        """Create or replace them all, or none. Refusal 400."""
        with self._state.transaction():
            if not defs:
                refuse([{"path": "registerTaskDef.arg0", "message": "TaskDefList is empty"}])
            normalised = [normalise_task_def(given) for given in defs]
            for_each = (check_task_def(each, f"registerTaskDef.arg0[{n}]") for n, each in enumerate(normalised))
            refuse(list(chain.from_iterable(for_each)))
            stamps = {"createTime": self._state.now_ms, "updateTime": 0, "createdBy": ""}
            for definition in normalised:
                definition.pop("updatedBy", None)
                self._definitions.put_task_def({**definition, **stamps})

    def update_task_def(self, d: Wire) -> None:
        """Replace one; what is left out falls back to its default. Refusal 400, 404."""
        with self._state.transaction():
            definition = normalise_task_def(d)
            refuse(check_task_def(definition, "updateTaskDef.arg0"))
            old = self._definitions.task_defs.get(definition["name"])
            if old is None:
                raise Refusal(404, f"No such task by name {definition['name']}")
            stamps = {"createTime": old["createTime"], "updateTime": self._state.now_ms}
            stamps |= {"createdBy": "", "updatedBy": ""}
            self._definitions.put_task_def({**definition, **stamps})

    def get_task_defs(self) -> list[Wire]:
        with self._state.transaction():
            return list(self._definitions.task_defs.values())

    def get_task_def(self, name: str) -> Wire:
        """Refusal 404."""
        with self._state.transaction():
            if name not in self._definitions.task_defs:
                raise Refusal(404, f"No such taskType found by name: {name}")
            return self._definitions.task_defs[name]

    def delete_task_def(self, name: str) -> None:
        """Refusal 500: the server's answer to an unknown name."""
        with self._state.transaction():
            if not self._definitions.remove_task_def(name):
                raise Refusal(500, "No such task definition")

    # Workflow definitions

    def register_workflow_def(self, d: Wire, overwrite: bool = False) -> None:
        """Refusal 400, and 409 when name and version exist and are not to be overwritten."""
        with self._state.transaction():
            definition = normalise_workflow_def(d)
            refuse(self._problems_of(definition, "registerWorkflowDef.arg0"))
            name, version = definition["name"], definition["version"]
            if version not in self._definitions.workflow_defs[name]:
                self._definitions.add_workflow_def(definition, self._state.now_ms)
            elif overwrite:
                self._definitions.replace_workflow_def(definition, self._state.now_ms)
            else:
                raise Refusal(409, f"Workflow with {name}.{version} already exists!")

    def _problems_of(self, definition: Wire, path: str) -> list[Wire]:
        return check_workflow_def(definition, path, self._kinds, self._definitions.task_defs)

    def validate_workflow_def(self, d: Wire) -> None:
        """Check a definition and keep nothing. Refusal 400."""
        refuse(self._problems_of(normalise_workflow_def(d), "validateWorkflowDef.arg0"))

    def update_workflow_defs(self, defs: list[Wire]) -> Wire:
        """Create or replace them all, or none; answers a BulkResponse. Refusal 400."""
        with self._state.transaction():
            normalised = [normalise_workflow_def(given) for given in defs]
            if not defs:
                refuse([{"path": "updateWorkflowDef.arg0", "message": "WorkflowDef list name cannot be null or empty"}])
            for_each = (self._problems_of(each, f"updateWorkflowDef.arg0[{n}]") for n, each in enumerate(normalised))
            refuse(list(chain.from_iterable(for_each)))
            for definition in normalised:
                self._definitions.replace_workflow_def(definition, self._state.now_ms)  # new ones, too
            return {"bulkErrorResults": {}, "bulkSuccessfulResults": [d["name"] for d in normalised]}

    def get_workflow_def(self, name: str, version: int | None = None) -> Wire:
        """One version, or the latest. Refusal 404."""
        with self._state.transaction():
            found = self._definitions.lookup(name, version)
            if found is None:
                text = "null" if version is None else version
                raise Refusal(404, f"No such workflow found by name: {name}, version: {text}")
            return found

    def get_workflow_defs(self) -> list[Wire]:
        with self._state.transaction():
            return [
                definition for versions in self._definitions.workflow_defs.values() for definition in versions.values()
            ]

    def get_latest_workflow_defs(self) -> list[Wire]:
        with self._state.transaction():
            return [versions[max(versions)] for versions in self._definitions.workflow_defs.values() if versions]

    def delete_workflow_def(self, name: str, version: int) -> None:
        """Refusal 500: the server's answer to an unknown one."""
        with self._state.transaction():
            if not self._definitions.remove_workflow_def(name, version):
                raise Refusal(500, f"No such workflow definition: {name} version: {version}")
