"""The same worker function in the three places where it can run: a thread, the event loop and a process."""

import asyncio
from pathlib import Path

from conductor import process_pool
from support import process_functions

PLACES = ["thread", "event loop", "process"]


async def work_on_the_loop(task):
    """``process_functions.work``, without blocking the loop."""
    if task.input_data["do"] == "wait_for":
        while not Path(task.input_data["with"]).exists():  # noqa: ASYNC110, ASYNC240 - a file has no event
            await asyncio.sleep(0.01)
    return process_functions.work(task)


def start_in(place, runner, **settings):
    """Start the worker of task type "t", which does what the task's input says: see ``process_functions``."""
    if place == "process":
        settings["executor"] = process_pool(1)
    execute = work_on_the_loop if place == "event loop" else process_functions.work
    runner.start_worker("t", execute, **settings)


def to_do(name, argument=None):
    """The input of a task that does this."""
    return {"do": name, "with": argument}
