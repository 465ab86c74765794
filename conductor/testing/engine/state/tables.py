"""The simple tables of the store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

dump = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps makes a new one for each call


def sql_text(text: str) -> str:
    """A name or id without lone surrogates, which JSON may hold and SQLite does not take."""
    return text.encode("utf-8", "replace").decode()


class Documents:
    """JSON objects in a table, of which one or two members are the key."""

    def __init__(self, db: sqlite3.Connection, table: str, *key: str) -> None:
        self._db = db
        self._key = key
        is_key = " AND ".join(f"{member} = ?" for member in key)
        self._insert = f"INSERT OR REPLACE INTO {table} VALUES ({'?, ' * len(key)}?)"  # noqa: S608 - of constants
        self._delete = f"DELETE FROM {table} WHERE {is_key}"  # noqa: S608 - as above
        self._select = f"SELECT doc FROM {table}"  # noqa: S608 - as above

    def save(self, document: dict[str, Any]) -> None:
        """Write it, in place of an older one with this key."""
        self._db.execute(self._insert, (*_row(*(document[member] for member in self._key)), dump(document)))

    def delete(self, *key: Any) -> None:
        self._db.execute(self._delete, _row(*key))

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(doc) for (doc,) in self._db.execute(self._select)]


class PayloadTable:
    """Payloads that clients can read or have written, by the path of each, as JSON."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, path: str, content: str) -> None:
        row = (sql_text(path), content.encode("utf-8", "replace"))
        self._db.execute("INSERT OR REPLACE INTO payloads VALUES (?, ?)", row)

    def get(self, path: str) -> bytes | None:
        row = self._db.execute("SELECT content FROM payloads WHERE path = ?", (sql_text(path),)).fetchone()
        return row[0] if row else None


class Logs:
    """The entries of the logs of tasks."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, entries: Iterable[dict[str, Any]]) -> None:
        rows = [(*_row(entry["taskId"]), dump(entry)) for entry in entries]
        self._db.executemany("INSERT INTO logs VALUES (?, ?)", rows)

    def of_task(self, task_id: str) -> list[dict[str, Any]]:
        """The log of a task by createdTime, as the server sorts it."""
        rows = self._db.execute("SELECT doc FROM logs WHERE task = ? ORDER BY rowid", _row(task_id))
        return sorted((json.loads(doc) for (doc,) in rows), key=lambda entry: int(entry["createdTime"]))


def _row(*values: Any) -> tuple[Any, ...]:
    return tuple(sql_text(value) if isinstance(value, str) else value for value in values)
