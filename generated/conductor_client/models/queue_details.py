from __future__ import annotations

from ..models.queue_shards import QueueShards

QueueDetails = dict[str, QueueShards]
