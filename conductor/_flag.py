"""A condition that functions can check or wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from conductor._arguments import Duration


class Flag(threading.Event):
    """An Event with a truth value and listeners. Thread-safe."""

    def __init__(self) -> None:
        super().__init__()
        # Guards the next; not held while a listener is called. A user's signal handler may stop workers meanwhile.
        self._listening = threading.RLock()
        self._listeners: list[Callable[[], None]] = []

    def __bool__(self) -> bool:
        return self.is_set()

    def set(self) -> None:
        """Make it true, and call each listener on this thread."""
        super().set()
        with self._listening:
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()

    def wait(self, timeout: Duration | None = None) -> bool:
        """Block until it is true or the timeout (seconds or timedelta) has passed. Returns whether it is true."""
        return super().wait(_seconds(timeout))

    async def wait_async(self, timeout: Duration | None = None) -> bool:  # noqa: ASYNC109 - as in wait
        """Do as ``wait``, in a coroutine of asyncio: the event loop goes on meanwhile."""
        import asyncio  # noqa: PLC0415 - not every worker needs asyncio

        loop, is_set = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                loop.call_soon_threadsafe(is_set.set)

        self.listen(wake)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(is_set.wait(), _seconds(timeout))
        finally:
            self.unlisten(wake)
        return self.is_set()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call the listener once, when the flag becomes true, or now if it is. It must neither block nor raise."""
        with self._listening:
            if not self.is_set():
                self._listeners.append(listener)
                return
        listener()

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Do not call the listener any more. Repeating it changes nothing."""
        with self._listening:
            if listener in self._listeners:
                self._listeners.remove(listener)


def _seconds(timeout: Duration | None) -> float | None:
    return timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
