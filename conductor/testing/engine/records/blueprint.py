"""A workflow definition as a plan, which knows the next task after each task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

WorkflowTask = dict[str, Any]


def places(task: WorkflowTask) -> dict[str, list[WorkflowTask]]:
    """The lists of tasks inside a task: branches, cases, the body of a loop. By their names in problems."""
    kind = task["type"]
    if kind in ("SWITCH", "DECISION"):
        cases = {f"decisionCases[{case}].<map value>": tasks for case, tasks in task["decisionCases"].items()}
        return {**cases, "defaultCase": task["defaultCase"]}
    if kind == "FORK_JOIN":
        return {f"forkTasks[{number}].<list element>": tasks for number, tasks in enumerate(task["forkTasks"])}
    return {"loopOver": task["loopOver"]} if kind == "DO_WHILE" else {}


def children(task: WorkflowTask) -> list[list[WorkflowTask]]:
    """The lists of tasks inside a task."""
    return list(places(task).values())


def walk(tasks: list[WorkflowTask]) -> Iterator[WorkflowTask]:
    """All tasks of a list, with the tasks inside of them."""
    for task in tasks:
        yield task
        for sequence in children(task):
            yield from walk(sequence)


def contains(task: WorkflowTask, ref: str) -> bool:
    """Whether the task has the reference name, or contains a task that has it."""
    return any(inner["taskReferenceName"] == ref for inner in walk([task]))


class Blueprint:
    """The definition with which a workflow was started, with the task definitions of that moment.

    It is never changed, and workflows share it. ``snapshot`` is its number in the store.
    """

    def __init__(self, definition: dict[str, Any], snapshot: int) -> None:
        self.definition = definition
        self.snapshot = snapshot
        self.tasks: list[WorkflowTask] = definition["tasks"]
        self.by_ref = {task["taskReferenceName"]: task for task in walk(self.tasks)}
        self._next: dict[str, WorkflowTask | None] = {}

    def next_task(self, ref: str) -> WorkflowTask | None:
        """The task after the one with the reference name. After the end of a loop's body it is the DO_WHILE."""
        if ref not in self._next:
            ends = self.by_ref.get(ref, {}).get("type") == "TERMINATE"
            self._next[ref] = None if ends else _next_in(self.tasks, ref, None)
        return self._next[ref]


def _next_in(sequence: list[WorkflowTask], ref: str, after: WorkflowTask | None) -> WorkflowTask | None:
    """The task after ``ref`` in a list of tasks, or in the lists inside of it. after: follows the list."""
    for position, task in enumerate(sequence):
        following = sequence[position + 1] if position + 1 < len(sequence) else after
        if task["taskReferenceName"] == ref:
            return following
        if not contains(task, ref):
            continue
        # A loop is evaluated again after its body; after the branches of a choice or fork comes the task behind it.
        last = task if task["type"] == "DO_WHILE" else following
        for inner in children(task):
            if any(contains(candidate, ref) for candidate in inner):
                return _next_in(inner, ref, last)
    return None
