"""Looks into the file of an outbox, for people. ``outbox`` keeps the results of a runner in it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from conductor.delivery.outbox import as_bytes, check_files
from conductor.errors import ConductorError, ConfigurationError
from conductor.task_result import TaskResult

LOCKED_FOR = 5.0
"""Seconds to wait for the commit of a worker."""

_TEXTS = as_bytes("server", "task_id", "workflow_instance_id", "task_name", "status", "committed_at", "result")
_COLUMNS = f"number, {_TEXTS}"


class KeptResult(NamedTuple):
    """A result in an outbox. Its texts may be anything.

    number: changes if a worker keeps another result of the same task. server: the base URL of the server that it is
    for. content: the result as JSON.
    """

    number: int
    server: str
    task_id: str
    workflow_instance_id: str
    task_name: str
    status: str
    committed_at: str
    content: bytes

    def age(self, now: datetime) -> float | None:
        """Seconds since it was kept. None if the file does not tell it."""
        try:
            return (now - datetime.fromisoformat(self.committed_at).replace(tzinfo=UTC)).total_seconds()
        except ValueError:
            return None

    def read(self) -> TaskResult | None:
        """The result itself. None if it cannot be read."""
        try:
            return msgspec.json.decode(self.content, type=TaskResult)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


class OutboxFile:
    """The results of an outbox that exists, for all servers. A context manager, for one thread.

    Workers may use the file meanwhile. ConfigurationError: there is no such file, it is no outbox, or another user may
    write to it. ConductorError of a method: the file cannot be read or written now.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = str(Path(path).absolute())
        try:
            if not os.path.lexists(self.path):
                raise FileNotFoundError("there is no such file")
            check_files(self.path)
            uri = f"{Path(self.path).as_uri()}?mode=rw"  # never makes a new file
            self._db = sqlite3.connect(uri, uri=True, timeout=LOCKED_FOR, isolation_level=None)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise ConfigurationError(f"outbox {self.path!r}: {error}") from error
        self._db.text_factory = bytes  # so that a text that is not UTF-8 raises no error
        try:
            self._db.execute(f"SELECT {_COLUMNS} FROM results LIMIT 0")  # noqa: S608 - constants
            check_files(self.path)  # again, with the files that SQLite has made beside it
        except (sqlite3.Error, OSError) as error:
            self._db.close()
            what = "" if isinstance(error, OSError) else "it is no outbox that can be read: "
            raise ConfigurationError(f"outbox {self.path!r}: {what}{error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._db.close()

    def results(self) -> list[KeptResult]:
        """All results, oldest first."""
        with self._errors():
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM results ORDER BY number").fetchall()  # noqa: S608
        return [_kept(*row) for row in rows]

    def delete(self, kept: KeptResult) -> bool:
        """Delete a result. Returns False if it is gone, or replaced by another result of its task."""
        with self._errors():
            return self._db.execute("DELETE FROM results WHERE number = ?", (kept.number,)).rowcount == 1

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ConductorError(f"outbox {self.path!r}: {error}") from error


def _kept(number: int, *columns: bytes) -> KeptResult:
    *texts, content = columns
    server, task_id, workflow_id, task_name, status, committed_at = (text.decode(errors="replace") for text in texts)
    return KeptResult(number, server, task_id, workflow_id, task_name, status, committed_at, content)
