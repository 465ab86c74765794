"""Puts a worker through one fault after another and prints what became of its tasks; then what must hold besides.

Run by fault_report.sh. Exit code 1: a result was lost, a task executed again though its lease had not ended, a fault
struck nothing, or something that must hold does not. ``fault_report.py TEXT…`` runs what has one of the texts in its
name; ``--long`` also measures what takes minutes.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from fault_lab import Row, run
from fault_scenarios import SCENARIOS
from must_hold import IN_PROCESS
from must_hold_processes import PROCESSES

WIDTH = 62
LEGEND = """\
struck: how many requests, or executions. after lease: tasks that came back when their lease ended; most were in an
answer that the fault destroyed on its way. gone: tasks that the server took away while they ran. named: results that
were given to on_result_lost."""


def main(arguments: list[str]) -> int:
    be_quiet()
    texts = [argument for argument in arguments if argument != "--long"]
    started = time.monotonic()
    rows = report_faults(texts)
    held = report_measures(texts, is_long="--long" in arguments)
    lost, again = sum(row.lost for row in rows), sum(row.executed_again for row in rows)
    mistakes = [row.name for row in rows if row.mistakes]
    print(
        f"\n{time.monotonic() - started:.0f} s. Faults: {len(rows)}; tasks: {sum(row.tasks for row in rows):,}; ",
        end="",
    )
    print(f"executed again: {again}. Must hold: {sum(held)} of {len(held)}.")
    if mistakes:
        print(f"Not as it should be: {', '.join(mistakes)}")
    print(f"Lost results: {lost}")
    return int(bool(lost or again or mistakes or not all(held)))


def be_quiet() -> None:
    """What is logged, a warning a fault and more, is not the point here."""
    logger = logging.getLogger("conductor")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


def run_number(number: int) -> Row:
    return run(SCENARIOS[number])


def report_faults(texts: list[str]) -> list[Row]:
    wanted = [number for number, scenario in enumerate(SCENARIOS) if is_wanted(scenario.name, texts)]
    rows: list[Row] = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), spawn, be_quiet) as processes:
        for row in processes.map(run_number, wanted):
            if not rows:
                print(f"{'fault':<{WIDTH}}  struck  tasks  accepted  executed again  lost  seconds")
            rows.append(row)
            print(line(row), flush=True)
    if rows:
        print(LEGEND)
    return rows


def is_wanted(name: str, texts: list[str]) -> bool:
    return not texts or any(text in name for text in texts)


def line(row: Row) -> str:
    counts = (row.after_lease, "after lease"), (row.gone, "gone"), (row.named, "named")
    notes = [f"{count} {what}" for count, what in counts if count] + list(row.mistakes)
    figures = f"{row.struck:>6}  {row.tasks:>5}  {row.accepted:>8}  {row.executed_again:>14}  {row.lost:>4}"
    return f"{row.name:<{WIDTH}}  {figures}  {row.seconds:>7.1f}  {', '.join(notes)}".rstrip()


def report_measures(texts: list[str], *, is_long: bool) -> list[bool]:
    held = []
    measures = {name: each for name, each in (IN_PROCESS | PROCESSES).items() if is_wanted(name, texts)}
    if measures:
        print(f"\n{'must hold':<{WIDTH}}  {'wanted':<28}measured")
    for name, (wanted, measure) in measures.items():
        print(f"{name:<{WIDTH}}  {wanted:<28}", end="", flush=True)
        if name.startswith("long: ") and not is_long:
            print("takes minutes: --long")
            continue
        try:
            text, holds = measure()
        except AssertionError as error:  # what was waited for did not come
            text, holds = str(error), False
        held.append(holds)
        print(f"{text}{'' if holds else '   DOES NOT HOLD'}", flush=True)
    return held


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
