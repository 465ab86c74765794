from __future__ import annotations

import msgspec


class ExecutionMetadata(msgspec.Struct, rename="camel", omit_defaults=True):
    additional_context: JsonMap = msgspec.field(default_factory=dict)
    client_receive_time: int | None = None
    client_send_time: int | None = None
    execution_end_time: int | None = None
    execution_start_time: int | None = None
    poll_network_latency: int | None = None
    server_send_time: int | None = None
    update_network_latency: int | None = None


# Here, since models refer to each other in circles.

from ..models.json_map import JsonMap
