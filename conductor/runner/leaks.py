"""What worker functions have started and not ended, and what the interpreter would wait for when the process ends."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from conductor._log import logger_of

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

logger = logger_of(__name__)


class Leaks:
    """Knows the threads and child processes that were there when it was made."""

    def __init__(self) -> None:
        self._before = {*threading.enumerate(), *_children()}

    def warn(self, has_executors: bool) -> None:
        """Name those since then that hold up the end.

        has_executors: workers have executors, whose threads and processes end by themselves and look like any other.
        """
        if has_executors:
            return
        new = {*threading.enumerate()} - self._before - {threading.current_thread()}  # which waits for the workers
        threads = [f"thread {each.name}" for each in new if _holds_up(each)]
        children = [f"process {each.name}" for each in {*_children()} - self._before if not each.daemon]
        if threads or children:
            logger.warning("left running, and keeps this process from ending: %s", ", ".join([*threads, *children]))


def _holds_up(thread: threading.Thread) -> bool:
    """Those of a ThreadPoolExecutor are joined as daemons, too, but end when they have nothing to do."""
    futures = sys.modules.get("concurrent.futures.thread")
    if futures is None or thread not in futures._threads_queues:  # noqa: SLF001 - it says what will be joined
        return not thread.daemon
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - there is no other way to ask
    return frame is not None and frame.f_code is not futures._worker.__code__  # noqa: SLF001 - there, it waits for work


def _children() -> list[BaseProcess]:
    multiprocessing = sys.modules.get("multiprocessing")  # where it is not loaded, there are none
    return multiprocessing.active_children() if multiprocessing is not None else []
