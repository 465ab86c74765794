"""A fault in a definition."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

MOST_COMPARED = 500  # names, in the search for the nearest one

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """A fault and its place.

    severity: ``error`` if a server refuses the definition, or if its workflows fail or never end; ``warning`` if it is
    probably not meant so. file: a path. place: such as ``tasks[2].type``; "" for a whole file. text: a sentence.
    """

    file: str
    place: str
    severity: Severity
    text: str


Fault = tuple[Severity, str, str]
"""The severity, the path within a definition, such as ``.tasks[2].type``, and the sentence."""
Faults = Iterator[Fault]


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence; "" if none of the known names is like this one."""
    found = difflib.get_close_matches(name, islice(known, MOST_COMPARED), n=1, cutoff=0.75)
    return f"; the nearest is {found[0]!r}" if found else ""
