from __future__ import annotations

from ..models.get_queue_details_response_200_additional_property import (
    GetQueueDetailsResponse200AdditionalProperty,
)

GetQueueDetailsResponse200 = dict[str, GetQueueDetailsResponse200AdditionalProperty]
