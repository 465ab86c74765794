"""How many tasks of one worker may run at once, and whether more may be taken."""

from __future__ import annotations

import threading
from collections.abc import Callable

from conductor._flag import Flag


class Slots:
    """A worker's capacity. A slot is taken before a task is polled and given back when its result is out of hand.

    Thread-safe. ``on_end`` is called once, on whichever thread gets there: closed, and every slot given back.
    ``on_wait`` is called with "paused" or "queue_full" when ``take`` has to wait. An errand is something under way with
    the server, which may outlast its slot: the end waits for it.
    """

    def __init__(self, limit: int, on_wait: Callable[[str], None], on_end: Callable[[], None]) -> None:
        self._on_wait = on_wait
        self._on_end = on_end
        self._changed = threading.Condition()  # guards everything below
        self._limit = limit
        self._taken = 0
        self._errands = 0
        self._paused = False
        self._end_told = False
        self.closed = Flag()
        """Set once no more slots are given out."""
        self.news = threading.Event()
        """Set when a wait between two polls must be looked at again: by ``close``, and by another interval."""

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        with self._changed:
            self._limit = limit
            self._changed.notify_all()

    def adjust_limit(self, change: int) -> None:
        """Add to the limit, which stops at 0."""
        with self._changed:
            self._limit = max(0, self._limit + change)
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Closed, and every slot given back."""
        with self._changed:
            return self._has_ended()

    def take(self, at_most: int | None = None) -> int:
        """Wait for a free slot, then take as many as are free, or at most so many. 0: closed."""
        with self._changed:
            if not self._may_take() and not self.closed.is_set():
                self._on_wait("paused" if self._paused else "queue_full")
            self._changed.wait_for(lambda: self.closed.is_set() or self._may_take())
            if self.closed.is_set():
                return 0
            free = self._limit - self._taken
            taken = free if at_most is None else min(free, at_most)
            self._taken += taken
            return taken

    def begin_errand(self) -> None:
        """The worker does not end before ``end_errand``."""
        with self._changed:
            self._errands += 1

    def end_errand(self) -> None:
        self._leave(errands=1)

    def wait_for_errands(self, seconds: float) -> bool:
        """Block until nothing is under way with the server, or so long; returns whether that came first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._errands, seconds)

    def give_back(self, count: int = 1) -> None:
        """Give back slots that hold no task any more."""
        self._leave(slots=count)

    def may_begin(self) -> bool:
        """Whether a polled task, which has its slot, may begin: not while closed or paused."""
        with self._changed:
            return not (self.closed.is_set() or self._paused)

    def may_continue(self) -> bool:
        """Whether a slot in use may go on with another task: not while closed, paused or over a lowered limit."""
        with self._changed:
            return not (self.closed.is_set() or self._paused) and self._taken <= self._limit

    def pause(self) -> None:
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def close(self) -> None:
        """Give out no more slots, for good."""
        self.closed.set()
        self.news.set()
        self._leave()

    def _has_ended(self) -> bool:
        return self.closed.is_set() and self._taken == 0 and self._errands == 0

    def _may_take(self) -> bool:
        return not self._paused and self._taken < self._limit

    def _leave(self, slots: int = 0, errands: int = 0) -> None:
        """Tell the end, once and without the lock, when this was the last."""
        with self._changed:
            self._taken -= slots
            self._errands -= errands
            self._changed.notify_all()
            ends = self._has_ended() and not self._end_told
            self._end_told |= ends
        if ends:
            self._on_end()
