"""A fault in a definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

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
