"""What worker functions have started and not ended, and what the interpreter would wait for when the process ends."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

logger = logging.getLogger(__name__)


class Leaks:
    """Knows the threads and child processes that were there when it was made."""

    def __init__(self) -> None:
        self._before = {thread.ident for thread in threading.enumerate()} | {child.ident for child in _children()}

    def warn(self, has_executors: bool) -> None:
        """Name those since then that are no daemons.

        has_executors: workers have executors, whose threads and processes end by themselves and look like any other.
        """
        if has_executors:
            return
        threads = [f"thread {each.name}" for each in threading.enumerate() if self._is_new(each)]
        children = [f"process {each.name}" for each in _children() if self._is_new(each)]
        if threads or children:
            logger.warning("left running, and keeps this process from ending: %s", ", ".join([*threads, *children]))

    def _is_new(self, started: threading.Thread | BaseProcess) -> bool:
        return not started.daemon and started.ident not in self._before


def _children() -> list[BaseProcess]:
    multiprocessing = sys.modules.get("multiprocessing")  # where it is not loaded, there are none
    return multiprocessing.active_children() if multiprocessing is not None else []
