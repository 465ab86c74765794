from __future__ import annotations

GetQueueDetailsResponse200AdditionalPropertyAdditionalProperty = dict[str, int]
