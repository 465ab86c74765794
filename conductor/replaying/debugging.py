"""The debugger of Python, stopped at the first line of a worker's function, or after its exception."""

from __future__ import annotations

import bdb
import inspect
import pdb  # noqa: T100 - to debug with it is what this module is for
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType
from typing import Any

from conductor.errors import ConductorError, ConfigurationError


class DebuggerLeftError(ConductorError):
    """The user has left the debugger before the function has ended."""

    def __init__(self) -> None:
        super().__init__("the debugger was left before the function has ended")


@contextmanager
def stopping_at(function: Callable[..., Any]) -> Iterator[None]:
    """Meanwhile, stop at the first line of the function when this thread calls it. Decorators are run through.

    ConfigurationError: the function has no source. DebuggerLeftError: the user has left the debugger.
    """
    code = _code_of(function)
    if code is None:
        raise ConfigurationError(f"cannot stop at the start of {function!r}: it is not written in Python")
    debugger = pdb.Pdb()
    debugger.reset()
    debugger.botframe = inspect.currentframe()
    problem = debugger.set_break(code.co_filename, code.co_firstlineno, temporary=True, funcname=code.co_name)
    if problem:
        raise ConfigurationError(f"cannot stop at the start of {function!r}: {problem}")
    debugger.set_continue()  # to the breakpoint, and not to the next line that runs
    before = sys.gettrace()
    sys.settrace(debugger.trace_dispatch)
    try:
        yield
    except bdb.BdbQuit:
        raise DebuggerLeftError from None
    finally:
        sys.settrace(before)


def look_at(error: BaseException) -> None:
    """Start the debugger where the error was raised. It returns when its user leaves the debugger."""
    pdb.post_mortem(error.__traceback__)


def _code_of(function: Callable[..., Any]) -> CodeType | None:
    """The code of the function inside of decorators and partials, or of the class of an object that can be called."""
    inner: Any = inspect.unwrap(function)
    while isinstance(inner, partial):
        inner = inspect.unwrap(inner.func)
    if not (inspect.isfunction(inner) or inspect.ismethod(inner)):
        inner = type(inner).__call__
    code: CodeType | None = getattr(inner, "__code__", None)
    return code
