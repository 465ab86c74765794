"""What the package costs before it does any work: import time, an idle worker's CPU, memory of 50 task types.

Run by bench.sh. Prints a table; each figure is the median of several fresh processes on this machine.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.stub import Stub

RUNS = 5
IDLE_SECONDS = 10

IMPORT = """
import time
started = time.perf_counter()
import {module}
print(time.perf_counter() - started)
"""

IDLE = f"""
import resource, time
from conductor import TaskRunner

runner = TaskRunner()
for number in range({{types}}):
    runner.start_worker(f"type_{{{{number}}}}", lambda task: None, batch_size=10)
time.sleep(2)
before = time.process_time()
time.sleep({IDLE_SECONDS})
print((time.process_time() - before) / {IDLE_SECONDS}, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def output_of(code: str, **environment: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, check=True, capture_output=True, text=True
    )
    return [float(number) for number in done.stdout.split()]


def median_import_seconds(module: str) -> float:
    return statistics.median(output_of(IMPORT.format(module=module))[0] for _ in range(RUNS))


def main() -> None:
    print(f"{'import conductor':<44}{median_import_seconds('conductor'):>8.3f} s     (wanted: < 0.25 s)")
    print(f"{'  of it urllib3, msgspec, prometheus_client':<44}", end="")
    print(f"{median_import_seconds('urllib3, msgspec, prometheus_client'):>8.3f} s")
    with Stub() as stub:
        for types in (1, 50):
            cpu, megabytes = output_of(IDLE.format(types=types), CONDUCTOR_SERVER_URL=stub.url)
            print(f"{f'idle, {types} task types: CPU':<44}{cpu:>8.2%} of a core", end="")
            print("     (wanted: about 0)" if types == 1 else "")
            print(f"{f'idle, {types} task types: peak memory':<44}{megabytes:>8.1f} MB", end="")
            print("    (wanted: < 80 MB)" if types == 50 else "")


if __name__ == "__main__":
    main()
