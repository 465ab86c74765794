"""One operation of the server: the parts of its request, the call of the engine, and the form of its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conductor.testing.server.http_wire import Response
from conductor.testing.server.parameters import Parameter
from conductor.testing.server.responses import as_json


@dataclass(frozen=True)
class Route:
    """call: takes the engine, then the parameters in their order, then the body if there is one."""

    operation: str
    call: Callable[..., Any]
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    answer: Callable[[Any], Response] = as_json

    @property
    def method(self) -> str:
        return self.operation.partition(" ")[0]

    @property
    def segments(self) -> list[str]:
        return self.operation.partition(" ")[2].split("/")[1:]
