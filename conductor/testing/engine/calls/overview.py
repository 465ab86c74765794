"""The state as the page in the browser shows it: the changes since the page has asked before."""

from __future__ import annotations

import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire, WorkflowRecord, new_id
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.state.ended_workflows import Wanted
from conductor.testing.engine.state.queues import QueueKey
from conductor.testing.engine.state.state import State

GROUPS = {"running": ("RUNNING", "PAUSED"), "failed": ("FAILED", "TIMED_OUT"), "ended": ("COMPLETED", "TERMINATED")}
"""The groups of workflows on the page, which are limited one by one."""
POLLS_NOW = 10_000  # milliseconds after a poll; the server takes a worker for active as long
MOST_CHANGED = 200  # workflows; if more have changed, all are sent again
MOST_ROWS = 1_000  # of a group
MOST_ERRORS = 15
MOST_OPEN = 3  # names of open tasks of a workflow


class Overview:
    """Answers with ``since``, a text that the page sends back with its next request."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._id = new_id()[:8]  # a page that has asked another engine has seen nothing of this one

    def changes(self, since: str | None, status: str, name: str, text: str, limit: int) -> Wire:
        """All workflows that a filter takes, at most ``limit`` of a group, or those that have changed since."""
        wanted = Wanted(status, name, text)
        with self._state.transaction():
            seen = self._seen(since)
            limit = min(max(limit, 1), MOST_ROWS)
            number = self._state.changed_workflows.watch()
            changed = self._state.changed_workflows.since(seen.number) if seen else None
            counts = Counter(workflow.wire["status"] for workflow in self._state.workflows.values())
            parts = {
                "counts": dict(sorted((counts + Counter(self._state.store.ended.counts())).items())),
                "queues": list(self._queues()),
                "errors": list(self._state.errors)[: -MOST_ERRORS - 1 : -1],
            }
            if changed is None or len(changed) > MOST_CHANGED:
                workflows = self._newest(wanted, limit)
            else:
                rows = list(self._rows(wanted, changed))
                workflows = {"workflows": rows, "gone": sorted(changed - {row["id"] for row in rows}), "full": False}
            return {"now": self._state.now_ms, **workflows, **self._unseen(seen, number, parts)}

    def workflow(self, workflow_id: str, since: str | None) -> Wire:
        """One workflow with its tasks, or with those that have changed. Refusal 404."""
        with self._state.transaction():
            seen = self._seen(since)
            workflow = self._find(workflow_id)
            if workflow is not None:
                number = self._state.changed_tasks.watch()
                changed = self._state.changed_tasks.since(seen.number) if seen else None
                rows = _task_rows(workflow, changed)
                return {"now": self._state.now_ms, **rows, **self._unseen(seen, number, self._parts(workflow))}
        raise Refusal(404, f"No such workflow found by id: {workflow_id}")  # no call of a client: none of the errors

    def task(self, task_id: str, since: str | None) -> Wire:
        """The input, the output and the log of a task, if they are not those that the page has. Refusal 404."""
        with self._state.transaction():
            found = self._state.find_task(task_id)
            if found is not None:
                details = {
                    "id": task_id,
                    "input": found[1].wire["inputData"],
                    "output": found[1].wire["outputData"],
                    "log": self._state.store.logs.of_task(task_id),
                    "retryCount": found[1].definition.get("retryCount"),
                }
                return self._unseen(self._seen(since), 0, {"changed": details})
        raise Refusal(404, f"No such task found by id: {task_id}")

    # Workflows

    def _newest(self, wanted: Wanted, limit: int) -> Wire:
        found: list[Wire] = []
        more = {}
        # Only workflows that are shown get their progress: there may be many thousands.
        newest = sorted(self._state.workflows.values(), key=lambda workflow: -int(workflow.wire["createTime"]))
        for name, statuses in GROUPS.items():
            fitting = (each for each in newest if each.wire["status"] in statuses and _is_shown(each, wanted))
            group = [self._open_row(workflow) for workflow in islice(fitting, limit + 1)]
            group += [_row(wire) for wire in self._state.store.ended.find(wanted, _of(wanted, statuses), limit + 1)]
            group.sort(key=lambda row: -int(row["start"]))
            more[name] = len(group) > limit
            found += group[:limit]
        return {"workflows": found, "gone": [], "full": True, "more": more}

    def _rows(self, wanted: Wanted, ids: Collection[str]) -> Iterator[Wire]:
        """The rows of the workflows with these ids that the filter takes."""
        for workflow_id in ids:
            workflow = self._state.workflows.get(workflow_id)
            if workflow is not None and _is_shown(workflow, wanted):
                yield self._open_row(workflow)
        statuses = _of(wanted, [status for group in GROUPS.values() for status in group])
        yield from map(_row, self._state.store.ended.find(wanted, statuses, len(ids), ids))

    def _open_row(self, workflow: WorkflowRecord) -> Wire:
        """Its row, with its open tasks. If one of them is another try, it has the reason of the try before."""
        open_tasks = [task for task in workflow.tasks if not task.ended]
        names = [f"{task.ref} {task.status.lower().replace('_', ' ')}" for task in open_tasks[:MOST_OPEN]]
        found = {**_row(workflow.wire), "open": names}
        before = [self._state.tasks.get(task.wire.get("retriedTaskId", "")) for task in open_tasks]
        failed = [each[1] for each in before if each is not None and each[1].wire.get("reasonForIncompletion")]
        if failed:
            found["reason"] = f"{failed[-1].ref}: {failed[-1].wire['reasonForIncompletion']}"
        return found

    def _parts(self, workflow: WorkflowRecord) -> Wire:
        """All of a workflow but its tasks."""
        wire = workflow.wire
        parent = self._find(wire["parentWorkflowId"]) if wire.get("parentWorkflowId") else None
        return {
            "workflow": {**_row(wire), "parent": None if parent is None else _row(parent.wire)},
            "values": {name: wire.get(name) for name in ("input", "output", "variables")},
            "definition": workflow.blueprint.definition,
        }

    def _find(self, workflow_id: str) -> WorkflowRecord | None:
        return self._state.workflows.get(workflow_id) or self._state.store.load(workflow_id)

    # Queues

    def _queues(self) -> Iterator[Wire]:
        """Queues with tasks, and those that were polled. A task of the future is counted apart."""
        waiting: Counter[QueueKey] = Counter()
        later: Counter[QueueKey] = Counter()
        running: defaultdict[QueueKey, Counter[str]] = defaultdict(Counter)  # by the id of the worker
        now = self._state.clock.now()
        for _, task in self._state.tasks.values():
            key = (task.wire["taskType"], task.wire.get("domain"))
            if task.visible_at is not None:
                (waiting if task.visible_at <= now else later)[key] += 1
            elif task.status == "IN_PROGRESS":
                running[key][task.wire.get("workerId", "")] += 1
        polled = self._state.queues.polls.last()
        for key in sorted({*waiting, *later, *polled}, key=lambda each: (each[0], each[1] or "")):
            row = {"type": key[0], "domain": key[1], "waiting": waiting[key], "later": later[key]}
            yield {**row, "running": running[key].total(), "workers": list(self._workers(key, running[key]))}

    def _workers(self, queue: QueueKey, running: Mapping[str, int]) -> Iterator[Wire]:
        """The workers of a queue, by name, without the time of a fresh poll: so polls alone change nothing."""
        now_ms = self._state.now_ms
        for worker_id, last_poll in sorted(self._state.queues.polls.workers(queue, now_ms).items()):
            polls = now_ms - last_poll < POLLS_NOW
            yield {"id": worker_id, "running": running.get(worker_id, 0), "lastPoll": None if polls else last_poll}

    # Since

    def _seen(self, since: str | None) -> _Seen | None:
        origin, _, marks = (since or "").partition(".")
        return _Seen.read(marks) if origin == self._id else None

    def _unseen(self, seen: _Seen | None, number: int, parts: Mapping[str, Any]) -> Wire:
        """The parts that the page does not have, and the text for its next request."""
        marks = {name: zlib.crc32(json.dumps(part).encode()) for name, part in parts.items()}
        old = dict(zip(parts, seen.marks, strict=False)) if seen else {}
        new = {name: part for name, part in parts.items() if old.get(name) != marks[name]}
        return {**new, "since": ".".join(map(str, [self._id, number, *marks.values()]))}


@dataclass(frozen=True)
class _Seen:
    """The state that a page has already: the changes up to a number, and the parts with these checksums."""

    number: int
    marks: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> _Seen | None:
        try:
            number, *marks = map(int, text.split("."))
        except ValueError:
            return None
        return cls(number, tuple(marks))


def _is_shown(workflow: WorkflowRecord, wanted: Wanted) -> bool:
    """Whether it is open and the filter takes it."""
    return not workflow.ended and wanted.fits(workflow)


def _of(wanted: Wanted, statuses: Collection[str]) -> list[str]:
    return [status for status in statuses if wanted.status in {"", status}]


def _row(wire: Wire) -> Wire:
    names = {"correlationId": "correlationId", "reason": "reasonForIncompletion"}
    return {
        "id": wire["workflowId"],
        "name": wire["workflowName"],
        "version": wire["workflowVersion"],
        "status": wire["status"],
        "start": wire["createTime"],
        "end": wire["endTime"],
        **{name: wire[member] for name, member in names.items() if wire.get(member)},
    }


def _task_rows(workflow: WorkflowRecord, changed: Collection[str] | None) -> Wire:
    rows = [_task_row(place, task) for place, task in enumerate(workflow.tasks)]
    shown = [row for row in rows if changed is None or row["id"] in changed]
    return {"tasks": shown, "total": len(rows), "full": changed is None}


def _task_row(place: int, task: TaskRecord) -> Wire:
    """A task without its input and output. base: the reference name in the definition."""
    wire = task.wire
    row = {
        "number": place,
        "id": task.task_id,
        "ref": task.ref,
        "base": task.base_ref,
        "type": wire["taskType"],
        "name": wire["taskDefName"],
        "status": task.status,
        "scheduled": wire["scheduledTime"],
        "start": wire["startTime"],
        "end": wire["endTime"],
        "retries": wire["retryCount"],
        "iteration": wire["iteration"],
        "polls": wire["pollCount"],
    }
    names = {"worker": "workerId", "domain": "domain", "reason": "reasonForIncompletion", "child": "subWorkflowId"}
    row |= {name: wire[member] for name, member in names.items() if wire.get(member)}
    if wire["taskType"] == "FORK":
        row["forked"] = task.input.get("forkedTasks", [])
    if wire["taskType"] == "START_WORKFLOW" and isinstance(task.output.get("workflowId"), str):
        row["child"] = task.output["workflowId"]  # no child to the server, but a person wants to go there as well
    return row
