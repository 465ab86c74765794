"""``TaskRunner(lifespan=…)``: a context manager that is entered before the first poll and left after the drain."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from conductor._arguments import function_name
from conductor._clock import Clock
from conductor._flag import Flag
from conductor._log import logger_of
from conductor.calling.event_loop import EventLoop
from conductor.context import RunnerState
from conductor.errors import ConductorError, ConfigurationError

if TYPE_CHECKING:
    import asyncio

logger = logger_of(__name__)

AsyncManager = AbstractAsyncContextManager[Any, Any]
Manager = AsyncManager | AbstractContextManager[Any, Any]
LifespanMaker = Manager | Callable[[], Manager]

CANCELLED_WITHIN = 0.3
"""Seconds that a coroutine has to end after its cancellation, before the event loop is closed."""

_KINDS = (AbstractAsyncContextManager, AbstractContextManager)
_FORMS = "an async or plain context manager, or a function without parameters that makes one"


class Lifespans:
    """The argument ``lifespan`` of a runner, and its uses, one after another. Thread-safe.

    Raises ConfigurationError unless it can work.
    """

    def __init__(self, given: LifespanMaker, clock: Clock) -> None:
        self.state = RunnerState("the runner's lifespan is not entered, or left already")
        self._given = given
        self._is_used = False
        self._clock = clock
        self._lock = threading.Lock()  # guards the next
        self._newest: Lifespan | None = None
        if isinstance(given, _KINDS):
            return
        if not callable(given):
            raise ConfigurationError(f"lifespan must be {_FORMS}, not {function_name(given)}")
        try:
            inspect.signature(given).bind()
        except ValueError:  # its signature is not known
            return
        except TypeError as error:
            raise ConfigurationError(
                f"lifespan must be {_FORMS}, but {function_name(given)} has parameters: {error}"
            ) from None

    @property
    def entered(self) -> Lifespan | None:
        """The lifespan that is entered, or is being left."""
        newest = self._newest
        return None if newest is None or newest.has_ended else newest

    def enter(self, event_loop: EventLoop, on_end: Callable[[], None]) -> None:
        """Block until a lifespan is entered. If one is being left, wait for that first. See ``Lifespan.enter``."""
        while True:
            with self._lock:
                newest = self.entered
                if newest is None:
                    newest = self._newest = Lifespan(self, event_loop, on_end)
            if not newest.is_leaving:
                newest.enter()
                return
            if not newest.wait_ended(newest.drain_until - self._clock.now()):
                newest.give_up()

    def make(self) -> Manager:
        """Make a context manager. ConfigurationError: there is only one, and it was used before."""
        given = self._given
        if isinstance(given, _KINDS):
            if self._is_used:
                raise ConfigurationError("lifespan must be a function that makes a context manager, to start again")
            self._is_used = True
            return given
        made = given()
        if isinstance(made, _KINDS):
            return made
        hint = ": decorate it with contextlib.asynccontextmanager" if inspect.isasyncgen(made) else ""
        hint = ": decorate it with contextlib.contextmanager" if inspect.isgenerator(made) else hint
        raise ConfigurationError(
            f"lifespan must be {_FORMS}, but {function_name(given)} made {type(made).__name__}{hint}"
        )


class Lifespan:
    """One context manager, from its entering to its leaving. Thread-safe.

    An async one is entered and left in one coroutine on the runner's event loop, a plain one on one thread.
    on_end: called when it is left.
    """

    def __init__(self, lifespans: Lifespans, event_loop: EventLoop, on_end: Callable[[], None]) -> None:
        self.drain_until = math.inf
        """The end of the time to leave, on the runner's clock; infinite until ``leave``."""
        self._lifespans = lifespans
        self._event_loop = event_loop
        self._on_end = on_end
        self._lock = threading.Lock()  # guards the next
        self._is_begun = False
        self._is_tried = threading.Event()  # it is entered, or could not be entered
        self._leaving = Flag()
        self._ended = threading.Event()
        self._is_given_up = False
        self._error: BaseException | None = None  # of entering
        self._coroutine: asyncio.Task[None] | None = None
        self._thread = 0  # in which it is entered

    @property
    def is_leaving(self) -> bool:
        return self._leaving.is_set()

    @property
    def has_ended(self) -> bool:
        return self._is_given_up or self._ended.is_set()

    def enter(self) -> None:
        """Enter it, or wait until another thread has entered it. Raises the error of entering.

        ConfigurationError: it is no context manager. ConductorError: this would wait for itself.
        """
        if self._thread == threading.get_ident() and not self._is_tried.is_set():
            raise ConductorError("a lifespan must not start a worker: it is entered before the first one")
        with self._lock:
            is_first, self._is_begun = not self._is_begun, True
        if not (is_first or self._is_tried.is_set()):
            self._event_loop.require_other_thread()
        if is_first:
            try:
                self._enter(self._lifespans.make())
                self._is_tried.wait()
            except BaseException as error:  # it could not begin, or Ctrl-C
                self._error = error
                self._leaving.set()  # in case that it is entered later
                self._end()
                raise
        self._is_tried.wait()
        if self._error is not None:
            raise self._error

    def leave(self, until: float) -> None:
        """Begin to leave it. Returns at once. Repeating it changes nothing. until: see ``drain_until``."""
        if not self.is_leaving:
            self.drain_until = until
            self._leaving.set()

    def wait_ended(self, seconds: float) -> bool:
        """Block until it is left, at most so many seconds. Returns whether it is."""
        return self._ended.wait(min(max(0.0, seconds), threading.TIMEOUT_MAX))

    def give_up(self) -> None:
        """The time to leave is over. Cancel the coroutine, and wait for a moment for that."""
        if self.has_ended:
            return
        self._is_given_up = True
        logger.error("the lifespan was not left in time")
        if self._coroutine is not None:
            self._event_loop.cancel(self._coroutine)
            self._ended.wait(CANCELLED_WITHIN)

    def _enter(self, manager: Manager) -> None:
        if isinstance(manager, AbstractAsyncContextManager):
            self._event_loop.require_turns()
            self._event_loop.start(self._start_coroutine(manager), self._unless_entered)
        else:
            threading.Thread(target=self._live, args=(manager,), name="conductor-lifespan", daemon=True).start()

    def _live(self, manager: AbstractContextManager[Any, Any]) -> None:
        self._thread = threading.get_ident()
        try:
            with manager as value:
                self._entered(value)
                self._leaving.wait()
        except BaseException as error:  # noqa: BLE001 - ``enter`` raises it, or it is logged
            self._failed(error)
        self._end()

    async def _start_coroutine(self, manager: AsyncManager) -> None:
        """Return when the manager is entered, or could not be."""
        import asyncio  # noqa: PLC0415 - loaded if there is an event loop

        is_tried = asyncio.Event()
        self._coroutine = asyncio.create_task(self._live_async(manager, is_tried))
        await is_tried.wait()

    def _unless_entered(self) -> None:
        """Called after ``_start_coroutine``, or when the loop is closed."""
        if not self._is_tried.is_set():
            self._failed(ConductorError("the event loop was closed before the lifespan was entered"))
            self._end()

    async def _live_async(self, manager: AsyncManager, is_tried: asyncio.Event) -> None:
        import asyncio  # noqa: PLC0415 - as above

        self._thread = threading.get_ident()
        leaving = asyncio.Event()
        try:
            async with manager as value:
                self._entered(value)
                is_tried.set()
                self._leaving.listen(partial(self._wake_up, leaving, asyncio.get_running_loop()))
                await leaving.wait()
        except BaseException as error:  # noqa: BLE001 - as above
            self._failed(error)
        self._end()
        with suppress(RuntimeError):  # the loop is closed, and nothing waits
            is_tried.set()

    def _wake_up(self, leaving: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.call_soon_threadsafe(leaving.set)
        except RuntimeError:
            logger.error("the lifespan is not left, because its event loop is closed")  # noqa: TRY400 - that is all
            self._end()

    def _entered(self, value: Any) -> None:
        if not self.has_ended:
            self._lifespans.state.set(value)
        self._is_tried.set()

    def _failed(self, error: BaseException) -> None:
        if not self._is_tried.is_set():
            self._error = error
        elif not self.has_ended:
            when = "when it was left" if self.is_leaving else "while workers run, which go on without its value"
            logger.error("the lifespan failed %s", when, exc_info=error)

    def _end(self) -> None:
        if not self.has_ended:  # otherwise the state may be that of the next start
            self._lifespans.state.clear()
        self._is_tried.set()
        self._ended.set()
        self._on_end()
