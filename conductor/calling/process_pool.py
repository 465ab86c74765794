"""Processes that worker functions run in, started anew, and ended with their parent or when they break."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar

from conductor._arguments import whole_number
from conductor._flag import Flag

T = TypeVar("T")

MANAGERS_END_WITHIN = 1.0
"""Seconds; the processes are killed by then."""

interpreter_ends = Flag()
"""Set before living pools are killed for it."""


def process_pool(max_workers: int | None = None) -> Callable[[], ProcessPoolExecutor]:
    """For ``start_worker(executor=process_pool(4))``: functions run in that many processes; None: one per processor.

    The function must stand at the top of a module; a script starts its workers under ``if __name__ == "__main__":``.
    With a batch_size over max_workers, tasks wait for a process while their leases, and a ``timeout``, run.

    The processes are started all at once, anew and not by fork. They ignore SIGINT, so that Ctrl-C lets them finish
    their tasks (on Windows it ends one that has just been started); SIGTERM ends them: it is for the parent alone
    (systemd: ``KillMode=mixed``). They end with their parent, however it ends, and are killed when its interpreter
    ends, whatever they are doing. One that ends by itself takes the others with it: all their tasks fail. Processes
    that a function has started are killed when its own ends, unless they began a session of their own (not on Windows).
    """
    return partial(ProcessPool, None if max_workers is None else whole_number("max_workers", max_workers, 1))


class _Child(SpawnProcess):
    def start(self) -> None:
        """SIGINT is blocked in it from its first moment on, when it could not yet ignore it by itself."""
        if sys.platform == "win32":  # signals cannot be blocked there: a Ctrl-C in that first moment ends it
            super().start()
            return
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def run(self) -> None:
        """Leads a process group, in which is what functions fork: it ends with this process."""
        if sys.platform != "win32":
            group_of_parent = os.getpgrp()
            os.setpgid(0, 0)
        threading.Thread(target=_end_with_parent, name="conductor-parent", daemon=True).start()
        super().run()
        if sys.platform != "win32":
            with suppress(PermissionError):  # the parent has begun a session meanwhile: then this one is killed, too
                os.setpgid(0, group_of_parent)
            _kill_group(os.getpid())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - for the type checker: this is a child
    parent.join()
    _kill_group(os.getpid())  # whatever the function is doing: nobody is left to take its result
    os._exit(1)


def _kill_group(leader: int | None) -> None:
    """Of one that has ended as well; not if it has not begun to lead it."""
    if leader is not None and sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):  # the latter on macOS, where only a zombie is left in it
            os.killpg(leader, signal.SIGKILL)


def end_forked_copy(process_id: int) -> None:
    """Of a function that has forked, and so comes back twice, only one is at work here."""
    if os.getpid() != process_id:
        os._exit(0)


class _Context(SpawnContext):
    """Remembers its processes."""

    def __init__(self) -> None:
        super().__init__()
        self.children: list[_Child] = []

    def Process(self, *args: Any, **kwargs: Any) -> _Child:  # type: ignore[override]  # noqa: N802 - its class there
        child = _Child(*args, **kwargs)
        self.children.append(child)
        return child


class ProcessPool(ProcessPoolExecutor):
    def __init__(self, max_workers: int | None) -> None:
        self._context = _Context()
        super().__init__(max_workers, self._context)
        # By its own measure, calls that wait for a busy process are on their way into it: too late to cancel them.
        self._call_queue.full = partial(_are_busy, self._max_workers, self._pending_work_items)  # type: ignore[attr-defined]
        _alive.add(self)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Also starts all processes, and lets the base class know: it watches those that it had at its last wake-up,
        and a submit wakes it before it starts one. The death of one that it does not watch, it would not notice.
        """
        before = len(self._context.children)
        future = super().submit(fn, *args, **kwargs)
        _managers.add(self._executor_manager_thread)  # type: ignore[arg-type] # typeshed says it is something else
        if len(self._context.children) > before:
            self.submit(int)
        return future

    def kill(self) -> list[int | None]:
        """End the processes at once. Returns the exit codes of those that had ended by themselves; once."""
        children = [child for child in self._context.children if child.pid]
        self._context.children.clear()
        ended = wait([child.sentinel for child in children], 0)
        for child in children:
            _kill_group(child.pid)
            if child.sentinel in ended:
                child.join(1)
            else:
                child.kill()
        return [child.exitcode for child in children if child.sentinel in ended]


def _are_busy(size: int, calls: dict[int, Any]) -> bool:
    return [call.future.running() for call in list(calls.values())].count(True) >= size


_alive: weakref.WeakSet[ProcessPool] = weakref.WeakSet()
_managers: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def _end_with_interpreter() -> None:
    interpreter_ends.set()
    for pool in list(_alive):
        pool.shutdown(wait=False, cancel_futures=True)
        pool.kill()
    for manager in list(_managers):  # one that ends with the interpreter may meet a pipe that was just closed (3.11)
        manager.join(MANAGERS_END_WITHIN)


# concurrent.futures joins the thread of each pool, which waits for functions, before atexit's handlers run. What was
# registered here last runs first: before its own, since that was registered when it was imported, above.
threading._register_atexit(_end_with_interpreter)  # type: ignore[attr-defined]  # noqa: SLF001
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_alive.clear)  # a forked child ends without its parent's processes
