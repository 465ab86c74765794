from __future__ import annotations

QueueSizes = dict[str, int]
