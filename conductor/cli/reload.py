"""Notices changes of files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchfiles import DefaultFilter, watch


@contextmanager
def on_change(changed: Callable[[], object], *folders: Path, ending: str = ".py") -> Iterator[None]:
    """Call ``changed`` on a thread after each change of files with this ending in the folders, or below. Changes that
    come together count once. Virtual environments and hidden folders are not watched.
    """
    is_watched = DefaultFilter()
    stop = threading.Event()

    def look() -> None:
        for _ in watch(
            *folders,
            watch_filter=lambda change, path: path.endswith(ending) and is_watched(change, path),
            stop_event=stop,
            raise_interrupt=False,
        ):
            changed()

    thread = threading.Thread(target=look, name="conductor-reload", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
