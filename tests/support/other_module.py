"""Classes that are inherited in another module, where the names of their types are not known or mean another thing."""

from __future__ import annotations

import dataclasses
from datetime import date


@dataclasses.dataclass
class Line:
    sku: str
    total: int = dataclasses.field(default=0, init=False)


@dataclasses.dataclass
class Holder:
    day: date
    line: Line
