from __future__ import annotations

import msgspec

from ..base import Definition


class StateChangeEvent(Definition, kw_only=True):
    payload: JsonMap = msgspec.field(default_factory=dict)
    type: str | None = None


# Here, since models refer to each other in circles.

from ..models.json_map import JsonMap
