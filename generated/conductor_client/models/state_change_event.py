from __future__ import annotations

import msgspec


class StateChangeEvent(msgspec.Struct, rename="camel", omit_defaults=True):
    payload: JsonMap = msgspec.field(default_factory=dict)
    type: str | None = None


# Here, since models refer to each other in circles.

from ..models.json_map import JsonMap
