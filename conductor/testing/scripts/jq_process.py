"""The program of the process that runs JQ: it reads a line with a query, and writes a line with the answer.

It is run as a file, so that it imports nothing of this package. It ends when its input ends, thus also with the process
that has started it.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any


def main(folder: str, memory: int) -> None:
    """Answer queries. folder: has the module ``jq``. memory: the limit in bytes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that has started this one
    sys.path.append(folder)
    importlib.import_module("jq")  # before the limit, and before the first query
    _limit_memory(memory)
    with Path(os.devnull).open("w") as nowhere:
        for line in sys.stdin.buffer:
            request = json.loads(line)
            # A watch of C: it ends the process also while JQ runs, and also if nobody waits for the answer any more.
            faulthandler.dump_traceback_later(request["limit"], exit=True, file=nowhere)
            answer = json.dumps(_answer(request["query"], request["given"]))
            faulthandler.cancel_dump_traceback_later()
            sys.stdout.write(f"{answer}\n")
            sys.stdout.flush()


def _answer(query: str, given: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"found": _program(query).input_value(given).all()}
    except ValueError as error:
        return {"error": str(error).strip()}


@lru_cache(maxsize=256)
def _program(query: str) -> Any:
    """It gives values as texts of JSON. The module makes fractions of all numbers, and so changes long ones."""
    jq = importlib.import_module("jq")
    jq.compile(query)  # lest the brackets make a wrong query right
    return jq.compile(f"(\n{query}\n) | tojson")


def _limit_memory(memory: int) -> None:
    """The process dies if it needs more. Some systems cannot limit it."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - there is none on Windows

        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
