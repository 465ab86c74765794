"""Notices changes of files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchfiles import watch

PACKAGES = {"site-packages", "dist-packages", "node_modules"}
"""Folders of installed packages, as in each virtual environment."""


@contextmanager
def on_change(changed: Callable[[], object], *folders: Path, ending: str = ".py") -> Iterator[None]:
    """Call ``changed`` on a thread after each change of files with this ending in the folders, or below. Changes that
    come together count once. Virtual environments and hidden folders in them do not count.
    """
    watched = [folder.resolve() for folder in folders]
    stop = threading.Event()

    def look() -> None:
        for _ in watch(
            *watched,
            watch_filter=lambda _, path: path.endswith(ending) and any(_is_own(Path(path), each) for each in watched),
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


def _is_own(path: Path, folder: Path) -> bool:
    """Whether the file is in the folder, and neither hidden nor part of an installed package."""
    if not path.is_relative_to(folder):
        return False
    return not any(part.startswith(".") or part in PACKAGES for part in path.relative_to(folder).parts)
