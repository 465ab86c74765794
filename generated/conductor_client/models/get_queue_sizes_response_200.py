from __future__ import annotations

GetQueueSizesResponse200 = dict[str, int]
