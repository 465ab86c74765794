from __future__ import annotations

from ..models.int_map import IntMap

QueueShards = dict[str, IntMap]
