from __future__ import annotations

StringMap = dict[str, str]
