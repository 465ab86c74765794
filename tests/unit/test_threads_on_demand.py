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


def named():
    return [each for each in threading.enumerate() if each.name.startswith("test-threads")]


def test_no_more_threads_are_made_than_given_and_what_waits_for_one_is_run_also_after_the_end():
    threads = ThreadsOnDemand("test-threads", 3)
    gate, begun, ended = threading.Event(), threading.Semaphore(0), []

    def job(number):
        begun.release()
        gate.wait(20)
        ended.append(number)

    for number in range(10):
        threads.run(lambda number=number: job(number))
    for _ in range(3):
        assert begun.acquire(timeout=5)
    assert len(named()) == 3
    assert not begun.acquire(timeout=0.05)
    threads.close()
    gate.set()
    eventually(lambda: sorted(ended) == list(range(10)))
    eventually(lambda: not named())


def test_an_idle_thread_is_used_again():
    threads, seen, done = ThreadsOnDemand("test-threads", 3), set(), threading.Semaphore(0)
    for _ in range(20):
        threads.run(lambda: (seen.add(threading.current_thread()), done.release()))
        assert done.acquire(timeout=5)
        eventually(lambda: threads._idle > 0)
    assert len(seen) == 1
    threads.close()
    eventually(lambda: not named())
