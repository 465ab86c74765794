"""What ``TaskRunner(outbox=…)`` costs: tasks per second through a real runner with and without, and its commits alone.

Run by bench.sh. Prints a table. The server runs in a process of its own; the file is in the temporary directory.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from conductor import ApiClient, HttpSettings, Task, TaskResult, TaskRunner
from conductor.runner.outbox import Outbox
from support.raw_server import RawServer

TASKS = 3_000
RUNS = 3
PAIRS = 5_000
SERVE = "serve"


def serve() -> None:
    """Prints the URL; then, for each line that it reads, queues the tasks anew and says when all are accepted."""
    with RawServer() as server:
        print(server.url, flush=True)
        for _ in sys.stdin:
            wanted = len(server.accepted) + TASKS
            server.add_tasks("t", TASKS)
            print("queued", flush=True)
            while len(server.accepted) < wanted:
                time.sleep(0.005)
            print("accepted", flush=True)


class Server:
    """``serve`` in another process."""

    def __init__(self) -> None:
        command = [sys.executable, __file__, SERVE]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def seconds_for(self, start: Callable[[], None]) -> float:
        """From the start until all tasks are accepted."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._line()
        started = time.perf_counter()
        start()
        self._line()
        return time.perf_counter() - started

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def echo(task: Task) -> dict[str, object]:
    return {"n": task.input_data["n"], "text": "x" * 200}


def seconds_through_a_runner(server: Server, batch_size: int, outbox: Path | None) -> float:
    with ApiClient(http_settings=HttpSettings(server.url)) as client, TaskRunner(client, outbox=outbox) as runner:
        return server.seconds_for(lambda: runner.start_worker("t", echo, batch_size))


def runners(directory: Path) -> None:
    server = Server()
    try:
        for batch_size in (1, 10):
            without_any, with_one = [], []
            for number in range(RUNS):  # in turn, so that a busy machine is so for both
                without_any.append(seconds_through_a_runner(server, batch_size, None))
                outbox = directory / f"{batch_size}-{number}.db"
                with_one.append(seconds_through_a_runner(server, batch_size, outbox))
            without, with_it = statistics.median(without_any), statistics.median(with_one)
            for name, took in (("without an outbox", without), ("with", with_it)):
                figures = f"{TASKS / took:>9,.0f}{1000 * took / TASKS:>12.3f}"
                print(f"{f'{TASKS:,} tasks, batch_size {batch_size}, {name}':<52}{figures}")
            print(f"{'  the outbox costs, a task':<52}{'':>9}{1000 * (with_it - without) / TASKS:>12.3f}")
    finally:
        server.stop()


def pairs(outbox: Outbox, name: str, size: int) -> list[float]:
    """Microseconds of each commit and delete."""
    took = []
    for number in range(PAIRS):
        result = TaskResult(f"{name}-{number}", f"w{number}", output_data={"text": "x" * size})
        started = time.perf_counter()
        outbox.commit("t", result)
        outbox.delete(result)
        took.append(1e6 * (time.perf_counter() - started))
    return took


def alone(directory: Path) -> None:
    for threads, size in ((1, 200), (1, 20_000), (10, 200)):
        outbox = Outbox(directory / f"alone-{threads}-{size}.db", "server")
        took: list[float] = []
        each = [
            threading.Thread(target=lambda name: took.extend(pairs(outbox, name, size)), args=(f"t{number}",))  # noqa: B023 - joined below
            for number in range(threads)
        ]
        started = time.perf_counter()
        for thread in each:
            thread.start()
        for thread in each:
            thread.join()
        rate = len(took) / (time.perf_counter() - started)
        slowest = statistics.quantiles(took, n=100)[-1]
        what = f"commit + delete, output of {size:,} bytes, {threads} thread{'s' if threads > 1 else ''}"
        print(f"{what:<52}{rate:>9,.0f}{statistics.median(took):>12,.0f}{slowest:>10,.0f}")
        outbox.close()


def main() -> None:
    if SERVE in sys.argv[1:]:
        serve()
        return
    with TemporaryDirectory() as directory:
        print(f"{f'median of {RUNS} runs':<52}{'tasks/s':>9}{'ms a task':>12}")
        runners(Path(directory))
        print(f"{'the outbox alone':<52}{'a second':>9}{'median us':>12}{'p99 us':>10}")
        alone(Path(directory))


if __name__ == "__main__":
    main()
