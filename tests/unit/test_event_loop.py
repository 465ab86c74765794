"""The event loop of async worker functions, and who looks after it."""

import asyncio
import contextlib
import logging
import sys
import threading

import pytest

from conductor._flag import Flag
from conductor.calling.event_loop import EventLoop
from support.waiting import eventually


def run(event_loop, coroutine):
    """Returns an Event that is set at the end of the coroutine."""
    ended = threading.Event()
    event_loop.start(coroutine, ended.set)
    return ended


def test_a_loop_that_is_closed_before_its_last_coroutine_ends_leaves_no_thread():
    begun, released = threading.Event(), threading.Event()

    async def blocks():
        begun.set()
        released.wait(5)

    event_loop = EventLoop("test-loop")
    run(event_loop, blocks())
    assert begun.wait(5)
    event_loop.close()
    released.set()
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("test-loop")], timeout=5)


def breaks():
    """What a loop does about an error: it logs it."""
    raise ValueError


@pytest.mark.parametrize("deed", [sys.exit, breaks])
def test_a_task_that_a_coroutine_started_cannot_end_the_loop_of_the_others(monkeypatch, deed):
    def broken(record):
        raise OSError("the disk is full")

    monkeypatch.setattr(logging.getLogger("asyncio"), "filter", broken)
    done = threading.Event()

    async def starts():
        asyncio.get_running_loop().call_soon(deed)

    async def goes_on():
        done.set()

    event_loop = EventLoop("test-loop")
    assert run(event_loop, starts()).wait(5)
    eventually(lambda: run(event_loop, goes_on()) and done.wait(1))
    event_loop.close()
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("test-loop")], timeout=5)


def test_a_loop_that_is_closed_by_its_last_coroutine_leaves_no_thread():
    loop = EventLoop("test-loop")

    async def last():
        loop.close()

    run(loop, last())
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("test-loop")])


def test_a_loop_that_has_ended_by_itself_can_be_closed(monkeypatch):
    event_loop = EventLoop("test-loop")

    loops = []

    async def its_loop():
        loops.append(asyncio.get_running_loop())

    assert run(event_loop, its_loop()).wait(5)
    (loop,) = loops
    closed = event_loop._closed

    def set_and_end():
        """A function's last task stops the loop just when nothing runs it any more."""
        threading.Event.set(closed)
        loop.call_soon_threadsafe(loop.stop)
        eventually(loop.is_closed)

    monkeypatch.setattr(closed, "set", set_and_end)
    event_loop.close()
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("test-loop")])


def test_no_place_is_named_while_the_package_itself_is_at_work(monkeypatch, caplog):
    """A function that has blocked the loop may just have ended: the place would be the package's."""
    monkeypatch.setattr("conductor.calling.event_loop.BLOCKED_AFTER", 0.02)
    event_loop, flag = EventLoop("test-loop"), Flag()

    async def waits():
        flag.wait()  # of the package

    done = run(event_loop, waits())
    eventually(lambda: "blocks the event loop" in caplog.text)
    flag.set()
    assert done.wait(5)
    event_loop.close()
    assert [record.getMessage() for record in caplog.records] == [
        "an async function blocks the event loop, which holds up all of them"
    ]


def test_a_coroutine_that_a_closed_loop_of_a_function_cannot_start_is_refused():
    event_loop = EventLoop("test-loop")
    loops = []

    async def stops():
        loop = asyncio.get_running_loop()
        loops.append(loop)

    assert run(event_loop, stops()).wait(5)
    event_loop.close()
    eventually(loops[0].is_closed)
    again = EventLoop("test-loop")
    again._loop = loops[0]
    with pytest.raises(RuntimeError, match="closed"):
        run(again, stops())


def test_a_coroutine_can_be_cancelled():
    event_loop, tasks, begun = EventLoop("test-loop"), [], threading.Event()

    async def waits():
        tasks.append(asyncio.current_task())
        begun.set()
        await asyncio.Event().wait()

    ended = run(event_loop, waits())
    assert begun.wait(5)
    event_loop.cancel(tasks[0])
    assert ended.wait(5)
    assert tasks[0].cancelled()
    event_loop.close()
    event_loop.cancel(tasks[0])


@pytest.mark.parametrize("refused", ["test-loop", "test-loop-watch"])
def test_no_thread_and_no_open_loop_is_left_where_the_system_has_too_few_threads(monkeypatch, refused):
    start, loops = threading.Thread.start, []
    new_event_loop = asyncio.new_event_loop

    def start_others(thread):
        if thread.name == refused:
            raise RuntimeError("can't start new thread")
        start(thread)

    def remember():
        loops.append(new_event_loop())
        return loops[-1]

    monkeypatch.setattr(threading.Thread, "start", start_others)
    monkeypatch.setattr(asyncio, "new_event_loop", remember)
    event_loop, endings = EventLoop("test-loop"), []
    for _ in range(2):
        with contextlib.suppress(RuntimeError):
            endings.append(run(event_loop, asyncio.sleep(0)))
    assert len(endings) == 2 * (refused == "test-loop-watch")  # that one is needed for a line in the log alone
    assert all(ended.wait(5) for ended in endings)
    event_loop.close()
    eventually(lambda: all(loop.is_closed() for loop in loops), timeout=5)
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("test-loop")], timeout=5)


def test_a_coroutine_whose_loop_is_closed_just_when_it_starts_ends_once(monkeypatch):
    loop, ends = asyncio.new_event_loop(), []
    call_soon, callers = loop.call_soon_threadsafe, EventLoop("test-loop", loop)

    def close_first(*arguments):
        loop.close()
        call_soon(*arguments)

    async def never_begins():
        pass

    monkeypatch.setattr(loop, "call_soon_threadsafe", close_first)
    callers.start(never_begins(), lambda: ends.append("first"))
    with pytest.raises(RuntimeError, match="closed"):
        callers.start(never_begins(), lambda: ends.append("second"))
    assert ends == ["first"]
    assert callers.lost
    callers.close()
