"""Waiting for what happens on other threads or on a server, with a deadline instead of a hope, and making them wait."""

import queue
import threading
import time


def eventually(probe, timeout=20.0):
    """What the probe returns, once that is true; an AssertionError when it is not within the timeout, in seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout} s: {getattr(probe, '__name__', probe)}"
        time.sleep(0.02)


class Gate:
    """A worker function that waits until it is let through: ``inside`` gets the id of each task that came."""

    def __init__(self):
        self.inside = queue.Queue()
        self.opened = threading.Event()

    def __call__(self, task):
        self.inside.put(task.task_id)
        assert self.opened.wait(20)
