"""Finds the function behind a decorated one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Decorated:
    """Stands for the function in ``__wrapped__``. A worker calls that function directly."""

    __wrapped__: Callable[..., Any]


def plain_function(execute: Callable[..., Any]) -> Callable[..., Any]:
    """The function that a Decorated object stands for. Any other callable stands for itself."""
    return execute.__wrapped__ if isinstance(execute, Decorated) else execute
