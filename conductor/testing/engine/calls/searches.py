"""Searches of tasks and workflows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from conductor.testing.engine.calls.queries import OF_TASKS, OF_WORKFLOWS, Clause, is_like, read_query
from conductor.testing.engine.calls.tasks import Tasks
from conductor.testing.engine.records.classifier import classifier_of
from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord
from conductor.testing.engine.records.rendering import render_workflow
from conductor.testing.engine.state.state import State
from conductor.testing.expressions import as_text

_TIMES = ("scheduledTime", "startTime", "updateTime", "endTime")


class Searches:
    """Finds tasks and workflows, open and ended ones."""

    def __init__(self, state: State, tasks: Tasks) -> None:
        self._state = state
        self._tasks = tasks

    def tasks(self, query: str, free_text: str, start: int, size: int, sort: str | None) -> Wire:
        """A SearchResult of TaskSummary. Refusal 400: the query cannot be read."""
        page = (start, size, sort or "")
        return self._search(self._task_summaries(), read_query(query, OF_TASKS), free_text, page)

    def tasks_v2(self, query: str, free_text: str, start: int, size: int, sort: str | None) -> Wire:
        """A SearchResult of Task. Refusal as above."""
        found = self.tasks(query, free_text, start, size, sort)
        return {**found, "results": [self._tasks.get(summary["taskId"]) for summary in found["results"]]}

    def workflows(self, query: str, free_text: str, start: int, size: int, sort: str | None) -> Wire:
        """A SearchResult of WorkflowSummary. Refusal as above."""
        page = (start, size, sort or "")
        return self._search(self._workflow_summaries(), read_query(query, OF_WORKFLOWS), free_text, page)

    def _search(
        self, summaries: Iterator[Wire], clauses: Sequence[Clause], free_text: str, page: tuple[int, int, str]
    ) -> Wire:
        start, size, sort = page
        with self._state.transaction():
            found = [
                summary
                for summary in summaries
                if all(clause.holds(summary) for clause in clauses)
                and (free_text in {"", "*"} or any(is_like(str(v), f"*{free_text}*") for v in summary.values()))
            ]
        member, _, order = sort.partition(":")
        found.sort(key=lambda summary: str(summary.get("startTime", "")))
        if order.upper() in {"ASC", "DESC"}:  # without one the server ignores the member (3.32.3)
            found.sort(key=lambda summary: str(summary.get(member, "")), reverse=order.upper() == "DESC")
        return {"totalHits": len(found), "results": found[start : start + size]}

    def correlated(
        self, name: str, include_closed: bool, include_tasks: bool, correlation_ids: list[str]
    ) -> dict[str, list[Wire]]:
        """The workflows of a name, by correlation id. include_closed: also those that are paused or have
        ended.
        """
        found: dict[str, list[Wire]] = {each: [] for each in correlation_ids}
        with self._state.transaction():
            for workflow in self._state.all_workflows():
                wire = workflow.wire
                wanted = wire["workflowName"] == name and (include_closed or wire["status"] == "RUNNING")
                if wanted and wire.get("correlationId") in found:
                    shown = render_workflow(workflow, self._state.now_ms, include_tasks=include_tasks)
                    found[wire["correlationId"]].append(shown)
        return found

    def _task_summaries(self) -> Iterator[Wire]:
        return (_task_summary(task) for workflow in self._state.all_workflows() for task in workflow.tasks)

    def _workflow_summaries(self) -> Iterator[Wire]:
        return (_workflow_summary(workflow) for workflow in self._state.all_workflows())


def _iso(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _copy(wire: Wire, **names: str) -> Wire:
    return {name: wire[member] for name, member in names.items() if member in wire}


def _times(wire: Wire) -> Wire:
    return {name: _iso(wire[name]) for name in _TIMES if wire.get(name)}


def _task_summary(task: TaskRecord) -> Wire:
    wire = task.wire
    same = ("taskId", "taskType", "taskDefName", "status", "workflowPriority", "correlationId", "domain")
    found = _copy(wire, **{name: name for name in (*same, "reasonForIncompletion", "workflowType")})
    found.update({name: _iso(wire[name]) for name in _TIMES})  # missing times count as 1970
    found["workflowId"] = wire["workflowInstanceId"]
    found["executionTime"] = max(0, wire["endTime"] - wire["startTime"]) if wire["endTime"] else 0
    found["queueWaitTime"] = max(0, wire["startTime"] - wire["scheduledTime"]) if wire["startTime"] else 0
    found.update(input=as_text(wire["inputData"]), output=as_text(wire["outputData"]))
    return found


def _workflow_summary(workflow: WorkflowRecord) -> Wire:
    wire = workflow.wire
    same = ("workflowId", "status", "priority", "correlationId", "reasonForIncompletion", "failedTaskNames")
    found = _copy(wire, **{name: name for name in same}, workflowType="workflowName", version="workflowVersion")
    found.update(_times(wire), input=as_text(wire["input"]), output=as_text(wire["output"]))
    found["executionTime"] = max(0, wire["endTime"] - wire["createTime"]) if wire["endTime"] else 0
    found.update(
        inputSize=len(found["input"]),
        outputSize=len(found["output"]),
        classifier=classifier_of(workflow.blueprint.definition),
    )
    found.update(taskToDomain=wire["taskToDomain"], parentWorkflowId=wire.get("parentWorkflowId", ""))
    found["failedReferenceTaskNames"] = ",".join(wire["failedReferenceTaskNames"])
    return found
