"""Finds threads and child processes that worker functions have started, and that keep the process from ending."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from conductor._log import logger_of
from conductor._stacks import Call, stacks

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

logger = logger_of(__name__)

EXECUTORS = str(Path("concurrent", "futures", "thread.py"))
"""The end of the name of this file is in the stack of each thread of a ThreadPoolExecutor."""

OWN_PROCESS = "conductor-process"
"""The name of a ``process_pool``'s processes. They end by themselves."""


class Leaks:
    """Remembers the threads and child processes that exist at construction."""

    def __init__(self) -> None:
        self._before = {*threading.enumerate(), *_children()}

    def warn(self) -> None:
        """Log the newer ones that keep the process from ending."""
        new = {*threading.enumerate()} - self._before - {threading.current_thread()}  # this one waits for the workers
        calls = stacks() if new else {}
        threads = [f"thread {each.name}" for each in new if _holds_up(each, calls.get(each.ident or 0, []))]
        others = {each for each in _children() if each.name != OWN_PROCESS} - self._before
        children = [f"process {each.name}" for each in others if not each.daemon]
        if threads or children:
            logger.warning("left running, and keeps this process from ending: %s", ", ".join([*threads, *children]))


def _holds_up(thread: threading.Thread, calls: list[Call]) -> bool:
    """The interpreter joins an executor's threads at its end, daemons too. Such a thread ends if it has no work."""
    are_executors = [call.file.endswith(EXECUTORS) for call in calls]
    if any(are_executors):
        return not are_executors[0]  # its own code is innermost while it waits for work
    return not thread.daemon


def _children() -> list[BaseProcess]:
    multiprocessing = sys.modules.get("multiprocessing")  # if it is not loaded, there are none
    return multiprocessing.active_children() if multiprocessing is not None else []
