from __future__ import annotations

from typing import Any

JsonMap = dict[str, Any]
