"""The steps of a workflow, and the order in which they can run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Wire = dict[str, Any]
Order = Literal["before", "after", "inside", "other branch", "other case"]

CASES = ("SWITCH", "DECISION")


@dataclass(frozen=True, eq=False)
class Step:
    """A task of a workflow definition.

    path: its place within the definition. around: the steps that it stands in, the outermost first. sequence: the
    tasks among which it stands. position: for each sequence from the outermost to this one, its path and the index.
    """

    wire: Wire
    path: str
    around: tuple[Step, ...]
    position: tuple[tuple[str, int], ...]
    sequence: list[Wire] = field(repr=False)

    @property
    def ref(self) -> str:
        return str(self.wire["taskReferenceName"])

    @property
    def name(self) -> str:
        return str(self.wire["name"])

    @property
    def kind(self) -> str:
        return str(self.wire.get("type") or "SIMPLE")

    @property
    def inputs(self) -> Wire:
        return self.wire.get("inputParameters") or {}

    def neighbour(self, distance: int) -> Wire | None:
        """The task that stands so many places behind it in its sequence; before it, if the distance is negative."""
        index = self.position[-1][1] + distance
        return self.sequence[index] if 0 <= index < len(self.sequence) else None


def steps_of(definition: Wire) -> list[Step]:
    """All steps, in the order of the definition. Those of inline sub-workflows belong to these."""
    found: list[Step] = []
    waiting = [_Sequence(".tasks", definition.get("tasks") or [], (), ())]
    while waiting:
        sequence = waiting.pop()
        for index, task in enumerate(sequence.tasks):
            path = f"{sequence.path}[{index}]"
            step = Step(task, path, sequence.around, (*sequence.position, (sequence.path, index)), sequence.tasks)
            found.append(step)
            waiting += [
                _Sequence(path + inner, tasks, (*sequence.around, step), step.position)
                for inner, tasks in sequences_in(task)
            ]
    return sorted(found, key=lambda step: step.position)


@dataclass(frozen=True)
class _Sequence:
    path: str
    tasks: list[Wire]
    around: tuple[Step, ...]
    position: tuple[tuple[str, int], ...]


def sequences_in(task: Wire) -> Iterator[tuple[str, list[Wire]]]:
    """The sequences of tasks in a task, with their paths, as server 3.32.3 looks for them."""
    kind = task.get("type")
    if kind in CASES:
        for case, tasks in (task.get("decisionCases") or {}).items():
            yield f".decisionCases.{case}", tasks or []
        yield ".defaultCase", task.get("defaultCase") or []
    elif kind == "FORK_JOIN":
        for index, tasks in enumerate(task.get("forkTasks") or []):
            yield f".forkTasks[{index}]", tasks or []
    elif kind == "DO_WHILE":
        yield ".loopOver", task.get("loopOver") or []


def order(step: Step, other: Step) -> Order:
    """The place of the other step: before the step, after it, around it or inside of it, or in another branch."""
    for (sequence, index), (other_sequence, other_index) in zip(step.position, other.position, strict=False):
        if sequence != other_sequence:
            common = next(each for each in reversed(step.around) if each in other.around)
            return "other branch" if common.kind == "FORK_JOIN" else "other case"
        if index != other_index:
            return "before" if other_index < index else "after"
    if len(step.position) > len(other.position):
        return "before"  # the other one stands around the step: it has begun
    return "inside" if len(step.position) < len(other.position) else "after"


def are_in_one_loop(step: Step, other: Step) -> bool:
    """Whether a step can see the other one's output of an earlier iteration."""
    outer = {*step.around, step} & {*other.around, other}
    return any(each.kind == "DO_WHILE" for each in outer)
