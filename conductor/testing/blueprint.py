"""A workflow definition read as a plan: which task follows which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

WorkflowTask = dict[str, Any]

_MISSING: Any = object()


def children(task: WorkflowTask) -> list[list[WorkflowTask]]:
    """The sequences of tasks inside a task."""
    kind = task["type"]
    if kind == "SWITCH":
        return [*task["decisionCases"].values(), task["defaultCase"]]
    if kind == "FORK_JOIN":
        return list(task["forkTasks"])
    if kind == "DO_WHILE":
        return [task["loopOver"]]
    return []


def walk(tasks: list[WorkflowTask]) -> Iterator[WorkflowTask]:
    """Every task of a sequence, those inside others included."""
    for task in tasks:
        yield task
        for sequence in children(task):
            yield from walk(sequence)


def contains(task: WorkflowTask, ref: str) -> bool:
    """Whether a task is, or holds, the one with a reference name."""
    return any(inner["taskReferenceName"] == ref for inner in walk([task]))


class Blueprint:
    """The definition that a workflow was started with, task definitions filled in. Never changed, shared by workflows.

    ``snapshot`` is the number under which the store keeps it.
    """

    def __init__(self, definition: dict[str, Any], snapshot: int) -> None:
        self.definition = definition
        self.snapshot = snapshot
        self.tasks: list[WorkflowTask] = definition["tasks"]
        self.by_ref = {task["taskReferenceName"]: task for task in walk(self.tasks)}
        self._next: dict[str, WorkflowTask | None] = {}

    def next_task(self, ref: str) -> WorkflowTask | None:
        """What follows the task with a reference name; the DO_WHILE itself after the last task of its body."""
        found = self._next.get(ref, _MISSING)
        if found is _MISSING:
            found = self._next[ref] = self._find_next(ref)
        return found  # type: ignore[no-any-return]

    def _find_next(self, ref: str) -> WorkflowTask | None:
        if self.by_ref.get(ref, {}).get("type") == "TERMINATE":
            return None
        return _next_in(self.tasks, ref, None)


def _next_in(sequence: list[WorkflowTask], ref: str, after: WorkflowTask | None) -> WorkflowTask | None:
    """What follows ``ref`` in or below a sequence, at whose end comes ``after``."""
    for position, task in enumerate(sequence):
        following = sequence[position + 1] if position + 1 < len(sequence) else after
        if task["taskReferenceName"] == ref:
            return following
        if not contains(task, ref):
            continue
        # A loop is evaluated again after its body; a SWITCH or fork goes on with what stands behind it.
        last = task if task["type"] == "DO_WHILE" else following
        for inner in children(task):
            if any(contains(candidate, ref) for candidate in inner):
                return _next_in(inner, ref, last)
    return None
