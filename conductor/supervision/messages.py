"""The messages between a supervisor and a worker process, over a pair of connected sockets.

================  =====================================================================================================
direction         content
================  =====================================================================================================
to the process    DRAIN; NOW. The end of the connection is the end of the supervisor.
to the supervisor READY, once; PROBLEM and a text, instead of it; REPORT and a Report as JSON, about once a second
================  =====================================================================================================
"""

from __future__ import annotations

from typing import Any

import msgspec

from conductor.health import Health

DRAIN, NOW = b"d", b"n"
"""Orders: finish the running tasks, and end; end within two seconds."""
READY, PROBLEM, REPORT = b"k", b"p", b"r"
"""Its workers run; it cannot start, and the text says why; its numbers."""


class Family(msgspec.Struct, array_like=True, frozen=True):
    """A metric of prometheus_client. samples: name, labels and value of each."""

    name: str
    text: str
    kind: str
    samples: list[tuple[str, dict[str, str], float]]


class Report(msgspec.Struct, array_like=True, frozen=True):
    """The state of a worker process."""

    metrics: list[Family]
    health: Health


_report = msgspec.json.Decoder(Report)


def report_of(content: bytes) -> Report:
    """The report behind REPORT."""
    return _report.decode(content)


def as_json(value: Any) -> bytes:
    return msgspec.json.encode(value)
