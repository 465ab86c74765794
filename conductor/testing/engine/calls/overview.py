"""The state of the server for its page."""

from __future__ import annotations

from conductor.testing.engine.calls.queues import Queues
from conductor.testing.engine.records.records import Wire
from conductor.testing.engine.records.rendering import render_workflow
from conductor.testing.engine.state.state import State

_OVERVIEW_WORKFLOWS = 100


class Overview:
    """Calls that the page makes."""

    def __init__(self, state: State, queues: Queues) -> None:
        self._state = state
        self._queues = queues

    def show(self) -> Wire:
        """For the page: the newest workflows with their tasks, the queues, the polls and the last refused calls."""
        with self._state.transaction():
            workflows = sorted(self._state.workflows.values(), key=lambda workflow: -int(workflow.wire["createTime"]))
            ids = [workflow.workflow_id for workflow in workflows]
            for workflow_id in self._state.store.newest_workflows():
                if len(ids) >= 2 * _OVERVIEW_WORKFLOWS:
                    break
                if workflow_id not in self._state.workflows:
                    ids.append(workflow_id)
            shown = sorted((self._state.workflow(i) for i in ids), key=lambda w: -int(w.wire["createTime"]))
            return {
                "now": self._state.now_ms,
                "workflows": [render_workflow(w, self._state.now_ms) for w in shown[:_OVERVIEW_WORKFLOWS]],
                "queues": self._queues.sizes(),
                "polls": self._queues.poll_data(),
                "errors": list(self._state.errors),
            }
