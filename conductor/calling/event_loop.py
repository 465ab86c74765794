"""The event loop of a runner's ``async def`` functions: one on a thread of its own, or the caller's.

The thread is a daemon: a function that never returns must not keep the process alive.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conductor import _forks
from conductor._flag import Flag
from conductor._log import logger_of
from conductor._stacks import Call, stacks
from conductor.errors import ConductorError, ConfigurationError

if TYPE_CHECKING:
    import asyncio

logger = logger_of(__name__)

Ended = Callable[[], object]

BLOCKED_AFTER = 1.0
"""Seconds without a turn after which an event loop counts as blocked."""
PACKAGE = str(Path(__file__).parents[1]).encode("ascii", "backslashreplace").decode()
"""The beginning of the names of this package's files, as ``stacks`` writes them."""
CALL_FUNCTIONS = (str(Path("calling", "execute.py")), str(Path("hooks", "interception.py")))
"""The ends of the names of the files that call worker functions and interceptors on the event loop."""
LOOP_RESTART_DELAY = 0.1
"""Seconds until a loop that was stopped continues."""


class EventLoop:
    """Runs coroutines on one event loop. Thread-safe.

    loop: the caller's, which is neither started nor stopped here. None: a new one on a thread of its own. The first use
        starts it, and loads asyncio, which not every worker needs.
    lost: set when the loop is found to be closed, although it is needed. No coroutine can run any more.
    blocked_since: the time at which a block of the loop was noticed, while it lasts.

    While coroutines run, another thread checks whether a function blocks the loop, and logs the place.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.lost = Flag()
        self.blocked_since: datetime | None = None
        self._name = name
        self._is_callers = loop is not None
        self._lock = threading.Lock()  # guards the next two, and the end of all coroutines of a closed loop
        self._loop = loop
        self._is_watched = False
        self._closed = threading.Event()  # by ``close``
        self._starting: deque[tuple[Coroutine[Any, Any, None], Ended]] = deque()  # its operations are atomic
        self._is_woken = False  # the loop is about to start them
        # asyncio holds tasks weakly. Changed on the loop's thread, or on another one if the loop is closed.
        self._tasks: dict[asyncio.Task[None], Ended] = {}
        self._thread_id = 0  # the loop's thread, when it last started coroutines

    @property
    def is_closed(self) -> bool:
        """Whether no coroutine can be started, because the loop is closed."""
        with self._lock:
            return self._loop is not None and self._loop.is_closed()

    def start(self, coroutine: Coroutine[Any, Any, None], ended: Ended) -> None:
        """Start the coroutine, which must not raise, without waiting for it.

        ended: called on the loop's thread after the coroutine, also if it was cancelled before it began. If the loop is
            closed before the coroutine has ended, it is called on another thread.
        RuntimeError: the system has no thread left, or the loop is closed.
        """
        try:
            loop = self._opened()
        except BaseException:
            coroutine.close()
            if self.is_closed:
                self._found_closed()
            raise
        self._starting.append((coroutine, ended))
        if self._is_woken:  # coroutines that start together wake the loop once
            return
        self._is_woken = True
        try:
            loop.call_soon_threadsafe(self._create_tasks, loop)
        except RuntimeError:  # it was closed just now
            self._found_closed()

    def require_other_thread(self) -> None:
        """ConductorError: this thread runs the loop, so it must not wait for a coroutine."""
        with self._lock:
            loop = self._loop
        if loop is not None and is_running_here(loop):
            raise ConductorError(
                "this blocks the event loop that it waits for: use"
                " `await asyncio.to_thread(runner.start_worker, ...)`, or start_workers in the same way"
            )

    def require_turns(self) -> None:
        """ConductorError: this thread must not wait for a coroutine, or the caller's loop does not run."""
        self.require_other_thread()
        with self._lock:
            is_idle = self._is_callers and self._loop is not None and not self._loop.is_running()
        if is_idle:
            raise ConductorError("the event loop does not run: start it before the workers")

    def cancel(self, task: asyncio.Task[None]) -> None:
        """Cancel a coroutine. Does nothing if the loop is closed."""
        with suppress(RuntimeError):
            task.get_loop().call_soon_threadsafe(task.cancel)

    def close(self) -> None:
        """No coroutine is started any more. Unfinished ones are not awaited. Returns at once.

        The loop's own thread stops and closes it. The caller's loop continues.
        """
        with self._lock:
            loop = self._loop
            if not self._is_callers:
                self._loop = None
        if loop is not None:
            self._closed.set()
            if not self._is_callers:
                with suppress(RuntimeError):  # a function has closed it
                    loop.call_soon_threadsafe(loop.stop)

    def _create_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        self._thread_id = threading.get_ident()
        self._is_woken = False  # before the look, so that none is missed
        while self._starting:
            coroutine, ended = self._starting.popleft()
            task = loop.create_task(coroutine)
            self._tasks[task] = ended
            task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task)()

    def _found_closed(self) -> None:
        """The loop is closed: no coroutine of it goes on. Called on any thread, and more than once."""
        self.lost.set()
        with self._lock:  # no other thread removes anything now
            started, not_started = list(self._tasks.values()), []
            self._tasks.clear()
            while self._starting:
                coroutine, ended = self._starting.popleft()
                coroutine.close()
                not_started.append(ended)
        for ended in (*not_started, *started):
            ended()

    def _opened(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            loop = self._loop = self._loop or self._new_loop()
            if loop.is_closed():
                raise RuntimeError("the event loop is closed")
            if not self._is_watched:
                self._is_watched = True
                self._start_watch(loop)
            return loop

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        import asyncio  # noqa: PLC0415

        loop = asyncio.new_event_loop()
        try:
            threading.Thread(target=self._serve, args=(loop,), name=self._name, daemon=True).start()
        except RuntimeError:  # the system has no thread left
            loop.close()
            raise
        return loop

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        forks = _forks.count()
        while not self._closed.is_set():  # otherwise a function has called sys.exit() or stopped the loop
            try:
                loop.run_forever()
            except BaseException:
                if _forks.count() != forks:  # this is a child that a function has forked, and its only thread ends
                    return  # no close(), because it would disturb the epoll that the child shares with its parent
                logger.exception("a task that an async function started wanted to end the event loop, which goes on")
                self._closed.wait(LOOP_RESTART_DELAY)  # a loop that stays broken must not be run in a tight loop
        loop.close()

    def _start_watch(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            threading.Thread(target=self._watch, args=(loop,), name=f"{self._name}-watch", daemon=True).start()
        except RuntimeError as error:
            logger.warning("an async function that blocks the event loop will not be named: %s", error)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._closed.wait(BLOCKED_AFTER):
            if not (self._tasks or self._starting):
                continue
            if loop.is_closed():
                self._found_closed()
                continue
            answered = threading.Event()
            with suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(answered.set)
            place = ""
            if not answered.wait(BLOCKED_AFTER / 2):  # later it may have just ended
                place = _place(stacks().get(self._thread_id, ()))
            if answered.wait(BLOCKED_AFTER / 2) or self._closed.is_set() or loop.is_closed():
                continue
            self.blocked_since = datetime.now(UTC)
            if loop.is_running():
                logger.warning("an async function blocks the event loop, which holds up all of them%s", place)
            else:
                logger.warning("the event loop does not run, which holds up the async functions on it")
            while not (answered.wait(BLOCKED_AFTER) or self._closed.is_set() or loop.is_closed()):
                pass  # logged once per block
            self.blocked_since = None


def checked_event_loop(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """The loop. ConfigurationError unless it is an event loop that is not closed."""
    import asyncio  # noqa: PLC0415

    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise ConfigurationError(f"event_loop must be an event loop of asyncio, not {loop!r}")
    if loop.is_closed():
        raise ConfigurationError("event_loop must not be closed")
    return loop


def is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this thread runs the loop."""
    import asyncio  # noqa: PLC0415

    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _place(calls: Iterable[Call]) -> str:
    """The place in the worker function. Empty if the thread is not in one, or is in a task that one has started."""
    for call, caller in pairwise(calls):
        if caller.file.startswith(PACKAGE):
            is_function = caller.file.endswith(CALL_FUNCTIONS)
            return f": {call.function} at {call.file}:{call.line}" if is_function else ""
    return ""
