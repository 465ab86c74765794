"""The settings of a task server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Hold = Literal["first", "fill"]
HOLDS: tuple[Hold, ...] = ("first", "fill")


@dataclass(frozen=True)
class ServerSettings:
    """latency: seconds added to each answer. update_v2: whether the server has ``POST /tasks/update-v2``.

    arrivals: new tasks per second, from the first poll on; None: there are always more tasks.
    hold: "first" answers a poll as soon as there is a task; "fill" holds it until there are as many as it asked for,
    or its timeout has passed.
    """

    types: int = 1
    input_bytes: int = 0
    latency: float = 0.0
    update_v2: bool = True
    hold: Hold = "first"
    arrivals: float | None = None

    @property
    def task_names(self) -> list[str]:
        return [f"bench_{number}" for number in range(self.types)]
