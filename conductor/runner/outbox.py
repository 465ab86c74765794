"""Results on disk until the server has them, so that they outlive this process.

A file of SQLite with one table, ``results``: ``sqlite3 outbox.db "SELECT task_name, task_id, result FROM results"``.
Any number of processes may share it, since a terminal result may be sent twice: the first one counts, and the server
ignores the rest (3.32.3). A commit survives the end of the process, by ``kill -9`` too, but perhaps not the end of the
machine (SQLite's WAL with synchronous=NORMAL).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from conductor import _recording
from conductor._log import logger_of
from conductor.errors import ConfigurationError
from conductor.task_result import TaskResult

logger = logger_of(__name__)

LARGEST_FILE = 1 << 30
"""Bytes; a result that has no room is retried from memory alone, as without an outbox."""
LOCKED_FOR = 0.5
"""Seconds that another process's commit may take: less than the last answers get at the end of a drain."""

_TABLE = """
CREATE TABLE IF NOT EXISTS results (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    server TEXT NOT NULL,
    task_id TEXT NOT NULL,
    workflow_instance_id TEXT NOT NULL,
    task_name TEXT NOT NULL,
    status TEXT NOT NULL,
    committed_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    result TEXT NOT NULL,
    UNIQUE (server, task_id)
)
"""


class Kept(NamedTuple):
    """A result that an earlier process could not deliver, and its place in the order of commits."""

    number: int
    task_name: str
    result: TaskResult


class Outbox:
    """Keeps results for one server. Thread-safe; every method blocks for one commit.

    path: made if it does not exist; ConfigurationError when it cannot be used. server: results meant for another one
    stay where they are.
    """

    def __init__(self, path: str | os.PathLike[str], server: str) -> None:
        self._server = server
        self._closed = False
        self.unreadable = False
        """Whether what is left could not be read: it stays, unseen."""
        self._lock = threading.Lock()  # guards the connection, one statement at a time, and _closed
        try:
            self.path = str(Path(path).absolute())  # whatever a worker function makes of the current directory
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))  # outputs are for this user alone
            self._db = sqlite3.connect(self.path, timeout=LOCKED_FOR, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except sqlite3.Error:
                self._db.close()
                raise
        except (sqlite3.Error, OSError, TypeError, ValueError) as error:
            raise ConfigurationError(f"outbox {path!r} cannot be used: {error}") from error

    def _prepare(self) -> None:
        self._db.text_factory = bytes  # what is no UTF-8 is unreadable, and no more than that
        self._db.execute("BEGIN IMMEDIATE")  # waits for another process that is here, as the next statement does not
        self._db.execute("COMMIT")
        with contextlib.suppress(sqlite3.OperationalError):  # it did not wait: then that one's mode is good enough
            self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(_TABLE)
        (page_size,) = self._db.execute("PRAGMA page_size").fetchone()
        self._db.execute(f"PRAGMA max_page_count={LARGEST_FILE // page_size}")
        (self._last_left,) = self._db.execute("SELECT coalesce(max(number), 0) FROM results").fetchone()

    def commit(self, task_name: str, result: TaskResult) -> bool:
        """Keep a result, instead of an earlier one of its task. False, which is logged: it could not be written."""
        text = msgspec.json.encode(result).decode()
        row = (self._server, result.task_id, result.workflow_instance_id, task_name, result.status, text)
        written = self._run(
            "INSERT OR REPLACE INTO results (server, task_id, workflow_instance_id, task_name, status, result)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )
        return written is not None

    def delete(self, result: TaskResult) -> None:
        """The server has the result, or will never take it."""
        self._run("DELETE FROM results WHERE server = ? AND task_id = ?", (self._server, result.task_id))

    def holds(self, result: TaskResult) -> bool:
        """Whether the next start will find the result: the file may have been deleted, or cut off, meanwhile."""
        found = "SELECT 1 FROM results WHERE server = ? AND task_id = ?"
        try:
            with contextlib.closing(sqlite3.connect(f"{Path(self.path).as_uri()}?mode=ro", uri=True)) as another:
                return another.execute(found, (self._server, result.task_id)).fetchone() is not None
        except sqlite3.Error:
            return False

    def next_left(self, after: int = 0) -> Kept | None:
        """The oldest result that earlier processes left for this server, behind a number. An unreadable one stays."""
        while (row := self._row_after(after)) is not None:
            after, task_name, task_id, text = row
            try:
                return Kept(after, task_name.decode(), msgspec.json.decode(text, type=TaskResult))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                logger.error(  # noqa: TRY400 - where says nothing
                    "outbox %r: a result cannot be read (task_id=%r): %s",
                    self.path,
                    task_id.decode(errors="replace"),
                    error,
                )
        return None

    def _row_after(self, number: int) -> tuple[int, bytes, bytes, bytes] | None:
        rows = self._run(
            "SELECT number, task_name, task_id, result FROM results"
            " WHERE server = ? AND number > ? AND number <= ? ORDER BY number LIMIT 1",
            (self._server, number, self._last_left),
        )
        self.unreadable = self.unreadable or rows is None
        return rows[0] if rows else None

    def close(self) -> None:
        """Whatever is still sent after that stays in the file."""
        with self._lock:
            self._closed = True
            self._db.close()

    def _run(self, statement: str, values: tuple[str | int, ...]) -> list[Any] | None:
        """The statement's rows; None: closed, or an error that is logged."""
        try:
            with self._lock:
                return None if self._closed else self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            _recording.count("uncaught", type(error).__name__)
            logger.error("outbox %r: %s", self.path, error)  # noqa: TRY400 - where says nothing
            return None
