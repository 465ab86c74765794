"""Notices that a worker function has forked, because the child must not continue the work of this package."""

from __future__ import annotations

import os
import sys

_forks = 0  # forks between the first ancestor and this process


def count() -> int:
    """A number that is another one in each forked child. Cheaper than os.getpid()."""
    return _forks


def _forked() -> None:
    global _forks  # noqa: PLW0603 - one number per process
    _forks += 1


if sys.platform != "win32":  # where nothing forks
    os.register_at_fork(after_in_child=_forked)
