"""How many tasks of one worker may run at once, and whether more may be taken."""

from __future__ import annotations

import threading
from collections.abc import Callable

from conductor import _recording
from conductor._flag import Flag


class Capacity:
    """The slots of one worker. Thread-safe.

    A slot is taken before a task is polled and given back when its result is out of hand. The worker has ended when it
    is closed, every slot is given back and no request is under way; ``on_end`` is called then, once, on whichever
    thread gets there. closed: set once no more slots are given out.
    """

    def __init__(self, task_name: str, limit: int, closed: Flag, on_end: Callable[[], None]) -> None:
        self._task_name = task_name
        self._on_end = on_end
        self._changed = threading.Condition()  # guards everything below
        self._limit = limit
        self._taken = 0
        self._requests = 0  # under way outside of a slot: a poll, the return of a task that does not run
        self._paused = False
        self._has_told_end = False
        self.closed = closed
        self.wait_changed = threading.Event()
        """Set when a wait between two polls must be looked at again: by ``close``, and by another interval."""

    @property
    def limit(self) -> int:
        return self._limit

    def change_limit(self, to: int | None = None, by: int = 0) -> None:
        """Set the limit, or add to it; it stops at 0. Tasks that run above a lowered one go on."""
        with self._changed:
            self._limit = max(0, (self._limit if to is None else to) + by)
            self._changed.notify_all()

    @property
    def has_ended(self) -> bool:
        """Closed, every slot given back, and no request under way."""
        with self._changed:
            return self.closed.is_set() and self._taken == 0 and self._requests == 0

    def take(self, at_most: int) -> int:
        """Block until a slot is free, then take as many as are free, or at most so many. 0: closed."""
        with self._changed:
            if not self._may_take():
                (_recording.paused if self._paused else _recording.queue_full).count(self._task_name)
                self._changed.wait_for(self._may_take)
            if self.closed.is_set():
                return 0
            taken = min(self._limit - self._taken, at_most)
            self._taken += taken
            return taken

    def give_back(self, count: int = 1) -> None:
        """Give back slots that hold no task any more."""
        self._release(slots=count)

    def may_begin(self) -> bool:
        """Whether a polled task, which has its slot, may begin: not while closed or paused."""
        return not (self.closed.is_set() or self._paused)

    def may_continue(self) -> bool:
        """Whether a slot in use may go on with another task: not while closed, paused or over a lowered limit.

        It takes no lock: the answer may be old in the next moment anyway.
        """
        return self._taken <= self._limit and not (self._paused or self.closed.is_set())

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
        self.wait_changed.set()
        self._release()

    def request_started(self) -> None:
        """The worker does not end before ``request_done``."""
        with self._changed:
            self._requests += 1

    def request_done(self) -> None:
        self._release(requests=1)

    def wait_for_requests(self, seconds: float, owes_answers: Callable[[], bool]) -> bool:
        """Block until no request is under way, or so long. Returns whether that came first.

        owes_answers: whether a slot still has one under way. It is looked at whenever a slot is given back.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not (self._requests or owes_answers()), seconds)

    def _may_take(self) -> bool:
        return self.closed.is_set() or (self._taken < self._limit and not self._paused)

    def _release(self, slots: int = 0, requests: int = 0) -> None:
        """Tell the end, once and without the lock, when this was the last."""
        with self._changed:
            self._taken -= slots
            self._requests -= requests
            self._changed.notify_all()
            ends = self.has_ended and not self._has_told_end
            self._has_told_end |= ends
        if ends:
            self._on_end()
