"""Threads that are made when there is work."""

import gc
import threading
import weakref

from conductor._threads import ThreadsOnDemand
from support.waiting import eventually


class Payload:
    pass


def test_an_idle_thread_keeps_nothing_of_its_last_job_alive():
    threads = ThreadsOnDemand("test-threads")
    payload = Payload()
    seen = weakref.ref(payload)
    done = threading.Event()
    gc.disable()
    try:
        threads.run(lambda payload=payload: done.set())
        del payload
        assert done.wait(5)
        eventually(lambda: seen() is None, timeout=5)
    finally:
        gc.enable()
        threads.close()
