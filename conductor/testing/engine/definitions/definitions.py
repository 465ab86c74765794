"""The registered definitions."""

from __future__ import annotations

from collections import defaultdict

from conductor.testing.engine.records.records import Wire
from conductor.testing.engine.state.store import Store


class Definitions:
    """Task and workflow definitions by name. They have been normalised and checked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.task_defs: dict[str, Wire] = {d["name"]: d for d in store.task_defs.all()}
        self.workflow_defs: dict[str, dict[int, Wire]] = defaultdict(dict)
        for definition in store.workflow_defs.all():
            self.workflow_defs[definition["name"]][definition["version"]] = definition
        self.changes = 0  # their number so far

    def put_task_def(self, definition: Wire) -> None:
        """Keep a definition, in place of an older one."""
        self.task_defs[definition["name"]] = definition
        self._store.task_defs.save(definition)
        self.changes += 1

    def remove_task_def(self, name: str) -> bool:
        """Returns whether there was one."""
        if self.task_defs.pop(name, None) is None:
            return False
        self._store.task_defs.delete(name)
        self.changes += 1
        return True

    def add_workflow_def(self, definition: Wire, now_ms: int) -> None:
        """Keep a new definition. A time of its creation that it brings is not heeded."""
        self._put_workflow_def({"updateTime": 0, **definition, "createTime": now_ms})

    def replace_workflow_def(self, definition: Wire, now_ms: int) -> None:
        """Keep a definition in place of an older one of the same version. It keeps no time of its creation itself."""
        self._put_workflow_def({"createTime": 0, **definition, "updateTime": now_ms})

    def _put_workflow_def(self, definition: Wire) -> None:
        self.workflow_defs[definition["name"]][definition["version"]] = definition
        self._store.workflow_defs.save(definition)
        self.changes += 1

    def remove_workflow_def(self, name: str, version: int) -> bool:
        """Returns whether there was one."""
        if self.workflow_defs[name].pop(version, None) is None:
            return False
        self._store.workflow_defs.delete(name, version)
        self.changes += 1
        return True

    def lookup(self, name: str, version: int | None) -> Wire | None:
        """One version, or the latest."""
        versions = self.workflow_defs.get(name) or {}
        if version is None:
            version = max(versions, default=0)
        return versions.get(version)
