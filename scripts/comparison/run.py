"""One execution of a workflow on one server, which a generic worker leads through a course."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from comparison.server import Answer, Server
from comparison.steps import STUBBED_TYPES, Json, is_worker_type
from comparison.values import Values

ENDED = frozenset({"COMPLETED", "FAILED", "TERMINATED", "TIMED_OUT"})
OPEN = frozenset({"SCHEDULED", "IN_PROGRESS"})
PASSIVE_TYPES = frozenset({"WAIT", "HUMAN"})
MOST_ANSWERS = 40
MOST_STUBS = 150
MOST_POLLS = 5

Policy = Callable[[Json, int], str]
"""The status with which the worker ends a task: a function of the task and of the number of tasks that it has ended."""


class Pace(NamedTuple):
    """Seconds that the state of a workflow must stay the same before the worker goes on."""

    at_rest: float
    in_motion: float
    """The server still has something to do."""


class Execution(NamedTuple):
    path: str
    """The reference names of the sub-workflow's tasks that lead here."""
    workflow: Json


class Mark(NamedTuple):
    """The state of an execution at one moment of a course."""

    moment: str
    answer: int | None
    """The HTTP status of the operation before."""
    status: str
    reason: str | None
    output: Any
    tasks: list[Json]


def complete(_task: Json, _number: int) -> str:
    return "COMPLETED"


class Run:
    """A workflow, and the marks of its course."""

    def __init__(self, server: Server, definition: Json, values: Values, stubs: Mapping[str, Json], pace: Pace) -> None:
        self._server = server
        self._values = values
        self._stubs = stubs
        self._pace = pace
        self.marks: list[Mark] = []
        self.ended_tasks: list[str] = []
        """The ids of the tasks that the worker has ended, but for those that stubs could answer."""
        self.started: Answer = server.start(definition, values.workflow_input())
        self.workflow_id = self.started.body

    def look(self) -> list[Execution]:
        """The workflow and its sub-workflows, parents first."""
        return list(self._down(self.workflow_id, ""))

    def _down(self, workflow_id: str, path: str) -> Iterator[Execution]:
        workflow = self._server.workflow(workflow_id)
        yield Execution(path, workflow)
        for task in workflow["tasks"]:
            if task["taskType"] == "SUB_WORKFLOW" and task.get("subWorkflowId"):
                yield from self._down(task["subWorkflowId"], f"{path}{task['referenceTaskName']}/")

    def rest(self) -> list[Execution]:
        """The state when the server has nothing more to do by itself. Stubs have answered."""
        for _ in range(MOST_STUBS):
            seen = self._settled()
            stubbed = [task for task in _waiting(seen, "RUNNING") if task["taskType"] in STUBBED_TYPES]
            if not stubbed:
                break
            self._end(stubbed[0], "COMPLETED", self._stubs.get(_ref(stubbed[0]), {}))
        return seen

    def _settled(self) -> list[Execution]:
        """The state, once it has not changed for some time."""
        seen, since = self.look(), time.monotonic()
        asked = since
        while True:
            now = time.monotonic()
            wait = self._pace.in_motion if _in_motion(seen) else self._pace.at_rest
            if now - since >= wait:
                return seen
            if now - asked > 1:  # a server that missed a decision makes up for it only after a minute
                asked = now
                for execution in seen:
                    self._server.call("PUT", f"/workflow/decide/{execution.workflow['workflowId']}")
            time.sleep(min(0.05, wait / 2))
            found = self.look()
            if _progress(found) != _progress(seen):
                since = time.monotonic()
            seen = found

    def act(self, moment: str, method: str, path: str, body: Any = None, **query: str) -> Answer:
        """An operation on the workflow, by a path below /workflow, and a mark after it."""
        answer = self._server.call(method, f"/workflow/{path}", body, **query)
        self.mark(moment, answer.status)
        return answer

    def mark(self, moment: str, answer: int | None = None, seen: list[Execution] | None = None) -> None:
        """seen: the state at this moment, if it is known."""
        seen = self.rest() if seen is None else seen
        root = seen[0].workflow
        tasks = [row for execution in seen for row in _rows(execution)]
        reason = root.get("reasonForIncompletion")
        self.marks.append(Mark(moment, answer, root["status"], reason, root.get("output"), tasks))

    def lead(self, policy: Policy = complete, *, answers: int = MOST_ANSWERS, moment: str | None = "end") -> None:
        """End tasks, one after the other, until the workflow has ended or as many have been ended. Then make a mark."""
        seen = self.rest()
        for _ in range(answers):
            waiting = _waiting(seen, "RUNNING", "PAUSED")
            if seen[0].workflow["status"] in ENDED or not waiting:
                break
            task = waiting[0]
            status = policy(task, len(self.ended_tasks))
            self.ended_tasks.append(task["taskId"])
            self._end(task, status, self._values.output(_ref(task)))
            seen = self.rest()
        if moment is not None:
            self.mark(moment, seen=seen)

    def _end(self, task: Json, status: str, output: Json) -> None:
        """Poll for the task and send its result, as a worker does."""
        self._deliver(task)
        result = {
            "taskId": task["taskId"],
            "workflowInstanceId": task["workflowInstanceId"],
            "workerId": "generic",
            "status": status,
            "outputData": output if status == "COMPLETED" else {},
        }
        if status != "COMPLETED":
            result["reasonForIncompletion"] = f"{_ref(task)} fails here"
        self._server.call("POST", "/tasks", result)

    def _deliver(self, task: Json) -> None:
        """Poll for the task. It may have come to an earlier poll, or it may come late: then its result comes first."""
        if not is_worker_type(task["taskType"]):
            return
        for _ in range(MOST_POLLS):
            if self._server.poll(task["taskType"]) in {task["taskId"], None}:
                return

    def close(self) -> None:
        """Leave nothing behind in the queues."""
        self._server.call("DELETE", f"/workflow/{self.workflow_id}")


def _rows(execution: Execution) -> list[Json]:
    """The tasks of a workflow as they are compared."""
    return [
        {
            "path": execution.path,
            "ref": task["referenceTaskName"],
            "type": task["taskType"],
            "status": task["status"],
            "retries": task.get("retryCount", 0),
            "iteration": task.get("iteration", 0),
            "reason": task.get("reasonForIncompletion"),
            "input": task.get("inputData"),
            "output": task.get("outputData"),
        }
        for task in execution.workflow["tasks"]
    ]


def _progress(seen: list[Execution]) -> list[object]:
    """The same as long as nothing moves."""
    return [
        (execution.workflow["status"], [(task["taskId"], task["status"]) for task in execution.workflow["tasks"]])
        for execution in seen
    ]


def _ref(task: Json) -> str:
    """The reference name without the number of the iteration."""
    ref: str = task["referenceTaskName"]
    return ref.partition("__")[0]


def _open(execution: Execution) -> list[Json]:
    return [task for task in execution.workflow["tasks"] if task["status"] in OPEN]


def _waiting(seen: list[Execution], *statuses: str) -> list[Json]:
    """The tasks that a worker or a person may end, in workflows of these statuses."""
    return [
        task
        for execution in seen
        if execution.workflow["status"] in statuses
        for task in _open(execution)
        if is_worker_type(task["taskType"]) or (task["taskType"] in PASSIVE_TYPES and task["status"] == "IN_PROGRESS")
    ]


def _in_motion(seen: list[Execution]) -> bool:
    """Whether the server is about to do something."""
    ended = {execution.workflow["workflowId"] for execution in seen if execution.workflow["status"] in ENDED}
    return any(_moves(execution, ended) for execution in seen if execution.workflow["status"] not in {*ENDED, "PAUSED"})


def _moves(execution: Execution, ended: set[str]) -> bool:
    latest = {task["referenceTaskName"]: task for task in execution.workflow["tasks"]}
    still = 0
    for task in _open(execution):
        match task["taskType"]:
            case "JOIN" | "EXCLUSIVE_JOIN":
                if task["status"] == "SCHEDULED" or _join_moves(task, latest):
                    return True
            case "SUB_WORKFLOW":
                if task.get("subWorkflowId") in {None, "", *ended}:
                    return True
                still += 1
            case "DO_WHILE":  # its tasks are looked at themselves
                pass
            case kind if is_worker_type(kind) or (kind in PASSIVE_TYPES and task["status"] == "IN_PROGRESS"):
                still += 1
            case _:
                return True
    return not still


def _join_moves(join: Json, latest: Mapping[str, Json]) -> bool:
    """Whether a join is about to end, or to take the output of a task that has ended."""
    suffix = f"__{join['iteration']}" if join.get("iteration") else ""
    joined = {ref + suffix: latest.get(ref + suffix) for ref in (join.get("inputData") or {}).get("joinOn") or ()}
    ended = [ref for ref, task in joined.items() if task is not None and task["status"] not in OPEN]
    shown = join.get("outputData") or {}
    return len(ended) == len(joined) or any(
        latest[ref].get("outputData") and ref not in shown for ref in ended if join["taskType"] == "JOIN"
    )
