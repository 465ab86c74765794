"""What a task server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Hold = Literal["first", "fill"]
HOLDS: tuple[Hold, ...] = ("first", "fill")


@dataclass(frozen=True)
class ServerSettings:
    """arrivals: new tasks per second; None: there are always more. latency: seconds added to each answer.

    hold: "first" answers a poll as soon as there is a task; "fill" holds it until there are as many as it asked for,
    or its timeout has passed. update_v2: whether the server has ``POST /tasks/update-v2``.
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
