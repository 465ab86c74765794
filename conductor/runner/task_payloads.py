"""Fetches the payloads of a task before its function begins, and uploads its output if it is large.

A transfer is tried three times, as long as the task's lease lasts.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from conductor import _recording
from conductor._log import about, logger_of
from conductor.errors import PayloadError, UnusablePayloadError
from conductor.models import TaskResultStatus
from conductor.payloads import PayloadType, elsewhere, largest_output, with_payloads
from conductor.runner.resources import Resources
from conductor.runner.run import Run
from conductor.task_result import LARGEST_OUTPUT, PreparedResult, failed

logger = logger_of(__name__)

T = TypeVar("T")

PAUSES = (0.5, 2.0)
"""Seconds between the tries of a transfer."""
SHORTEST_TRY = 1.0
"""Seconds that a try may take, even if the lease is shorter."""


class TaskPayloads:
    """The payloads of one worker's tasks. Thread-safe. Each transfer blocks for its requests, and for its pauses.

    abandoned: set when the drain is over; no further try is made then. upload_over: bytes; a larger output is uploaded,
    and infinity if none is. largest_output: bytes; a larger output cannot be sent.
    """

    def __init__(self, task_name: str, resources: Resources, abandoned: threading.Event) -> None:
        self._task_name = task_name
        self._clock = resources.clock
        self._storage = storage = resources.payloads
        self._abandoned = abandoned
        upload_over = None if storage is None else storage.settings.upload_over
        self.upload_over = math.inf if upload_over is None else upload_over
        self.largest_output = largest_output(storage)

    def fetch(self, run: Run) -> PayloadError | None:
        """Put the payloads that lie elsewhere into the task of the run. Returns the error if that is not possible."""
        try:
            run.task = with_payloads(run.task, partial(self._read, run))
        except PayloadError as error:
            return error.with_traceback(None)  # its frames tell nothing to the author of the function
        return None

    def upload(self, run: Run, prepared: PreparedResult) -> PreparedResult:
        """The result with its output in the storage. If that fails, a failure in its place.

        If no storage takes it, the result is unchanged, or a failure if its output is too large for the server.
        """
        storage, content = self._storage, msgspec.json.encode(prepared.result.output_data)
        assert storage is not None  # noqa: S101 - for the type checker; without a storage nothing is uploaded
        try:
            path = self._tried(run, lambda within: storage.write(content, "TASK_OUTPUT", within))
        except PayloadError as error:
            return self._lost(run, prepared, error)
        if path is None:
            if prepared.size <= LARGEST_OUTPUT:
                return prepared
            problem = f"{prepared.size} bytes of JSON, where a server takes {LARGEST_OUTPUT}, and no storage takes more"
            return self._lost(run, prepared, UnusablePayloadError(problem))
        _recording.payloads.count(self._task_name, "WRITE", "TASK_OUTPUT")
        prepared.result.output_data = {}
        prepared.result.external_output_payload_storage_path = path
        return prepared

    def _read(self, run: Run, path: str, payload_type: PayloadType) -> dict[str, object]:
        _recording.payloads.count(self._task_name, "READ", payload_type)
        storage = self._storage
        if storage is None:
            raise elsewhere(path, payload_type)
        if not storage.settings.read:
            raise elsewhere(path, payload_type, "and PayloadSettings(read=False) is set")
        return self._tried(run, lambda within: storage.read(path, payload_type, within))

    def _tried(self, run: Run, transfer: Callable[[float], T]) -> T:
        """transfer: called with the seconds that it may take."""
        for pause in PAUSES:
            try:
                return transfer(self._seconds_for(run))
            except UnusablePayloadError:
                raise
            except PayloadError as error:
                if self._lease_left(run) <= pause:
                    raise
                extra = about(self._task_name, run.task, run.task.retry_count)
                logger.warning("%s: %s; it is tried again", self._task_name, error, extra=extra)
                if self._clock.wait(self._abandoned, pause):
                    raise
        return transfer(self._seconds_for(run))

    def _lost(self, run: Run, prepared: PreparedResult, error: PayloadError) -> PreparedResult:
        """A failure in the place of a result whose output cannot be sent. A failure stays as it is, without output."""
        reason = f"the output is lost: {type(error).__name__}: {error}"
        logger.error("%s: %s", self._task_name, reason, extra=about(self._task_name, run.task, run.task.retry_count))
        if prepared.error is not None:
            prepared.result.output_data = {}
            return prepared._replace(size=2)
        result, is_final = prepared.result, isinstance(error, UnusablePayloadError)
        status = TaskResultStatus.FAILED_WITH_TERMINAL_ERROR if is_final else TaskResultStatus.FAILED
        lost = failed(result.task_id, result.workflow_instance_id, reason, status)
        lost.worker_id, lost.logs = result.worker_id, result.logs
        return prepared._replace(result=lost, size=2, error=type(error).__name__)

    def _seconds_for(self, run: Run) -> float:
        return max(SHORTEST_TRY, self._lease_left(run))

    def _lease_left(self, run: Run) -> float:
        """Seconds; infinite if the lease is extended meanwhile."""
        lease = run.task.response_timeout_seconds
        if lease <= 0 or run.lease is not None:
            return math.inf
        return run.leased_at + lease - self._clock.now()
