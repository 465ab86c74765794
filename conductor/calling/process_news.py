"""News for a thread that waits for the ends of pipes and processes."""

from __future__ import annotations

from multiprocessing.connection import Pipe


class News:
    """Wakes up a thread that waits for the ends of pipes and processes. ``tell`` and ``take`` need a lock around them.

    There is at most one message in the pipe, which so never fills up.
    """

    def __init__(self) -> None:
        self.reader, self._writer = Pipe(duplex=False)
        self._is_told = False

    def tell(self) -> None:
        if not self._is_told:
            self._is_told = True
            self._writer.send_bytes(b"-")

    def take(self) -> None:
        if self._is_told:
            self._is_told = False
            self.reader.recv_bytes()
