from __future__ import annotations

import msgspec


class SearchResultTask(msgspec.Struct, rename="camel", omit_defaults=True):
    results: list[Task] = msgspec.field(default_factory=list)
    total_hits: int | None = None


# Here, since models refer to each other in circles.

from ..models.task import Task
