"""Which workflows, or which tasks, have changed lately: for a page that asks for changes alone, again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

MOST_KEPT = 10_000  # ids


class Changes:
    """Numbers changes, from the first ``watch`` on. Of those before the last 10,000 it knows nothing."""

    def __init__(self) -> None:
        self._is_watched = False
        self._number = 0
        self._known_since = 0
        self._numbers: OrderedDict[str, int] = OrderedDict()  # the last change of each id; the latest is at the end

    def watch(self) -> int:
        """From now on, keep changes. Returns the number of the last one."""
        self._is_watched = True
        return self._number

    def note(self, ids: Iterable[str]) -> None:
        """Keep a change of these ids, if somebody watches."""
        if not self._is_watched:
            return
        self._number += 1
        for each in ids:
            self._numbers[each] = self._number
            self._numbers.move_to_end(each)
        while len(self._numbers) > MOST_KEPT:
            self._known_since = self._numbers.popitem(last=False)[1]

    def since(self, number: int) -> set[str] | None:
        """The ids that have changed after a number. None: this is not known."""
        if not self._known_since <= number <= self._number:
            return None
        found = set()
        for each, changed in reversed(self._numbers.items()):
            if changed <= number:
                break
            found.add(each)
        return found
