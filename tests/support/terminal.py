"""A command of the program on a terminal of its own."""

import os
import pty
import re
import select
import subprocess
import sys
import time


class Terminal:
    """Starts ``conductor-worker`` with a pseudo-terminal as its standard streams. A context manager: ends it."""

    def __init__(self, *arguments, columns=160):
        self._own, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "conductor", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=os.environ | {"COLUMNS": str(columns), "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(theirs)
        self._seen = ""

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.process.kill()
        self.process.wait()
        os.close(self._own)

    def read_until(self, pattern, timeout=30.0):
        """The text from the last call up to the end of the match; an AssertionError if it does not come in time."""
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, self._seen)):
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern!r} is not in {self._seen!r}"
            if select.select([self._own], [], [], left)[0]:
                self._seen += self._read()
        text, self._seen = self._seen[: found.end()], self._seen[found.end() :]
        return text

    def rest(self):
        """The text that the program has printed since the last call, after its end."""
        while select.select([self._own], [], [], 0)[0] and (data := self._read_or_end()):
            self._seen += data
        text, self._seen = self._seen, ""
        return text

    def _read(self):
        data = self._read_or_end()
        assert data, f"the program has ended, and printed {self._seen!r}"
        return data

    def _read_or_end(self):
        try:
            return os.read(self._own, 65536).decode(errors="replace")
        except OSError:  # the program has ended, and its side of the terminal is closed
            return ""
