from __future__ import annotations

IntMap = dict[str, int]
