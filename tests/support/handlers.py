"""The handlers of SIGINT and SIGTERM."""

import signal
from contextlib import contextmanager

BOTH = (signal.SIGINT, signal.SIGTERM)


def handlers():
    return [signal.getsignal(number) for number in BOTH]


@contextmanager
def noting_signals():
    """Handlers that note the numbers of their signals. They are put back at the end."""
    came = []

    def handler(number, frame):
        came.append(number)

    before = {number: signal.signal(number, handler) for number in BOTH}
    try:
        yield came
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
