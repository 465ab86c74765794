"""Sends the results of an outbox now, instead of at the next start of a worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from conductor.delivery.outbox_file import KeptResult, OutboxFile
from conductor.delivery.verdict import Verdict, verdict_of
from conductor.errors import AuthenticationError, ConductorError, TransportError
from conductor.task_client import TaskClient

ANSWER_TIMEOUT = 30.0
"""Seconds for one result, or the client's own limit."""


class Fate(msgspec.Struct, rename="camel", frozen=True):
    """The end of an attempt to send a result.

    fate: ``accepted`` by the server, which may also mean that the task had ended; ``not needed``, because the server
    does not know the task any more; or ``kept`` in the outbox. reason: of the last two.
    """

    task_id: str
    task_type: str
    server: str
    fate: Literal["accepted", "not needed", "kept"]
    reason: str = ""


def send_results(outbox: OutboxFile, client: TaskClient) -> Iterator[Fate]:
    """Send the results that are for the client's server, oldest first. Blocks for one request a result.

    A result that is accepted or not needed is deleted from the outbox. If the server cannot be reached or refuses the
    access key, the others are not tried.
    """
    hopeless = ""
    for kept in outbox.results():
        if kept.server != client.server:
            yield _fate(kept, "kept", f"it is for {kept.server}")
        elif hopeless:
            yield _fate(kept, "kept", hopeless)
        else:
            try:
                yield _send(outbox, client, kept)
            except ConductorError as error:
                is_unreached = isinstance(error, TransportError) and not error.may_have_arrived
                if is_unreached or isinstance(error, AuthenticationError):
                    hopeless = f"it was not tried after: {error}"
                yield _fate(kept, "kept", str(error))


def _send(outbox: OutboxFile, client: TaskClient, kept: KeptResult) -> Fate:
    """ConductorError: the result is not accepted, and stays in the outbox."""
    result = kept.read()
    if result is None:
        return _fate(kept, "kept", "it cannot be read")
    try:
        client.update(result, ANSWER_TIMEOUT)
    except ConductorError as error:
        if verdict_of(error) is not Verdict.GONE:
            raise
        outbox.delete(kept)
        return _fate(kept, "not needed", str(error))
    outbox.delete(kept)
    return _fate(kept, "accepted")


def _fate(kept: KeptResult, fate: Literal["accepted", "not needed", "kept"], reason: str = "") -> Fate:
    return Fate(kept.task_id, kept.task_name, kept.server, fate, reason)
