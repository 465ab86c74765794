"""The notes of a function in a process, on their way to its parent: as JSON, through the pipe of its tasks.

The pipe keeps the order, so all notes of a task come before its result. If the process dies, the parent still reads
the notes that are in the pipe.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from conductor._notes import Notes
from conductor.context import TaskContext
from conductor.models import TaskExecLog
from conductor.task_result import SetOutput

LINES, OUTPUT, RESULT = b"l", b"o", b"r"
"""The first byte of a message from the process. There is one RESULT for each task."""

_lines = msgspec.json.Decoder(list[TaskExecLog])
_output = msgspec.json.Decoder(dict[str, Any])


class NotesSender:
    """The listener of the notes in a process: it sends them at once. It also sends the results. Thread-safe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        # Guards the writing end of the pipe, and the next. A user's signal handler may log while its thread holds it.
        self._lock = threading.RLock()
        self._is_sending = False
        self._sent_output: SetOutput | None = None

    def notice(self, notes: Notes) -> None:
        is_more = True
        while is_more:
            with self._lock:
                if self._is_sending:  # the handler has interrupted a message of its thread, which sends the notes next
                    return
                self._is_sending = True
                try:
                    with suppress(OSError):  # the parent has ended, and so will this process
                        self._send(notes)
                finally:
                    self._is_sending = False  # first, so that a handler from here on sends its notes itself
            is_more = notes.taken() or self._has_new_output(notes)

    def send_result(self, result: bytes) -> None:
        with self._lock:
            self._pipe.send_bytes(RESULT + result)

    def _send(self, notes: Notes) -> None:
        if lines := notes.take():
            self._pipe.send_bytes(LINES + msgspec.json.encode(lines))
        output = notes.output
        if output is not None and self._has_new_output(notes):
            self._sent_output = output
            self._pipe.send_bytes(OUTPUT + msgspec.json.encode(output.data))

    def _has_new_output(self, notes: Notes) -> bool:
        return notes.output is not None and notes.output is not self._sent_output and not notes.has_ended


def add_to_notes(context: TaskContext, kind: bytes, content: bytes) -> None:
    """Add notes of a process to the context that this process has of the task."""
    if kind == LINES:
        context.writable_notes().add(_lines.decode(content))
    else:
        context.writable_notes().set_output(SetOutput(_output.decode(content), len(content)))
