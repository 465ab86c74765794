"""The events that EVENT tasks publish, on their way to those who listen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from conductor.testing.engine.records.records import Wire

Listener = Callable[[str, str, Wire], None]
"""Called with the event, such as ``conductor:workflow:ref``, the id of the message and the payload."""


class Events:
    """Keeps what is published until the workflows have come to rest."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._published: deque[tuple[str, str, Wire]] = deque()

    @property
    def are_waiting(self) -> bool:
        """Whether an event has not been delivered yet."""
        return bool(self._published)

    def listen(self, listener: Listener) -> None:
        """Call the function for each event from now on, inside of a transaction."""
        self._listeners.append(listener)

    def publish(self, event: str, message_id: str, payload: Wire) -> None:
        """Keep an event for the listeners. Without a listener it is lost."""
        if self._listeners:
            self._published.append((event, message_id, payload))

    def deliver_one(self) -> None:
        """Call the listeners with the oldest event."""
        event = self._published.popleft()
        for listener in self._listeners:
            listener(*event)
