from __future__ import annotations

import msgspec

from ..base import Model


class BulkResponseString(Model, kw_only=True):
    bulk_error_results: StringMap = msgspec.field(default_factory=dict)
    bulk_successful_results: list[str] = msgspec.field(default_factory=list)


# Here, since models refer to each other in circles.

from ..models.string_map import StringMap
