"""Waits for a runner's lifespan and its workers in a coroutine. A thread blocks, and the event loop goes on."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager

from conductor.runner.signals import SIGNAL_CHECK_INTERVAL, STOP_WAITING, signals_into
from conductor.runner.workers import Workers

CANCELLATION = "cancellation"
"""The cause of a stop, for the log."""


async def enter_lifespan(workers: Workers) -> None:
    """Enter the lifespan before the first worker starts. It may run on the loop of this coroutine.

    If this is cancelled, the lifespan is left when it is entered. A second cancellation does not wait for that: if the
    lifespan is entered later, nothing leaves it.
    """
    entering = asyncio.ensure_future(asyncio.to_thread(workers.start, []))
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError as cancelled:
        await asyncio.gather(entering, return_exceptions=True)
        await drain(workers, cancelled)
        raise


async def wait(workers: Workers, deadline: float, handle_signals: bool) -> bool:
    """``Workers.wait`` for a coroutine. If it is cancelled, the waiting ends and nothing else changes."""
    async with _waiting(workers, deadline, handle_signals) as ended:
        while not ended.done():
            await _turn(ended)
    return ended.result()


async def drain(workers: Workers, error: BaseException | None) -> None:
    """Shut the workers down, and wait for their end.

    One cancellation, of the block that uses the runner or of the drain, lets the drain go on. A second one ends it
    within two seconds. A cancellation of the drain is raised again at its end. error: the error that ended the block.
    """
    cancellation: asyncio.CancelledError | None = None
    requests = int(isinstance(error, asyncio.CancelledError))
    if requests:
        workers.request_stop(CANCELLATION)
    else:
        workers.shutdown()
    async with _waiting(workers, math.inf, handle_signals=True) as ended:
        while not ended.done():
            try:
                await _turn(ended)
            except asyncio.CancelledError as cancelled:
                cancellation = cancelled
                requests += 1
                if requests <= 2:
                    workers.request_stop(CANCELLATION)
    ended.result()
    if cancellation is not None:
        raise cancellation


@asynccontextmanager
async def _waiting(workers: Workers, deadline: float, handle_signals: bool) -> AsyncIterator[asyncio.Future[bool]]:
    """The result of ``Workers.wait``, which a thread calls. The thread ends with the context."""
    outcome: Future[bool] = Future()
    with workers.waiters.events() as events:

        def wait_on_thread() -> None:
            try:
                outcome.set_result(workers.wait(deadline, events))
            except BaseException as error:  # noqa: BLE001 - the coroutine raises it
                outcome.set_exception(error)

        threading.Thread(target=wait_on_thread, name="conductor-wait", daemon=True).start()
        try:
            with signals_into(events, handle_signals):
                yield asyncio.wrap_future(outcome)
        finally:
            events.put(STOP_WAITING)


async def _turn(ended: asyncio.Future[bool]) -> None:
    """Wait for a while. A signal that comes just before the loop waits for events is handled after that."""
    await asyncio.wait([ended], timeout=SIGNAL_CHECK_INTERVAL)
