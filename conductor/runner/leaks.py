"""What worker functions have started and not ended, and what the interpreter would wait for when the process ends."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from conductor._log import logger_of

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

logger = logger_of(__name__)

EXECUTORS = "concurrent.futures.thread"
"""The module whose code is in the stack of each thread of a ThreadPoolExecutor."""

OWN_PROCESS = "conductor-process"
"""The name of the processes of a ``process_pool``, which end by themselves."""


class Leaks:
    """Knows the threads and child processes that were there when it was made."""

    def __init__(self) -> None:
        self._before = {*threading.enumerate(), *_children()}

    def warn(self) -> None:
        """Name those since then that hold up the end."""
        new = {*threading.enumerate()} - self._before - {threading.current_thread()}  # which waits for the workers
        threads = [f"thread {each.name}" for each in new if _holds_up(each)]
        others = {each for each in _children() if each.name != OWN_PROCESS} - self._before
        children = [f"process {each.name}" for each in others if not each.daemon]
        if threads or children:
            logger.warning("left running, and keeps this process from ending: %s", ", ".join([*threads, *children]))


def _holds_up(thread: threading.Thread) -> bool:
    """Threads of an executor are joined when the interpreter ends, daemons too. They end when they have no work."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - there is no other way to ask
    modules = []
    while frame is not None:
        modules.append(frame.f_globals.get("__name__"))
        frame = frame.f_back
    if EXECUTORS in modules:
        return modules[0] != EXECUTORS  # there, it waits for work
    return not thread.daemon


def _children() -> list[BaseProcess]:
    multiprocessing = sys.modules.get("multiprocessing")  # where it is not loaded, there are none
    return multiprocessing.active_children() if multiprocessing is not None else []
