"""The places at which two JSON values differ."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import msgspec
from msgspec import UNSET


class Difference(msgspec.Struct, frozen=True):
    """A place at which two outputs differ.

    path: such as ``$.items[3].price``. recorded, here: the values; UNSET if an output has nothing at this place.
    """

    path: str
    recorded: Any = UNSET
    here: Any = UNSET


def differences(recorded: Any, here: Any) -> Iterator[Difference]:
    """The differences in the order of the recorded value. Both are of plain JSON values, nested to any depth."""
    waiting = [("$", recorded, here)]
    while waiting:
        path, old, new = waiting.pop()
        if isinstance(old, dict) and isinstance(new, dict):
            waiting += [
                (f"{path}{_member(key)}", old.get(key, UNSET), new.get(key, UNSET))
                for key in reversed(dict.fromkeys([*old, *new]))
            ]
        elif isinstance(old, list) and isinstance(new, list):
            pairs = enumerate(zip_longest(old, new, fillvalue=UNSET))
            waiting += reversed([(f"{path}[{index}]", *pair) for index, pair in pairs])
        elif not _is_same(old, new):
            yield Difference(path, old, new)


def _is_same(old: Any, new: Any) -> bool:
    """Whether JSON has the same value for both. In Python ``True == 1``."""
    return isinstance(old, bool) == isinstance(new, bool) and bool(old == new)


def _member(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{msgspec.json.encode(key).decode()}]"
