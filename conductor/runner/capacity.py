"""Counts the slots of one worker: how many tasks may run at once, and whether the worker may take more."""

from __future__ import annotations

import threading
from collections.abc import Callable

from conductor import _recording
from conductor._flag import Flag


class Capacity:
    """The number of slots, and how many are taken. Thread-safe.

    A slot is taken before a task is polled and given back when its result is out of hand. The worker has ended when
    the capacity is closed, every slot is given back and no request is under way. ``on_end`` is then called once, on
    the thread that made the last change.

    closed: set once no more slots are given out.
    """

    def __init__(self, task_name: str, limit: int, closed: Flag, on_end: Callable[[], None]) -> None:
        self._task_name = task_name
        self._on_end = on_end
        self.closed = closed
        self.wait_changed = threading.Event()
        """Set when the wait between two polls must end or change: by ``close``, or by a new poll interval."""
        self._changed = threading.Condition()  # guards everything below
        self._limit = limit
        self._taken = 0
        self._requests = 0  # those outside of a slot: a poll, or the result of a task that does not run
        self.is_paused = False  # only ``pause`` and ``resume`` write it
        self._has_told_end = False

    @property
    def limit(self) -> int:
        return self._limit

    def change_limit(self, to: int | None = None, by: int = 0) -> None:
        """Set the limit, or add to it. It is never below 0. Running tasks above a lowered limit continue."""
        with self._changed:
            self._limit = max(0, (self._limit if to is None else to) + by)
            self._changed.notify_all()

    @property
    def has_ended(self) -> bool:
        """Whether it is closed, every slot is given back, and no request is under way."""
        with self._changed:
            return self.closed.is_set() and self._taken == 0 and self._requests == 0

    def take(self, at_most: int) -> int:
        """Block until a slot is free, then take all free slots, but not more than ``at_most``. Returns 0 if closed."""
        with self._changed:
            if not self._may_take():
                (_recording.paused if self.is_paused else _recording.queue_full).count(self._task_name)
                self._changed.wait_for(self._may_take)
            if self.closed.is_set():
                return 0
            taken = min(self._limit - self._taken, at_most)
            self._taken += taken
            return taken

    def give_back(self, count: int = 1) -> None:
        """Give back slots that hold no task now."""
        self._release(slots=count)

    def may_begin(self) -> bool:
        """Whether a polled task that has a slot may begin. False while closed or paused."""
        return not (self.closed.is_set() or self.is_paused)

    def may_continue(self) -> bool:
        """Whether a slot in use may go on with another task. False while closed, paused or above a lowered limit.

        No lock is needed, because the answer can be out of date at once anyway.
        """
        return self._taken <= self._limit and not (self.is_paused or self.closed.is_set())

    def pause(self) -> None:
        with self._changed:
            self.is_paused = True

    def resume(self) -> None:
        with self._changed:
            self.is_paused = False
            self._changed.notify_all()

    def close(self) -> None:
        """Give out no more slots. This is final."""
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
        """Block until no request is under way, at most ``seconds``. Returns False if that time has passed.

        owes_answers: returns whether a slot has a request under way. It is called when a slot is given back.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not (self._requests or owes_answers()), seconds)

    def _may_take(self) -> bool:
        return self.closed.is_set() or (self._taken < self._limit and not self.is_paused)

    def _release(self, slots: int = 0, requests: int = 0) -> None:
        """Call ``on_end`` after the last slot and request, once and without the lock."""
        with self._changed:
            self._taken -= slots
            self._requests -= requests
            self._changed.notify_all()
            ends = self.has_ended and not self._has_told_end
            self._has_told_end |= ends
        if ends:
            self._on_end()
