"""The event loop of async worker functions, and who looks after it."""

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
