"""All types of tasks. A new one is a file, and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.decision import Decision
from conductor.testing.engine.tasks.do_while import DoWhile
from conductor.testing.engine.tasks.dynamic import Dynamic
from conductor.testing.engine.tasks.event import Event
from conductor.testing.engine.tasks.exclusive_join import ExclusiveJoin
from conductor.testing.engine.tasks.fork_join import ForkJoin
from conductor.testing.engine.tasks.fork_join_dynamic import ForkJoinDynamic
from conductor.testing.engine.tasks.http import Http
from conductor.testing.engine.tasks.human import Human
from conductor.testing.engine.tasks.inline import Inline
from conductor.testing.engine.tasks.join import Join
from conductor.testing.engine.tasks.json_jq_transform import JsonJqTransform
from conductor.testing.engine.tasks.kind import TaskKind
from conductor.testing.engine.tasks.lambda_ import Lambda
from conductor.testing.engine.tasks.noop import Noop
from conductor.testing.engine.tasks.not_served import NOT_SERVED, NotServed
from conductor.testing.engine.tasks.set_variable import SetVariable
from conductor.testing.engine.tasks.simple import Simple, UserDefined
from conductor.testing.engine.tasks.start_workflow import StartWorkflow
from conductor.testing.engine.tasks.stubs import Stubs
from conductor.testing.engine.tasks.sub_workflow import SubWorkflow
from conductor.testing.engine.tasks.switch import Switch
from conductor.testing.engine.tasks.terminate import Terminate
from conductor.testing.engine.tasks.wait import Wait
from conductor.testing.scripts import EngineMissingError

_FORK = ForkJoin()
KINDS: Mapping[str, TaskKind] = {
    "DECISION": Decision(),
    "DO_WHILE": DoWhile(),
    "DYNAMIC": Dynamic(),
    "EXCLUSIVE_JOIN": ExclusiveJoin(),
    "FORK": _FORK,  # the type of the tasks of all forks
    "FORK_JOIN": _FORK,
    "FORK_JOIN_DYNAMIC": ForkJoinDynamic(),
    "EVENT": Event(),
    "HTTP": Http(),
    "HUMAN": Human(),
    "INLINE": Inline(),
    "JOIN": Join(),
    "JSON_JQ_TRANSFORM": JsonJqTransform(),
    "LAMBDA": Lambda(),
    "NOOP": Noop(),
    "SET_VARIABLE": SetVariable(),
    "SIMPLE": Simple(),
    "START_WORKFLOW": StartWorkflow(),
    "SUB_WORKFLOW": SubWorkflow(),
    "SWITCH": Switch(),
    "TERMINATE": Terminate(),
    "WAIT": Wait(),
    **dict.fromkeys(NOT_SERVED, NotServed()),
}
"""By the names that definitions have for them."""

_FOR_WORKERS = UserDefined()


class Kinds:
    """The types of tasks of one engine, with its stubs."""

    def __init__(self, stubs: Stubs) -> None:
        self._stubs = stubs

    def of_step(self, step: Wire) -> TaskKind:
        """The kind that makes the tasks of a step."""
        return self._stubs.of(step) or KINDS.get(step["type"], _FOR_WORKERS)

    def of_task(self, task: TaskRecord) -> TaskKind:
        """The kind that does the work of a task."""
        return self._stubs.of(task.workflow_task) or KINDS.get(task.wire["taskType"], _FOR_WORKERS)

    def is_for_workers(self, task: TaskRecord) -> bool:
        """Whether workers poll for the task."""
        return self.of_task(task).for_workers

    def is_known(self, step: Wire) -> bool:
        """Whether the type is one of the server, or the step has a stub."""
        return self.of_step(step) is not _FOR_WORKERS

    def problems(self, step: Wire) -> list[str]:
        """The reasons to refuse a definition with this step."""
        where = _where(step)
        try:
            return self.problems_of_stubs(step) + self.of_step(step).problems(step, where)
        except EngineMissingError as error:
            return [f"{error}, for {where}"]

    def problems_of_stubs(self, step: Wire) -> list[str]:
        """The reason to refuse a definition with this step that lies in a stub for it."""
        return self._stubs.problems(step, _where(step))


def _where(step: Wire) -> str:
    return f"taskType: {step['type']} taskName: {step.get('name')}"
