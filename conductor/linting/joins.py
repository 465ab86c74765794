"""FORK_JOINs without a JOIN, and JOINs that wait for ever (server 3.32.3)."""

from __future__ import annotations

from conductor.linting.findings import Faults
from conductor.linting.flow import Step, order
from conductor.linting.scope import Scope

_FORKS = ("FORK_JOIN", "FORK_JOIN_DYNAMIC")


def join_faults(scope: Scope) -> Faults:
    """The faults of all FORK_JOINs and JOINs."""
    for step in scope.steps:
        if step.kind in _FORKS:
            if _kind_of_next(step) != "JOIN":
                yield "error", step.path, f"no JOIN follows this {step.kind}: the workflow fails here"
        elif step.kind == "JOIN" and not step.wire.get("evaluatorType") and not _joins_dynamic_fork(step):
            yield from _of_join(scope, step)


def _kind_of_next(step: Step) -> str:
    """The type of the task that comes next; "" if there is none."""
    for each in (step, *reversed(step.around)):
        if each is not step and each.kind == "DO_WHILE":
            return ""
        if (behind := each.neighbour(1)) is not None:
            return behind.get("type") or "SIMPLE"
    return ""


def _joins_dynamic_fork(step: Step) -> bool:
    """Such a JOIN waits for the tasks of the fork, and joinOn has no meaning."""
    before = step.neighbour(-1)
    return before is not None and before.get("type") == "FORK_JOIN_DYNAMIC"


def _of_join(scope: Scope, join: Step) -> Faults:
    loops = [each for each in join.around if each.kind == "DO_WHILE"]
    for index, ref in enumerate(join.wire.get("joinOn") or []):
        path = f"{join.path}.joinOn[{index}]"
        target = scope.by_ref.get(ref)
        if target is None:
            if not scope.makes_steps and not ref.startswith("${"):
                yield "error", path, f"no task has the reference name {ref!r}: the JOIN waits for ever"
        elif target is join:
            yield "error", path, "the JOIN waits for itself, for ever"
        elif order(join, target) in ("after", "other case"):
            yield "error", path, f"{ref} cannot run before this JOIN, which waits for ever"
        elif any(loop not in target.around for loop in loops):
            yield "error", path, f"{ref} is outside of the DO_WHILE around this JOIN, which waits for ever"
        elif target.kind not in _FORKS and not any(each.kind == "FORK_JOIN" for each in target.around):
            yield "warning", path, f"{ref} is in no FORK_JOIN before this JOIN"
