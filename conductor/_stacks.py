"""The stacks of all threads of this process, read at one moment."""

from __future__ import annotations

import faulthandler
import re
import tempfile
from typing import NamedTuple

_THREAD = re.compile(r"(?:Current thread|Thread) 0x([0-9a-f]+)")
_CALL = re.compile(r'  File "(.*)", line (\d+) in (.*)')


class Call(NamedTuple):
    """file: characters outside ASCII are written as escapes."""

    file: str
    line: int
    function: str


def stacks() -> dict[int, list[Call]]:
    """By the ident of each thread: its calls, the innermost first. At most 100 threads, with 100 calls each.

    Empty if the system has no room for a temporary file.

    ``faulthandler`` holds the interpreter for the whole look. A look into the frames of ``sys._current_frames`` does
    not, and a thread that returns from a function or ends meanwhile may crash CPython 3.11.
    """
    found: dict[int, list[Call]] = {}
    calls: list[Call] = []
    for line in _dump().splitlines():
        if thread := _THREAD.match(line):
            calls = found[int(thread[1], 16)] = []
        elif call := _CALL.match(line):
            calls.append(Call(call[1], int(call[2]), call[3]))
    return found


def _dump() -> str:
    try:
        with tempfile.TemporaryFile() as file:
            faulthandler.dump_traceback(file)
            file.seek(0)
            return file.read().decode("ascii")
    except OSError:
        return ""
