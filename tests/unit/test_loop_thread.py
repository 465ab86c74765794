"""The event loop of async worker functions, and who looks after it."""

import asyncio
import logging
import sys
import threading

import pytest

from conductor._flag import Flag
from conductor.calling.event_loop import LoopThread
from support.waiting import eventually


def test_a_loop_that_is_closed_before_its_last_coroutine_ends_leaves_no_thread():
    begun, released = threading.Event(), threading.Event()

    async def blocks():
        begun.set()
        released.wait(5)

    loop_thread = LoopThread("test-loop")
    loop_thread.run(blocks())
    assert begun.wait(5)
    loop_thread.close()
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

    loop_thread = LoopThread("test-loop")
    loop_thread.run(starts()).result(5)
    eventually(lambda: loop_thread.run(goes_on()) and done.wait(1))
    loop_thread.close()
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("test-loop")], timeout=5)


def test_a_loop_that_is_closed_by_its_last_coroutine_leaves_no_thread():
    loop = LoopThread("test-loop")

    async def last():
        loop.close()

    loop.run(last())
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("test-loop")])


def test_a_loop_that_has_ended_by_itself_can_be_closed(monkeypatch):
    loop_thread = LoopThread("test-loop")

    async def its_loop():
        return asyncio.get_running_loop()

    loop = loop_thread.run(its_loop()).result(5)
    eventually(lambda: not loop_thread._unfinished)  # counting down takes the lock that close() will hold here
    closed = loop_thread._closed

    def set_and_end():
        """A function's last task stops the loop just when nothing runs it any more."""
        threading.Event.set(closed)
        loop.call_soon_threadsafe(loop.stop)
        eventually(loop.is_closed)

    monkeypatch.setattr(closed, "set", set_and_end)
    loop_thread.close()
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("test-loop")])


def test_no_place_is_named_while_the_package_itself_is_at_work(monkeypatch, caplog):
    """A function that has blocked the loop may just have ended: the place would be the package's."""
    monkeypatch.setattr("conductor.calling.event_loop.BLOCKED_AFTER", 0.02)
    loop_thread, flag = LoopThread("test-loop"), Flag()

    async def waits():
        flag.wait()  # of the package

    done = loop_thread.run(waits())
    eventually(lambda: "blocks the event loop" in caplog.text)
    flag.set()
    done.result(5)
    loop_thread.close()
    assert [record.getMessage() for record in caplog.records] == [
        "an async function blocks the event loop, which holds up all of them"
    ]
