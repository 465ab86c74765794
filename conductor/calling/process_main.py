"""The life of a process that a worker's function runs in, as the process itself sees it.

============  =========  ===============================================================================================
pipe          direction  content
============  =========  ===============================================================================================
``tasks``     both ways  in: tasks, as JSON behind GOES_ON or STOPPING and SECONDS; LEVELS before a task whenever they
                         have changed. Out: for each task, its notes and its result (process_notes).
``orders``    in         STOPPING; LOST. Its end is the parent's.
``messages``  out        READY or PROBLEM, once; RECORD
============  =========  ===============================================================================================

Nothing that a server sent is ever unpickled. Functions run on the main thread; a second thread reads the orders.
"""

from __future__ import annotations

import importlib
import logging
import math
import operator
import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import msgspec

from conductor._decorated import plain_function
from conductor._flag import Flag
from conductor.binding.bind import bind
from conductor.calling.execute import execute
from conductor.calling.process_log import RecordSender, set_levels
from conductor.calling.process_notes import NotesSender
from conductor.context import BoundFunction, RunnerState, TaskContext, WorkerContext
from conductor.models import Decoder, Task
from conductor.task_result import prepare_result
from conductor.worker import Execute

GOES_ON, STOPPING = b"-", b"s"
"""Before a task: whether the worker is stopping. The latter is also an order."""
SECONDS = struct.Struct("!d")
"""Before a task: the seconds until its deadline. Infinite: it has none."""
LEVELS = b"v"
"""Before the levels of loggers, as JSON."""
LOST = b"l"
"""Before the number of a task whose result is not needed any more."""
READY, PROBLEM = b"k", b"p"
"""READY: it can run the function. PROBLEM: it cannot; the reason follows."""

_NO_STATE = RunnerState(
    "a lifespan is in the main process, and not in this one: make the objects in process_pool(…, initializer=…)"
)

_tasks = Decoder(Task, whole=False)
_levels = msgspec.json.Decoder(dict[str, int])


@dataclass(frozen=True)
class Duties:
    """module, function: where the worker's function is found. task_name: what the worker polls.

    largest_output: bytes of JSON.
    """

    module: str
    function: str
    task_name: str
    worker_id: str
    initializer: Callable[..., object] | None
    initargs: tuple[Any, ...]
    largest_output: int


def serve(
    tasks: Connection, orders: Connection, messages: Connection, duties: Duties, levels: Mapping[str, int]
) -> None:
    """The whole life of a process. It is killed at its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # blocked until it could be ignored
        os.setpgid(0, 0)  # leads a group, which all processes that its functions start belong to
        os.register_at_fork(after_in_child=lambda: _leave_to_original(tasks, orders, messages))
    parent = _Parent(orders)
    threading.Thread(target=parent.obey, name="conductor-orders", daemon=True).start()
    sender = RecordSender(messages, duties.task_name)
    try:
        sender.handle_all(levels)
        function = bind(find(duties.module, duties.function))
        sender.handle_all(levels)  # the import may have set up others
        if duties.initializer is not None:
            duties.initializer(*duties.initargs)
    except BaseException as error:  # noqa: BLE001 - the user's code may raise any
        sender.tell(PROBLEM, f"{type(error).__name__}: {error}".encode("utf-8", "replace"))
        return
    sender.tell(READY)
    notes_sender = NotesSender(tasks)
    with suppress(EOFError, ConnectionError):
        while True:
            message = tasks.recv_bytes()
            if message[:1] == LEVELS:
                set_levels(_levels.decode(message[1:]))
            else:
                notes_sender.send_result(_result(function, message, parent, duties, notes_sender))
    _end()


def find(module: str, function: str) -> Execute:
    """The function, imported. Raises any exception of the import."""
    return plain_function(operator.attrgetter(function)(importlib.import_module(module)))


def kill_group(leader: int | None) -> None:
    """Kill a process that leads a group, and what is in the group: also if the process has ended."""
    if leader is not None and sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):  # the latter on macOS, where only a zombie is left in it
            os.killpg(leader, signal.SIGKILL)


def _end() -> NoReturn:
    """The parent has ended: end this process, and all that its functions have started.

    Each thread that notices it calls this. If the main thread returned instead, the interpreter would end first.
    """
    kill_group(os.getpid())
    os._exit(1)


class _Parent:
    """The orders of the parent. Thread-safe."""

    def __init__(self, orders: Connection) -> None:
        self.stopping = Flag()
        self._orders = orders
        self._lock = threading.Lock()  # guards everything below
        self._number = 0
        self._lost_number = 0
        self._lost = Flag()

    def next_task(self, flag: bytes) -> Flag:
        """The ``lost`` of the task that begins. The number of the first task is 1."""
        if flag == STOPPING:
            self.stopping.set()
        lost = Flag()
        with self._lock:
            self._number += 1
            self._lost = lost
            is_lost = self._lost_number == self._number  # the order was faster than the task
        if is_lost:
            lost.set()
        return lost

    def obey(self) -> None:
        """Read orders until the parent has ended. Then this process ends too, also within a function."""
        with suppress(EOFError, OSError):
            while order := self._orders.recv_bytes():
                self._obey(order[:1], order[1:])
        _end()

    def _obey(self, kind: bytes, content: bytes) -> None:
        if kind == STOPPING:
            self.stopping.set()
        elif kind == LOST:
            with self._lock:
                self._lost_number = int(content)
                lost, is_current = self._lost, self._lost_number == self._number
            if is_current:
                lost.set()


def _result(
    function: BoundFunction, message: bytes, parent: _Parent, duties: Duties, notes_sender: NotesSender
) -> bytes:
    process_id = os.getpid()
    lost = parent.next_task(message[:1])
    (seconds_left,) = SECONDS.unpack_from(message, 1)
    task = _tasks.decode(message[1 + SECONDS.size :])
    timeout = None if math.isinf(seconds_left) else seconds_left
    shared = WorkerContext(
        parent.stopping,
        worker_id=duties.worker_id,
        timeout=timeout,
        listener=notes_sender,
        state=_NO_STATE,
        largest_output=duties.largest_output,
    )
    outcome = execute(function, TaskContext(task, lost, shared))
    if os.getpid() != process_id:  # the function has forked and comes back twice: only the original answers
        os._exit(0)
    _flush()
    return msgspec.json.encode(prepare_result(task, outcome, duties.worker_id, duties.largest_output))


def _flush() -> None:
    """Write the printed text now, because the process is killed at its end."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):  # nobody reads it any more, or the function has closed it
                stream.flush()


def _leave_to_original(*pipes: Connection) -> None:
    """In a copy that a function has forked: if it held the pipes, the parent would not notice the original's end."""
    for handler in [each for each in logging.root.handlers if isinstance(each, RecordSender)]:
        logging.root.removeHandler(handler)
    for pipe in pipes:
        pipe.close()
