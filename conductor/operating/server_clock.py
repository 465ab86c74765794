"""The time of a server, by the last of its answers."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from conductor.transport import ApiClient


def server_time(api: ApiClient) -> float | None:
    """Seconds since the epoch, within half a second and the time since the last answer. None if it is not known."""
    try:
        parsed = parsedate_to_datetime(api.server_date)
    except ValueError:
        return None
    return parsed.replace(tzinfo=parsed.tzinfo or UTC).timestamp() + 0.5  # of a second that has begun
