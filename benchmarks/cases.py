"""The cases: the server's behaviour, the work, and the workers that take part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.server.settings import HOLDS, ServerSettings
from benchmarks.workers import GO, INCUMBENT, LEAN, PROJECT, RAW, URLLIB3

Kind = Literal["throughput", "time to start", "idle", "start", "binding", "real server"]

ALL = (PROJECT, INCUMBENT, GO, URLLIB3, LEAN, RAW)
LIBRARIES = (PROJECT, INCUMBENT, GO)
PYTHON = (PROJECT, INCUMBENT)


@dataclass(frozen=True)
class Case:
    """work: see ``worker-programs/assignment.py``. seconds: how long at least it is measured.

    batch: the number of tasks that the bare loops poll for. typed: see ``assignment.py``.
    """

    name: str
    kind: Kind = "throughput"
    server: ServerSettings = field(default_factory=ServerSettings)
    workers: tuple[str, ...] = ALL
    concurrency: int = 10
    work: str = "nothing"
    coroutines: bool = False
    processes: int = 0
    outbox: bool = False
    seconds: float = 0.0
    batch: int = 10
    typed: bool = False


def all_cases() -> list[Case]:
    return [*_throughput(), *_modes(), *_beside_throughput()]


def _throughput() -> Iterator[Case]:
    for concurrency in (1, 10):
        yield Case(f"no-op with an outbox, c={concurrency}", workers=(PROJECT,), concurrency=concurrency, outbox=True)
        name = f"no-op with typed arguments, context and interceptor, c={concurrency}"
        yield Case(name, workers=(PROJECT,), concurrency=concurrency, typed=True)
        yield _no_op(concurrency)  # next to the case that is compared with it, as a machine's speed changes with time
    yield Case("async no-op, c=10", workers=PYTHON, coroutines=True)
    yield from map(_no_op, (50, 100))
    yield Case("no-op, c=10, without update-v2", server=ServerSettings(update_v2=False), workers=LIBRARIES)
    yield Case("10 ms waits, c=50", concurrency=50, work="wait_10_ms")
    yield Case("1 ms CPU, c=10", work="compute_1_ms")
    for milliseconds in (5, 20):
        yield Case(f"server latency {milliseconds} ms, c=10", server=ServerSettings(latency=milliseconds / 1000))
    for size, text in ((1_000, "1 KB"), (100_000, "100 KB"), (1_000_000, "1 MB")):
        yield Case(f"input {text}, c=10", server=ServerSettings(input_bytes=size), workers=(*LIBRARIES, URLLIB3, RAW))
    for types in (1, 20, 50):
        name = f"{types} {'type' if types == 1 else 'types'}, c=1 each"
        yield Case(name, server=ServerSettings(types=types), workers=LIBRARIES, concurrency=1)


def _no_op(concurrency: int) -> Case:
    return Case(f"no-op, c={concurrency}", concurrency=concurrency)


def _modes() -> Iterator[Case]:
    yield Case("async 100 ms waits, c=1000", workers=PYTHON, coroutines=True, concurrency=1000, work="wait_100_ms")
    for work, text in (("nothing", "no-op"), ("compute_1_ms", "1 ms CPU")):
        yield Case(f"{text}, process_pool(2), c=2", workers=(PROJECT,), processes=2, concurrency=2, work=work)


def _beside_throughput() -> Iterator[Case]:
    for arrivals, seconds in ((2, 25.0), (100, 5.0), (500, 3.0)):
        for hold in HOLDS:
            yield Case(
                f'{arrivals} tasks a second, "{hold}", c=10',
                "time to start",
                ServerSettings(hold=hold, arrivals=arrivals),
                LIBRARIES,
                work="tell_start",
                seconds=seconds,
            )
    yield Case("idle, 20 types", "idle", ServerSettings(types=20, arrivals=0), LIBRARIES, concurrency=1, seconds=15.0)
    yield Case("import and first poll", "start", ServerSettings(arrivals=0), LIBRARIES)
    yield Case("a dataclass of 5 fields", "binding", workers=(PROJECT,))
    for concurrency in (1, 10):
        workers = (*LIBRARIES, URLLIB3)
        yield Case(f"real server, c={concurrency}", "real server", workers=workers, concurrency=concurrency, batch=1)
