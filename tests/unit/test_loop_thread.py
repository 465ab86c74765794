"""The event loop of async worker functions, and who looks after it."""

import asyncio
import sys
import threading

from conductor._threads import LoopThread
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


def test_a_task_that_a_coroutine_started_cannot_end_the_loop_of_the_others():
    done = threading.Event()

    async def exits():
        asyncio.get_running_loop().call_soon(sys.exit)

    async def goes_on():
        done.set()

    loop_thread = LoopThread("test-loop")
    loop_thread.run(exits()).result(5)
    eventually(lambda: loop_thread.run(goes_on()) and done.wait(1))
    loop_thread.close()
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("test-loop")], timeout=5)


def test_a_loop_that_is_closed_by_its_last_coroutine_leaves_no_thread():
    loop = LoopThread("test-loop")

    async def last():
        loop.close()

    loop.run(last())
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("test-loop")])
