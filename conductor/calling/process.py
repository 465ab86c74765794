"""One process that a worker's function runs in, as its parent sees it."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import resource_tracker

import msgspec

from conductor.calling.call import ProcessDiedError
from conductor.calling.process_log import hand_on
from conductor.calling.process_main import GOES_ON, LEVELS, LOST, STOPPING, Duties, kill_group, serve

ENDS_WITHIN = 1.0
"""Seconds for a process that is asked to end: it flushes its output and runs its exit handlers. Then it is killed."""
EXIT_CODE_WITHIN = 1.0
"""Seconds; a process that has closed its pipe is about to have an exit code."""

_spawn = multiprocessing.get_context("spawn")


class Process:
    """Making one starts it, and raises what multiprocessing raises if that is impossible.

    One thread at a time may use ``problem`` (first, and once), ``send``, ``result`` and ``ask_to_end``. All other
    methods may be called by any thread. The pipes are closed with the last reference to this object: until then a
    thread may still read from them.
    """

    def __init__(self, duties: Duties, levels: Mapping[str, int]) -> None:
        self.tasks, its_tasks = _spawn.Pipe()
        its_orders, self._orders = _spawn.Pipe(duplex=False)
        log, its_log = _spawn.Pipe(duplex=False)
        self._ordering = threading.Lock()  # guards the writing end of _orders; that pipe never fills up
        self.number_of_tasks = 0
        self.has_ended = False
        """It was noticed that the process has ended."""
        self.is_killed = False
        self.end_by: float | None = None
        """The moment of the monotonic clock at which it is killed, once it was asked to end."""
        arguments = (its_tasks, its_orders, its_log, duties, levels)
        self._process = _spawn.Process(target=serve, args=arguments, name="conductor-process", daemon=False)
        _start(self._process)
        for its_end in (its_tasks, its_orders, its_log):  # so that this end notices when the process has ended
            its_end.close()
        log_thread = threading.Thread(target=hand_on, args=(log,), name="conductor-process-log", daemon=True)
        try:
            log_thread.start()
        except RuntimeError:  # the system has no thread left
            self.kill()
            raise

    @property
    def sentinel(self) -> int:
        """Ready, for ``multiprocessing.connection.wait``, when the process has ended."""
        return self._process.sentinel

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def problem(self) -> str:
        """Why it cannot run the function; empty: it can. Blocks until the process knows."""
        try:
            return self.tasks.recv_bytes().decode("utf-8")
        except (EOFError, OSError):
            return self.ending()

    def send(self, task: bytes, *, is_stopping: bool) -> None:
        """Let the function begin with a task. OSError: the process has ended, and the function did not begin."""
        self.number_of_tasks += 1
        try:
            self.tasks.send_bytes((STOPPING if is_stopping else GOES_ON) + task)
        except OSError:
            self.has_ended = True
            raise

    def result(self) -> bytes:
        """What the function came to. Blocks until it has ended. ProcessDiedError."""
        try:
            return self.tasks.recv_bytes()
        except (EOFError, OSError):
            self.has_ended = True
            raise ProcessDiedError(self.ending()) from None

    def tell_stopping(self) -> None:
        self._order(STOPPING)

    def tell_lost(self, number: int) -> None:
        """number: how many tasks it had been given with the lost one."""
        self._order(LOST + str(number).encode())

    def tell_levels(self, levels: Mapping[str, int]) -> None:
        self._order(LEVELS + msgspec.json.encode(levels))

    def ask_to_end(self) -> None:
        """Only while it runs no task."""
        self.end_by = time.monotonic() + ENDS_WITHIN
        with suppress(OSError):  # it has ended
            self.tasks.send_bytes(b"")

    def kill(self) -> None:
        """End it at once, whatever it is doing, with all that its functions have started. Repeating changes nothing."""
        self.is_killed = True
        kill_group(self._process.pid)
        self._process.kill()

    def ending(self) -> str:
        """How it ended, which it is about to have done."""
        end = time.monotonic() + EXIT_CODE_WITHIN
        self._process.join(EXIT_CODE_WITHIN)
        while self._process.exitcode is None and time.monotonic() < end:
            self._process.join(0.01)  # another thread has fetched the exit code, and is about to keep it
        code = self._process.exitcode
        if code is None:
            return "its process ended"
        return f"its process ended, with exit code {code}{_name_of_signal(-code)}"

    def close_in_forked_copy(self) -> None:
        """A forked copy of the parent must not hold the pipes: the process ends with the original."""
        self.tasks.close()
        self._orders.close()

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
