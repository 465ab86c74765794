"""Notices changes of Python files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchfiles import PythonFilter, watch


@contextmanager
def on_change(folder: Path, changed: Callable[[], None]) -> Iterator[None]:
    """Call ``changed`` on a thread after each change of Python files in the folder, or below. Changes that come
    together count once. Virtual environments and hidden folders are not watched.
    """
    stop = threading.Event()

    def look() -> None:
        for _ in watch(folder, watch_filter=PythonFilter(), stop_event=stop, raise_interrupt=False):
            changed()

    thread = threading.Thread(target=look, name="conductor-reload", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
