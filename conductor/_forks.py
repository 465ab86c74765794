"""Whether a function has forked, and the child has come back into this package, which has no place for it."""

from __future__ import annotations

import os
import sys

_forks = 0  # of this process, and of those that it descends from by fork


def count() -> int:
    """A number that another process has only if it is no fork of this one; cheaper than a look at the process id."""
    return _forks


def _forked() -> None:
    global _forks  # noqa: PLW0603 - it is the process's own
    _forks += 1


if sys.platform != "win32":  # where nothing forks
    os.register_at_fork(after_in_child=_forked)
