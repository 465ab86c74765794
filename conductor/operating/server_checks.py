"""Checks a server: whether it answers, takes the access key, tells its version, and has the time of this machine."""

from __future__ import annotations

import re
import time

from conductor.errors import AuthenticationError, ConductorError
from conductor.operating.findings import Finding
from conductor.operating.server_clock import server_time
from conductor.transport import ApiClient, tasks, versions

LARGEST_SKEW = 10.0
"""Seconds between two clocks that are no problem. A Date header has whole seconds."""

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,60}")
_ANY_TASK = "conductor-worker-check"


def server_checks(api: ApiClient, *, has_key: bool) -> list[Finding]:
    """Blocks for two requests. If the first finding is a problem, there was no usable answer, and it is the only one.

    has_key: whether the client has an access key.
    """
    try:
        api.call_within(api.short_timeout, tasks.get_queue_sizes_of_task_types.sync, task_type=[_ANY_TASK])
    except AuthenticationError as error:
        key = Finding("access key", "problem", str(error))
    except ConductorError as error:
        return [Finding("server", "problem", str(error))]
    else:
        text = "the server accepts it" if has_key else "none is set, and the server asks for none"
        key = Finding("access key", "ok", text)
    answers = Finding("server", "ok", f"{api.http_settings.route} answers")
    return [answers, key, _clock(server_time(api), time.time()), _version(api)]


def _version(api: ApiClient) -> Finding:
    """Server 3.32.3 answers with its version as a text. Others may not have that call."""
    try:
        version = api.call_within(api.short_timeout, versions.get_version.sync).strip()
    except ConductorError as error:
        return Finding("server version", "note", f"unknown: {error}")
    if not _VERSION.fullmatch(version):
        return Finding("server version", "note", "unknown: the server answers with a text that is no version")
    return Finding("server version", "ok", version)


def _clock(time_there: float | None, time_here: float) -> Finding:
    """Both in seconds since the epoch."""
    if time_there is None:
        return Finding("clock", "note", "unknown: the server's answers have no Date header that can be read")
    skew = time_there - time_here
    if abs(skew) <= LARGEST_SKEW:
        return Finding("clock", "ok", "the server and this machine have the same time, within a few seconds")
    side = "ahead of" if skew > 0 else "behind"
    text = f"the server's clock is {abs(skew):,.0f} s {side} this machine's: ages and times of logs differ by as much"
    return Finding("clock", "problem", text)
