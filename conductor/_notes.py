"""The notes of one execution: log lines and an output that the function gives while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from conductor import _forks
from conductor.models import Task, TaskExecLog, milliseconds
from conductor.task_result import SetOutput, TaskResult, log_entry

MOST_LINES = 1_000
MOST_CHARACTERS = 65_536
"""The lines of one task that may wait to be sent. Further lines are left out, and a line says how many."""
LATENCY = 200
"""Milliseconds that the delivery of a task may take. The server's clock is known so exactly."""


class FinalNotes(NamedTuple):
    """The notes at the end of an execution.

    lines: those that no request has taken. output: of ``set_output``. put_off: of ``in_progress``.
    """

    lines: Sequence[TaskExecLog] = ()
    output: SetOutput | None = None
    put_off: TaskResult | None = None


NOTHING = FinalNotes()


class Listener(Protocol):
    """Is called when a running function has given notes. Thread-safe."""

    def notice(self, notes: Notes) -> None:
        """Lines have begun to wait, the output is another one, or the execution has ended, so that no lines wait.

        It is not called for further lines before ``take`` is. It does not block for a request.
        """
        ...


class Notes:
    """The notes of one execution. Thread-safe.

    A line waits until a listener takes it to the server, or until ``end`` takes it into the result: each line once.
    Lines that come later are dropped. A copy of the process that the function forks takes no notes.
    """

    def __init__(self, task: Task, listener: Listener | None, behind: float = 0.0) -> None:
        """behind: the seconds by which this machine's clock is behind the server's, as far as it is known."""
        self.task = task
        self._listener = listener
        self._behind = milliseconds(behind)
        self._forks = _forks.count()
        # Guards everything below. A user's signal handler may log while its thread holds it.
        self._lock = threading.RLock()
        self._waiting: list[TaskExecLog] = []
        self._characters = 0  # of the waiting lines
        self._left_out = 0  # lines since the last of the waiting ones
        self._under_way = False  # lines are taken, and their request has not ended
        self._sent_at: int | None = None  # the end of the last request with lines, in milliseconds since the epoch
        self._was_ended_when_taken = False
        self._output: SetOutput | None = None
        self._put_off: TaskResult | None = None
        self._final: FinalNotes | None = None  # set by ``end``

    @property
    def has_lines(self) -> bool:
        """Whether lines wait."""
        return bool(self._waiting)

    @property
    def has_ended(self) -> bool:
        return self._final is not None

    @property
    def output(self) -> SetOutput | None:
        return self._output

    def add(self, lines: Iterable[TaskExecLog]) -> None:
        if _forks.count() != self._forks:
            return
        with self._lock:
            if self._final is not None:
                return
            is_news = not self._waiting
            self._keep(lines)
        if is_news and self._listener is not None:
            self._listener.notice(self)

    def set_output(self, output: SetOutput) -> None:
        """Keep the output in place of an earlier one."""
        if _forks.count() != self._forks:
            return
        with self._lock:
            if self._final is not None:
                return
            self._output = output
        if self._listener is not None:
            self._listener.notice(self)

    def put_off(self, result: TaskResult) -> None:
        """Keep the result that counts if the function returns None."""
        self._put_off = result

    def take(self) -> list[TaskExecLog]:
        """The waiting lines, for a request. Call ``taken`` after the request, also if there is none."""
        with self._lock:
            self._was_ended_when_taken = self._final is not None
            lines = self._drain()
            self._under_way = bool(lines)
            return lines

    def taken(self, unsent: Sequence[TaskExecLog] = ()) -> bool:
        """The request has ended. Returns whether lines wait for another one.

        unsent: lines that the server did not get. They wait again, and come first. Those that the result has not taken
            because they were under way at the end of the execution get one more request.
        """
        with self._lock:
            if self._under_way and not unsent:
                self._sent_at = milliseconds(time.time())
            self._under_way = False
            if unsent and not self._was_ended_when_taken:
                newer = self._drain()
                self._keep([*unsent, *newer])
            return bool(self._waiting)

    def end(self) -> FinalNotes:
        """The execution has ended, or is not waited for any more. Repeating it returns the same."""
        if _forks.count() != self._forks:
            return NOTHING
        with self._lock:
            if self._final is not None:
                return self._final
            self._final = FinalNotes(self._drain(), self._output, self._put_off)
        if self._listener is not None:
            self._listener.notice(self)
        return self._final

    def date(self, entries: Iterable[TaskExecLog]) -> None:
        """Date the entries of the result after the lines that were sent before it.

        The server sorts a task's log by time, and dates lines by its own clock (3.32.3).
        """
        with self._lock:
            sent_at = milliseconds(time.time()) if self._under_way else self._sent_at
        if sent_at is not None:
            for entry in entries:
                entry.created_time = max(entry.created_time or 0, sent_at) + self._behind + LATENCY

    def _keep(self, lines: Iterable[TaskExecLog]) -> None:
        for line in lines:
            room = MOST_CHARACTERS - self._characters
            text = line.log or ""
            if self._left_out or len(self._waiting) >= MOST_LINES or (len(text) > room and self._waiting):
                self._left_out += 1
                continue
            if len(text) > room:
                line.log = text = f"{text[:room]}… (characters left out here: {len(text) - room})"
            self._waiting.append(line)
            self._characters += len(text)

    def _drain(self) -> list[TaskExecLog]:
        lines, self._waiting = self._waiting, []
        if self._left_out:
            lines.append(log_entry(self.task.task_id, f"(lines left out here: {self._left_out})"))
        self._characters = self._left_out = 0
        return lines
