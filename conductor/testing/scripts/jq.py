"""Runs the JQ of workflows, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from conductor.testing.scripts.engines import jq_engine
from conductor.testing.scripts.errors import ScriptError, TimeLimitError

MEMORY_LIMIT = 512 * 1024 * 1024
"""Bytes for the whole process, where the system can limit them."""
_PROGRAM = Path(__file__).with_name("jq_process.py")


class JqProcess:
    """Answers one query after another. The process is started at the first one, and again after it has died.

    JQ has no limits of its own, cannot be stopped, and lets no other thread of its process run meanwhile.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def transform(self, query: str, given: Mapping[str, Any], limit: float) -> list[Any]:
        """The values that a query makes of a JSON object. Blocks for up to ``limit`` seconds.

        ScriptError: it cannot be read, has raised an error, or needs too much memory. TimeLimitError: it did not end in
        time.
        """
        request = json.dumps({"query": query, "given": given, "limit": limit}).encode()
        began = time.monotonic()
        process = self._started()
        try:
            line = _ask(process, request)
        except BaseException:  # such as Ctrl-C: the next query would get this answer
            self.close()
            raise
        if not line:
            self.close()
            if time.monotonic() - began >= limit:
                raise TimeLimitError(limit)
            raise ScriptError(f"JQ has died: the query may need more than {MEMORY_LIMIT >> 20} MB of memory")
        answer = json.loads(line)
        if "error" in answer:
            raise ScriptError(answer["error"])
        try:
            return [json.loads(text) for text in answer["found"]]
        except (ValueError, RecursionError):  # JQ ends a deep text with "<skipped: too deep>"
            raise ScriptError("a value that the query makes is nested too deep") from None

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with suppress(OSError), process:  # closes the pipes, and waits for the end
                pass

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            # Isolated and without site, it starts soon, and imports nothing that tests have put on the path.
            arguments = [sys.executable, "-I", "-S", str(_PROGRAM), str(Path(jq_engine().__file__).parent)]
            self._process = subprocess.Popen(  # noqa: S603 - a program of this package
                [*arguments, str(MEMORY_LIMIT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process


def _ask(process: subprocess.Popen[bytes], request: bytes) -> bytes:
    """The line of the answer. It is empty if the process dies."""
    requests, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
    try:
        requests.write(request + b"\n")
        requests.flush()
    except OSError:  # on Windows it is no BrokenPipeError
        return b""
    return answers.readline()
