"""The options of a worker program, in the form in which they go to its processes."""

from __future__ import annotations

from typing import Literal

import msgspec

End = Literal["signal", "once", "idle"]
LogFormat = Literal["text", "json"]


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """None: from the environment, or the default.

    names: of modules, or of objects in them, that have workers.
    lifespan: the name of an object. interceptors: names of interceptors, or of classes of them, the outermost first.
    end: when the program ends by itself: never, after one task of each worker, or when no task waits.
    legacy_names: as in MetricsSettings.
    """

    names: list[str]
    processes: int = 1
    server: str | None = None
    worker_id: str | None = None
    outbox: str | None = None
    shutdown_timeout: float | None = None
    lifespan: str | None = None
    interceptors: list[str] = []
    end: End = "signal"
    legacy_names: bool = True
    log_format: LogFormat = "text"
    log_level: str = "INFO"

    def for_place(self, number: int) -> RunOptions:
        """The options of one process. If there are several, a given worker id gets its number."""
        if self.worker_id is None or self.processes == 1:
            return self
        return msgspec.structs.replace(self, worker_id=f"{self.worker_id}-{number}")
