"""Finds threads and child processes that worker functions have started, and that keep the process from ending."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from conductor._log import logger_of

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

logger = logger_of(__name__)

EXECUTORS = "concurrent.futures.thread"
"""This module's code is in the stack of each thread of a ThreadPoolExecutor."""

OWN_THREADS = "conductor-"
"""The beginning of the names of a runner's threads. All are daemons, and no executor's."""

OWN_PROCESS = "conductor-process"
"""The name of a ``process_pool``'s processes. They end by themselves."""


class Leaks:
    """Remembers the threads and child processes that exist at construction."""

    def __init__(self) -> None:
        self._before = {*threading.enumerate(), *_children()}

    def warn(self) -> None:
        """Log the newer ones that keep the process from ending."""
        new = {*threading.enumerate()} - self._before - {threading.current_thread()}  # this one waits for the workers
        # CPython 3.11 may crash at a look into the stack of a thread that is ending, as a runner's threads are here.
        foreign = [each for each in new if not each.name.startswith(OWN_THREADS)]
        threads = [f"thread {each.name}" for each in foreign if _holds_up(each)]
        others = {each for each in _children() if each.name != OWN_PROCESS} - self._before
        children = [f"process {each.name}" for each in others if not each.daemon]
        if threads or children:
            logger.warning("left running, and keeps this process from ending: %s", ", ".join([*threads, *children]))


def _holds_up(thread: threading.Thread) -> bool:
    """The interpreter joins an executor's threads at its end, daemons too. Such a thread ends if it has no work."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - there is no other way to ask
    modules = []
    while frame is not None:
        modules.append(frame.f_globals.get("__name__"))
        frame = frame.f_back
    if EXECUTORS in modules:
        return modules[0] != EXECUTORS  # its own code is on top while it waits for work
    return not thread.daemon


def _children() -> list[BaseProcess]:
    multiprocessing = sys.modules.get("multiprocessing")  # if it is not loaded, there are none
    return multiprocessing.active_children() if multiprocessing is not None else []
