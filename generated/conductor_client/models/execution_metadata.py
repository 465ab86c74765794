from __future__ import annotations

import msgspec

from ..base import Int64, Model


class ExecutionMetadata(Model, kw_only=True):
    additional_context: JsonMap = msgspec.field(default_factory=dict)
    client_receive_time: Int64 | None = None
    client_send_time: Int64 | None = None
    execution_end_time: Int64 | None = None
    execution_start_time: Int64 | None = None
    poll_network_latency: Int64 | None = None
    server_send_time: Int64 | None = None
    update_network_latency: Int64 | None = None


# Here, since models refer to each other in circles.

from ..models.json_map import JsonMap
