"""One worker process, as its supervisor sees it."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

from conductor.calling.process_main import kill_group
from conductor.supervision.messages import PROBLEM, READY, REPORT, report_of
from conductor.supervision.reports import Reports
from conductor.supervision.stop_signals import stop_signals_blocked


class Child:
    """Making one starts it. OSError: the system cannot start a process. Thread-safe.

    command: gets the numbers of an inherited socket and of a pipe as its last arguments. Nothing is written to the
    pipe. It ends when the process of the supervisor ends. The command starts with SIGINT and SIGTERM blocked, and
    WorkerProcess unblocks them. inherited: further descriptors.
    on_change: called on a thread of this object after ``is_ready`` or ``exit_status`` has changed.
    """

    def __init__(
        self,
        command: Sequence[str],
        inherited: Sequence[int],
        number: int,
        reports: Reports,
        on_change: Callable[[], None],
    ) -> None:
        self.is_ready = False
        self.problem: str | None = None
        """The reason why its workers cannot be started."""
        self.exit_status: int | None = None
        """None while it runs. Negative: the number of the signal that has ended it."""
        self._number = number
        self._reports = reports
        self._on_change = on_change
        self._ordering = threading.Lock()  # guards the writing end, which never fills up
        ours, its = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        with its, stop_signals_blocked():
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the command of this program
                    [*command, str(its.fileno()), str(lifeline)],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(its.fileno(), lifeline, *inherited),
                    process_group=0,  # a Ctrl-C in the terminal is for the supervisor, and the group can be killed
                )
            except OSError:
                ours.close()
                os.close(self._lifeline)
                raise
            finally:
                os.close(lifeline)
        self.pid: int = self._process.pid
        self._connection = Connection(ours.detach())
        self._start_listening()

    def order(self, order: bytes) -> None:
        """DRAIN or NOW."""
        with self._ordering, suppress(OSError):  # it has ended
            self._connection.send_bytes(order)

    def kill(self) -> None:
        """End it at once, with all that its functions have started."""
        kill_group(self.pid)

    def ending(self) -> str:
        """Its end in words."""
        status = self._process.wait()
        if status >= 0:
            return f"exit status {status}"
        with suppress(ValueError):
            return signal.Signals(-status).name
        return f"signal {-status}"

    def _start_listening(self) -> None:
        try:
            threading.Thread(target=self._listen, name=f"conductor-child-{self.pid}", daemon=True).start()
        except RuntimeError as error:  # the system has no thread left, but may have one later
            self.kill()
            self._process.wait()
            self._release()
            raise OSError(errno.EAGAIN, str(error)) from error

    def _listen(self) -> None:
        with suppress(EOFError, OSError):  # the latter for a message that it did not live to send whole
            while True:
                message = self._connection.recv_bytes()
                self._take(message[:1], message[1:])
        status = self._process.wait()
        self._release()
        self.exit_status = status
        self._on_change()

    def _release(self) -> None:
        """After its end."""
        kill_group(self.pid)  # what it started and left
        os.close(self._lifeline)
        with self._ordering:
            self._connection.close()

    def _take(self, kind: bytes, content: bytes) -> None:
        if kind == REPORT:
            self._reports.update(self._number, report_of(content))
        elif kind == PROBLEM:
            self.problem = content.decode("utf-8", "replace")
        elif kind == READY:
            self.is_ready = True
            self._on_change()
