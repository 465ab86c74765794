"""Sends the results of tasks that do not run here: tasks that are handed back, and tasks that cannot be read."""

from __future__ import annotations

from conductor import _recording
from conductor.delivery.lease import Lease
from conductor.delivery.pending_result import RETRY_AT_LEAST, PendingResult
from conductor.delivery.result_sender import ResultSender
from conductor.models import Task
from conductor.runner import task_log
from conductor.runner.capacity import Capacity
from conductor.runner.resources import Resources
from conductor.task_client import Delivery
from conductor.task_result import TaskResult, hand_back_result


class UnstartedTasks:
    """The unstarted tasks of one worker. Thread-safe.

    No method blocks for a request, unless the system has no thread left. The worker does not end before the answers.
    """

    def __init__(self, task_name: str, resources: Resources, capacity: Capacity, sender: ResultSender) -> None:
        self._task_name = task_name
        self._resources = resources
        self._capacity = capacity
        self._sender = sender

    def hand_back(self, task: Task, received: float, lease: Lease | None = None) -> None:
        """Return a task to its queue. The request is repeated until the lease ends, which returns the task as well."""
        _recording.handed_back.count(self._task_name)
        seconds = task.response_timeout_seconds
        retry_for = seconds if seconds > 0 else RETRY_AT_LEAST
        result, polls, retries = hand_back_result(task), task.poll_count or 0, task.retry_count
        self._send(PendingResult(result, received, retry_for, lease, poll_count=polls, retry_count=retries))

    def fail(self, result: TaskResult) -> None:
        """Send the FAILED result of a task that cannot be read."""
        task_log.unreadable(self._task_name, result)
        self._send(PendingResult(result, self._resources.clock.now()))

    def _send(self, pending: PendingResult) -> None:
        pending.result.worker_id = self._resources.worker_id
        threads = self._resources.sender_threads
        self._capacity.request_started()
        threads.run(lambda: threads.send(self._sender, pending, self._done))

    def _done(self, _: Delivery) -> None:
        self._capacity.request_done()
