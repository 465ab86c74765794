"""Makes new tasks, and puts them into their workflow and into the queues of workers, with their domains."""

from __future__ import annotations

from collections.abc import Iterable

from conductor.testing.engine.records.records import IN_THEIR_OWN_TIME, TaskRecord, WorkflowRecord
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.kind import Making, Steps
from conductor.testing.engine.tasks.registry import Kinds

ACTIVE_WORKER_SECONDS = 10.0
"""Seconds after its last poll for which a domain counts as served (the server's activeWorkerLastPollTimeout)."""


class Scheduling:
    """Adds tasks to workflows."""

    def __init__(self, state: State, kinds: Kinds, steps: Steps) -> None:
        self._state = state
        self._kinds = kinds
        self._steps = steps

    def making(self, workflow: WorkflowRecord) -> Making:
        """Makes tasks for the workflow now."""
        return Making(workflow, self._state.now_ms, self._kinds, self._steps, self._state.scripts)

    def schedule(
        self, workflow: WorkflowRecord, tasks: Iterable[TaskRecord], *, looks_again: bool = False
    ) -> list[TaskRecord]:
        """Add tasks to their workflow and its queues, except those that it has already. Returns the added ones.

        looks_again: the workflow is looked at again at once in any case.
        """
        state, now_ms = self._state, self._state.now_ms
        known = {(task.ref, task.wire["retryCount"]) for task in workflow.tasks}
        new = [task for task in tasks if (task.ref, task.wire["retryCount"]) not in known]
        looks_again = looks_again or any(self._begins_at_once(task) for task in new)
        seq = max((task.wire["seq"] for task in workflow.tasks), default=0)
        for task in new:
            seq += 1
            task.wire["seq"] = task.wire["seq"] or seq
            task.wire["scheduledTime"] = now_ms
            task.first_scheduled = task.first_scheduled or now_ms
            if task.workflow_task is not workflow.blueprint.by_ref.get(task.base_ref):
                task.keep_step()  # it was made while the workflow runs
            state.payloads.limit_task(task, "inputData")
            state.add_task(workflow, task)
            for_workers = self._kinds.is_for_workers(task)
            if for_workers and workflow.wire["taskToDomain"]:
                self._set_domain(workflow, task)
            if not (for_workers or task.ended):
                task.wire["startTime"] = task.wire["startTime"] or now_ms
                stored = not (looks_again and task.wire["taskType"] in IN_THEIR_OWN_TIME)
                task.wire["updateTime"] = now_ms if stored else 0
            if task.ended:
                state.save_task(task)
            elif for_workers:
                wait = task.visible_at - state.clock.now() if task.visible_at else task.wire["callbackAfterSeconds"]
                state.queues.put(task, wait)
        return new

    def _begins_at_once(self, task: TaskRecord) -> bool:
        return not self._kinds.is_for_workers(task) and task.wire["taskType"] not in IN_THEIR_OWN_TIME

    def _set_domain(self, workflow: WorkflowRecord, task: TaskRecord) -> None:
        """The domain by taskToDomain: the entry of the task before ``*``. Of several domains the first one with a
        worker counts.
        """
        by_type: dict[str, str] = workflow.wire["taskToDomain"]
        listed = by_type.get(task.wire["taskType"], by_type.get("*", "")).strip()
        if not listed:
            return
        domains = [domain.strip() for domain in listed.split(",")]
        served = (domain for domain in domains if self._is_served(task.wire["taskType"], domain))
        domain = next(served, domains[-1])
        if domain.upper() == "NO_DOMAIN":
            task.wire.pop("domain", None)
        else:
            task.wire["domain"] = domain

    def _is_served(self, task_type: str, domain: str) -> bool:
        last_poll = self._state.queues.polls.last_time((task_type, domain))
        since = self._state.now_ms - 1000 * ACTIVE_WORKER_SECONDS
        return domain.upper() != "NO_DOMAIN" and last_poll is not None and last_poll > since
