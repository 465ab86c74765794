from __future__ import annotations

import msgspec

from ..base import Model


class SignalResponse(Model, kw_only=True):
    correlation_id: str | None = None
    input: JsonMap = msgspec.field(default_factory=dict)
    output: JsonMap = msgspec.field(default_factory=dict)
    request_id: str | None = None
    response_type: SignalResponseResponseType | None = None
    signal_timeout: bool | None = None
    target_workflow_id: str | None = None
    target_workflow_status: str | None = None
    workflow_id: str | None = None


# Here, since models refer to each other in circles.

from ..models.json_map import JsonMap
from ..models.signal_response_response_type import SignalResponseResponseType
