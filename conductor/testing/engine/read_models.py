"""Calls that change nothing: queues, polls, searches, and the overview for the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from conductor.testing.engine.lifecycle import Lifecycle
from conductor.testing.engine.model import Refusal, TaskRecord, Wire, WorkflowRecord, new_id, render_workflow
from conductor.testing.engine.payloads import payload_size
from conductor.testing.expressions import as_text

_OVERVIEW_WORKFLOWS = 100
_PAYLOAD_TYPES = {"WORKFLOW_INPUT", "WORKFLOW_OUTPUT", "TASK_INPUT", "TASK_OUTPUT"}
_TIMES = ("scheduledTime", "startTime", "updateTime", "endTime")
_CLAUSE = re.compile(  # Possessive: a query is a text of a user, and a mismatch must be found at once.
    r"""(?<!\w)(\w++)\s*+(!?=|IN\b|[<>])\s*+(\([^)]*+\)?|"[^"]*+"?|'[^']*+'?|\S++)""", re.IGNORECASE
)


class ReadModels(Lifecycle):
    """Queues, polls, searches."""

    # Queues

    def queue_size(self, task_type: str, domain: str | None) -> int:
        """The number of waiting tasks, also of those that cannot be polled yet."""
        with self.transaction():
            queue = self._queues.get((task_type, domain))
            return len(queue) if queue else 0

    def queue_sizes(self) -> dict[str, int]:
        """The sizes of all queues by name. With a domain the name is ``domain:type``."""
        with self.transaction():
            sizes = {_queue_name(*key): len(queue) for key, queue in self._queues.items()}
            return {"_deciderQueue": len(self._workflows), **dict(sorted(sizes.items()))}

    def queue_details(self) -> dict[str, Any]:
        """The same in the shape of ``/queue/all/verbose``. A polled task is acked at once, so none is unacked."""
        return {name: {"a": {"size": size, "uacked": 0}} for name, size in self.queue_sizes().items()}

    def poll_data(self, task_type: str | None = None) -> list[Wire]:
        """The last poll of each queue, or of the queues of a task type."""
        with self.transaction():
            found = [poll for poll in self._polls.values() if task_type in {None, poll["queueName"]}]
            return sorted(found, key=lambda poll: (poll["queueName"], poll.get("domain", "")))

    def requeue(self, task_type: str) -> int:
        """Put every open task of a type into its queue again, also running ones. Returns their number."""
        with self.transaction():
            found = [task for _, task in self._tasks.values() if task.wire["taskType"] == task_type and not task.ended]
            for task in found:
                self._enqueue(task, task.wire["callbackAfterSeconds"])
            return len(found)

    # Searches

    def search_tasks(self, query: str, free_text: str, start: int, size: int, sort: str | None) -> Wire:
        """A SearchResult of TaskSummary."""
        return self._search(self._task_summaries(), query, free_text, (start, size, sort or "updateTime:DESC"))

    def search_tasks_v2(self, query: str, free_text: str, start: int, size: int, sort: str | None) -> Wire:
        """A SearchResult of Task."""
        found = self.search_tasks(query, free_text, start, size, sort)
        return {**found, "results": [self.get_task(summary["taskId"]) for summary in found["results"]]}

    def search_workflows(self, query: str, free_text: str, start: int, size: int, sort: str | None) -> Wire:
        """A SearchResult of WorkflowSummary."""
        return self._search(self._workflow_summaries(), query, free_text, (start, size, sort or "startTime:DESC"))

    def _search(self, summaries: Iterator[Wire], query: str, free_text: str, page: tuple[int, int, str]) -> Wire:
        start, size, sort = page
        clauses = list(_clauses(query or ""))
        with self.transaction():
            text = free_text.strip("* \"'")
            found = [
                summary
                for summary in summaries
                if _matches(summary, clauses) and (not text or any(text in str(v) for v in summary.values()))
            ]
        member, _, order = sort.partition(":")
        found.sort(key=lambda summary: str(summary.get(member, "")), reverse=order.upper() == "DESC")
        return {"totalHits": len(found), "results": found[start : start + size]}

    def correlated_workflows(
        self, name: str, include_closed: bool, include_tasks: bool, correlation_ids: list[str]
    ) -> dict[str, list[Wire]]:
        """The workflows of a name, by correlation id. include_closed: also those that have ended."""
        found: dict[str, list[Wire]] = {each: [] for each in correlation_ids}
        with self.transaction():
            for workflow in self._all_workflows():
                wire = workflow.wire
                wanted = wire["workflowName"] == name and (include_closed or not workflow.ended)
                if wanted and wire.get("correlationId") in found:
                    shown = render_workflow(workflow, self._now_ms, include_tasks=include_tasks)
                    found[wire["correlationId"]].append(shown)
        return found

    def _all_workflows(self) -> Iterator[WorkflowRecord]:
        """Open and ended workflows. The ended ones are read one by one, and forgotten again."""
        yield from list(self._workflows.values())
        for workflow_id in self._store.newest_workflows():
            if workflow_id not in self._workflows:
                yield self._workflow(workflow_id)
                self._evict(workflow_id)

    def _task_summaries(self) -> Iterator[Wire]:
        return (_task_summary(task) for workflow in self._all_workflows() for task in workflow.tasks)

    def _workflow_summaries(self) -> Iterator[Wire]:
        return (_workflow_summary(workflow) for workflow in self._all_workflows())

    # For the server around it

    def external_storage_location(self, path: str, operation: str, payload_type: str) -> Wire:
        """The path, and an address if there is a storage. The server's default storage has no address. Refusal 400."""
        if operation.upper() not in {"READ", "WRITE"} or payload_type.upper() not in _PAYLOAD_TYPES:
            raise Refusal(400, f"Invalid input - Operation: {operation}, PayloadType: {payload_type}")
        if self._payload_urls is None:
            return {"path": f"{path}{new_id()}.json"}
        path = path or f"{new_id()}.json"
        return {"path": path, "uri": self._payload_urls.url(operation.upper(), path)}

    def listens_at(self, origin: str) -> None:
        """origin: the start of the addresses of payloads."""
        if self._payload_urls is not None:
            self._payload_urls.origin = origin

    def read_payload(self, path: str, signature: str | None) -> bytes:
        """The JSON of a payload in the external storage. Refusal 403, 404."""
        with self.transaction():
            self._check_signature("READ", path, signature)
            content = self._store.payload(path)
        if content is None:
            raise Refusal(404, "There is no payload at this path")
        return content

    def write_payload(self, path: str, signature: str | None, content: str) -> None:
        """Keep the JSON of a payload. Refusal 403."""
        with self.transaction():
            self._check_signature("WRITE", path, signature)
            self._store.add_payload(path, content)

    def _check_signature(self, operation: str, path: str, signature: str | None) -> None:
        if self._payload_urls is None or not self._payload_urls.is_signed(operation, path, signature):
            raise Refusal(403, "The signature of this address is not valid")

    def open_work(self) -> list[Wire]:
        """Tasks that are queued or running now. ``visibleTime``: when it can be polled; missing if it runs."""
        with self.transaction():
            return [_open_task(task) for _, task in self._tasks.values() if not task.ended]

    def overview(self) -> Wire:
        """For the page: the newest workflows with their tasks, the queues, the polls and the last refused calls."""
        with self.transaction():
            workflows = sorted(self._workflows.values(), key=lambda workflow: -int(workflow.wire["createTime"]))
            ids = [workflow.workflow_id for workflow in workflows]
            for workflow_id in self._store.newest_workflows():
                if len(ids) >= 2 * _OVERVIEW_WORKFLOWS:
                    break
                if workflow_id not in self._workflows:
                    ids.append(workflow_id)
            shown = sorted((self._workflow(i) for i in ids), key=lambda w: -int(w.wire["createTime"]))
            return {
                "now": self._now_ms,
                "workflows": [render_workflow(w, self._now_ms) for w in shown[:_OVERVIEW_WORKFLOWS]],
                "queues": self.queue_sizes(),
                "polls": self.poll_data(),
                "errors": list(self._errors),
            }


def _queue_name(task_type: str, domain: str | None) -> str:
    return task_type if domain is None else f"{domain}:{task_type}"


def _open_task(task: TaskRecord) -> Wire:
    found = {name: task.wire[name] for name in ("taskId", "taskDefName", "taskType", "status", "workflowInstanceId")}
    found |= {name: task.wire[name] for name in ("domain", "retriedTaskId") if task.wire.get(name)}
    if task.visible_at is not None:
        found["visibleTime"] = int(task.visible_at * 1000)
    return found


_Clause = tuple[str, str, list[str]]


def _clauses(query: str) -> Iterator[_Clause]:
    """The member, the sign and the values of each clause. Clauses are joined by AND."""
    for member, sign, literal in _CLAUSE.findall(query):
        yield member, sign.upper(), [part.strip().strip("\"'") for part in literal.strip("()").split(",")]


def _matches(summary: Wire, clauses: Iterable[_Clause]) -> bool:
    """Whether all clauses are true: =, !=, IN (…), < and >."""
    for member, sign, wanted in clauses:
        value = str(summary.get(member, ""))
        if sign in {"=", "IN"} and value not in wanted:
            return False
        if sign == "!=" and value in wanted:
            return False
        if sign in {"<", ">"} and not (value < wanted[0] if sign == "<" else value > wanted[0]):
            return False
    return True


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
        inputSize=payload_size(wire["input"]) or 0, outputSize=payload_size(wire["output"]) or 0, classifier="workflow"
    )
    found.update(taskToDomain=wire["taskToDomain"], parentWorkflowId=wire.get("parentWorkflowId", ""))
    found["failedReferenceTaskNames"] = ",".join(wire["failedReferenceTaskNames"])
    return found
