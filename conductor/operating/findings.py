"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """check: its subject, in a few words. status: ``note`` if nothing is wrong, but somebody may want to know."""

    check: str
    status: Status
    text: str
