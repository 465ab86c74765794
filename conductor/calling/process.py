"""One process that a worker's function runs in, as its parent sees it."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from multiprocessing import resource_tracker

import msgspec

from conductor.calling.call import NotBegunError, ProcessDiedError
from conductor.calling.process_main import GOES_ON, LEVELS, LOST, SECONDS, STOPPING, Duties, kill_group, serve
from conductor.calling.process_notes import RESULT

EXIT_CODE_WITHIN = 1.0
"""Seconds; a process that has closed its pipes is about to have an exit code."""

_spawn = multiprocessing.get_context("spawn")


class Process:
    """Making one starts it, and raises what multiprocessing raises if that is impossible.

    One thread reads ``messages``. One thread at a time uses ``send`` and ``answers``. Any thread may call the other
    methods.
    """

    def __init__(self, duties: Duties, levels: Mapping[str, int]) -> None:
        self._tasks, its_tasks = _spawn.Pipe()
        its_orders, self._orders = _spawn.Pipe(duplex=False)
        self._messages, its_messages = _spawn.Pipe(duplex=False)
        self._ordering = threading.Lock()  # guards the writing end of _orders; that pipe never fills up
        self._levels = levels
        self.number_of_tasks = 0
        self.has_ended_task = False
        self.has_ended = False
        """Another thread has noticed the end."""
        self.is_killed = False
        arguments = (its_tasks, its_orders, its_messages, duties, levels)
        self._process = _spawn.Process(target=serve, args=arguments, name="conductor-process", daemon=False)
        _start(self._process)
        for its_end in (its_tasks, its_orders, its_messages):  # so that this end notices when the process has ended
            its_end.close()

    def messages(self) -> Iterator[tuple[bytes, bytes]]:
        """The kind and the content of each: see process_main. Blocks for the next one; the last one is its end."""
        with self._messages, suppress(EOFError, OSError):  # OSError: it has ended in the middle of a message
            while True:
                message = self._messages.recv_bytes()
                yield message[:1], message[1:]

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def is_stopped(self) -> bool:
        """Whether a signal has stopped it, as SIGSTOP does. Linux alone tells; elsewhere it is False."""
        process_id = self._process.pid
        if sys.platform != "linux" or process_id is None:
            return False
        try:
            return os.waitid(os.P_PID, process_id, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # it has ended
            return False

    def send(self, task: bytes, seconds_left: float | None, levels: Mapping[str, int], *, is_stopping: bool) -> None:
        """Let the function begin with a task. NotBegunError: the process has ended."""
        self.number_of_tasks += 1
        try:
            if levels is not self._levels:
                self._levels = levels
                self._tasks.send_bytes(LEVELS + msgspec.json.encode(levels))
            time = SECONDS.pack(math.inf if seconds_left is None else seconds_left)
            self._tasks.send_bytes((STOPPING if is_stopping else GOES_ON) + time + task)
        except OSError:
            self.has_ended = True
            raise NotBegunError from None

    def answers(self) -> Iterator[tuple[bytes, bytes]]:
        """The notes of the function for the task that was sent, and last its result: see process_notes.

        Blocks for each of them.

        NotBegunError: the process ended before it read the task. Linux alone tells that, by a reset of the connection;
        elsewhere it is a ProcessDiedError, and the task fails. An acknowledgement would cost each task a wake-up.
        """
        kind = b""
        while kind != RESULT:
            answer = self._answer()
            kind = answer[:1]
            yield kind, answer[1:]

    def _answer(self) -> bytes:
        died: Exception
        try:
            answer = self._tasks.recv_bytes()
        except ConnectionResetError:
            died = NotBegunError()
        except (EOFError, OSError):
            died = ProcessDiedError(self.ending())
        else:
            self.has_ended_task = self.has_ended_task or answer[:1] == RESULT
            return answer
        self.has_ended = True
        raise died  # here, so that nothing leads to the frames of the caught error, which refer to the pipes

    def tell_stopping(self) -> None:
        self._order(STOPPING)

    def tell_lost(self, number: int) -> None:
        """number: of the task that is lost. The first task of the process has 1."""
        self._order(LOST + str(number).encode())

    def kill(self) -> None:
        """End it at once, also within a function, with all that its functions have started. May be repeated."""
        self.is_killed = True
        self.end_what_it_started()
        self._process.kill()

    def end_what_it_started(self) -> None:
        """End the programs that its functions have started, also if it has ended itself."""
        kill_group(self._process.pid)

    def ending(self) -> str:
        """Its exit code in words. It has ended, or is about to end."""
        end = time.monotonic() + EXIT_CODE_WITHIN
        while self._process.exitcode is None and time.monotonic() < end:
            self._process.join(0.01)  # in short steps: another thread may fetch the exit code, or a copy hide the end
        code = self._process.exitcode
        if code is None:
            return "its process ended"
        return f"its process ended, with exit code {code}{_name_of_signal(-code)}"

    def close(self) -> None:
        """Close the pipes into it, once no thread uses ``send`` or ``answers``. Repeating it changes nothing."""
        self._tasks.close()
        with self._ordering:
            self._orders.close()

    def close_in_forked_copy(self) -> None:
        """A forked copy of the parent must not hold the pipes: the process ends with the original."""
        self._tasks.close()
        self._orders.close()  # without the lock, which a thread of the original may have held

    def _order(self, order: bytes) -> None:
        with self._ordering, suppress(OSError):  # it has ended
            self._orders.send_bytes(order)


def _start(process: multiprocessing.process.BaseProcess) -> None:
    """SIGINT is blocked in it from its first moment on, until it can ignore it."""
    if sys.platform == "win32":  # signals cannot be blocked there: a Ctrl-C in that first moment ends it
        process.start()
        return
    resource_tracker.ensure_running()  # done by the start otherwise, and that would unblock the signal
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _name_of_signal(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:
        return ""
