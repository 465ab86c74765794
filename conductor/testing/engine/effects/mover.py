"""Moves workflows on, step by step, and bounds the time that this takes."""

from __future__ import annotations

import logging
import time

from conductor.testing.engine.deciding.timeouts import next_timeout
from conductor.testing.engine.effects.background import Background
from conductor.testing.engine.effects.events import Events
from conductor.testing.engine.effects.lives import Lives
from conductor.testing.engine.effects.run import Effects
from conductor.testing.engine.effects.scheduling import Scheduling
from conductor.testing.engine.effects.steps import Steps
from conductor.testing.engine.records.records import WorkflowRecord
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.outcome import Outcome, end_with

logger = logging.getLogger(__name__)

EFFORT_OF_A_CALL = 0.2
EFFORT_OF_A_SWEEP = 0.004
"""Seconds of work after which the rest is left to the next sweep.

A loop, or a workflow that starts itself, may have no end, and no other call is answered meanwhile.
"""


class Mover:
    """Moves workflows on, up to their end."""

    def __init__(self, state: State, scheduling: Scheduling, lives: Lives, events: Events) -> None:
        self.background = Background(self._end_task)
        self._events = events
        self.effects = Effects(state, scheduling, lives, self.background, events)
        self._steps = Steps(self.effects)
        self._state = state
        self._deciding = False
        self._effort_until = 0.0
        with state.lock:
            for workflow_id in state.store.open_workflows():
                self.plan(state.revive(workflow_id))

    @property
    def has_more(self) -> bool:
        """Whether ``sweep`` has something to do at once."""
        return bool(self._state.unfinished) or self._events.are_waiting

    def plan(self, workflow: WorkflowRecord) -> None:
        """Make sure that ``sweep`` looks at the workflow at its next timeout."""
        self._state.timers.plan(workflow, next_timeout(workflow, self._state.now_ms))

    def decide(self, workflow: WorkflowRecord, effort: float = EFFORT_OF_A_CALL) -> None:
        """Move a workflow on as far as it can go now, and with it the parents and children that it changes.

        At least one step is made. Work that takes longer than the limit is left to ``go_on``.
        """
        to_decide = self._state.to_decide
        if workflow not in to_decide:
            to_decide.append(workflow)
        if not self._deciding:
            self._work_off(effort)

    def _work_off(self, effort: float) -> None:
        """Decide, and deliver the events that tasks have published. The first step is made in any case."""
        to_decide, events = self._state.to_decide, self._events
        self._deciding = True
        self._effort_until = time.thread_time() + effort
        try:
            is_first = True
            while (to_decide or events.are_waiting) and (is_first or self._has_time()):
                if to_decide:
                    self._decide_one(to_decide.popleft())
                else:
                    events.deliver_one()
                is_first = False
        finally:
            self._deciding = False
            self._state.unfinished.update((waiting.workflow_id, waiting) for waiting in to_decide)
            to_decide.clear()

    def sweep(self) -> None:
        """Move on the workflows of which something has become due. Those that take too long are left to ``go_on``."""
        with self._state.transaction():
            due = list(self._state.timers.due(self._state.clock.now()))  # not a timer again that stays due
            for workflow in due:
                if not self._state.scripts.have_time:
                    self._state.unfinished.setdefault(workflow.workflow_id, workflow)
                elif workflow.workflow_id not in self._state.unfinished:
                    self.decide(workflow)
        self.go_on()

    def go_on(self) -> None:
        """Move on the workflows that took longer than the limit, for a short time each. The last one waits longest."""
        until = time.thread_time() + EFFORT_OF_A_SWEEP
        state = self._state
        with state.transaction():
            waiting = list(state.unfinished)
            if self._events.are_waiting:
                self._work_off(EFFORT_OF_A_SWEEP)
        for workflow_id in waiting:
            left = until - time.thread_time()
            if left <= 0:
                return
            with state.transaction():  # after each one, because other calls come in between
                workflow = state.unfinished.pop(workflow_id, None)
                if workflow is not None:
                    self.decide(workflow, left)
                have_time = state.scripts.have_time
            if not have_time:
                return

    def _end_task(self, task_id: str, outcome: Outcome) -> None:
        """The work of a task in the background is done."""
        try:
            with self._state.transaction():
                found = self._state.find_task(task_id)
                if found is None or found[1].ended:
                    return  # it has timed out, or its workflow has ended
                workflow, task = found
                end_with(task, outcome)
                self._state.save_task(task)
                self.decide(workflow)
        except Refusal:
            logger.debug("the engine was closed before the work of task %s was done", task_id)

    def _has_time(self) -> bool:
        if self._state.closing or not self._state.scripts.have_time:
            return False
        return time.thread_time() < self._effort_until

    def _decide_one(self, workflow: WorkflowRecord) -> None:
        if workflow.ended:
            return
        goes_on = self._steps.make(workflow)
        while goes_on and self._has_time():
            goes_on = self._steps.make(workflow)
        if goes_on:
            self._state.unfinished[workflow.workflow_id] = workflow
        self.plan(workflow)
