"""Keeps the state of the engine in SQLite, in memory or in a file.

With a file, everything is written before a call is answered, so neither a restart nor ``kill -9`` loses anything. In
memory, only ended workflows are written: they leave the objects of the engine, which so hold open work alone. Not
thread-safe: the engine calls it with its lock held.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

from conductor.testing.engine.records.blueprint import Blueprint
from conductor.testing.engine.records.records import TaskRecord, WorkflowRecord
from conductor.testing.engine.state.ended_workflows import EndedWorkflows
from conductor.testing.engine.state.tables import Documents, Logs, PayloadTable, dump, sql_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS task_defs (name TEXT PRIMARY KEY, doc TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS workflow_defs (
    name TEXT, version INTEGER, doc TEXT NOT NULL, PRIMARY KEY (name, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event_handlers (name TEXT PRIMARY KEY, doc TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshots (id INTEGER PRIMARY KEY, doc TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS workflows (
    id TEXT PRIMARY KEY, snapshot INTEGER NOT NULL, ended INTEGER, started INTEGER NOT NULL, stored TEXT NOT NULL,
    doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS workflows_by_end ON workflows (ended);
CREATE INDEX IF NOT EXISTS workflows_by_start ON workflows (started);
CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, workflow TEXT NOT NULL, seq INTEGER NOT NULL, visible_at REAL,
    first_scheduled INTEGER NOT NULL, wait_until INTEGER NOT NULL, stored TEXT NOT NULL,
    doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS tasks_by_workflow ON tasks (workflow, seq);
CREATE TABLE IF NOT EXISTS payloads (path TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS logs (task TEXT NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS logs_by_task ON logs (task);
"""
_CACHED_SNAPSHOTS = 256


class Store:
    """The state of one engine. ``durable``: it is in a file, so open work is written too."""

    def __init__(self, path: str, retention: int) -> None:
        self.durable = path != ":memory:"
        self._retention = retention
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA synchronous=OFF")  # only a failure of the machine itself may lose something
        if self.durable:
            self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_SCHEMA)
        self.ended = EndedWorkflows(self._db)
        self.task_defs = Documents(self._db, "task_defs", "name")
        self.workflow_defs = Documents(self._db, "workflow_defs", "name", "version")
        self.event_handlers = Documents(self._db, "event_handlers", "name")
        self.payloads = PayloadTable(self._db)
        self.logs = Logs(self._db)
        self._blueprints: dict[int, Blueprint] = {}
        self._ended = self._number("SELECT count(*) FROM workflows WHERE ended IS NOT NULL")
        self._last_end = self._number("SELECT coalesce(max(ended), 0) FROM workflows")

    def close(self) -> None:
        self._db.close()

    # Plans

    def blueprint(self, definition: dict[str, Any]) -> Blueprint:
        """The definition as a plan. Equal definitions are one plan, which is stored once."""
        doc = dump(definition)
        self._db.execute("INSERT OR IGNORE INTO snapshots (doc) VALUES (?)", (doc,))
        return self._blueprint(self._number("SELECT id FROM snapshots WHERE doc = ?", doc))

    def _blueprint(self, snapshot: int) -> Blueprint:
        found = self._blueprints.get(snapshot)
        if found is None:
            (doc,) = self._db.execute("SELECT doc FROM snapshots WHERE id = ?", (snapshot,)).fetchone()
            found = self._blueprints[snapshot] = Blueprint(json.loads(doc), snapshot)
            while len(self._blueprints) > _CACHED_SNAPSHOTS:
                self._blueprints.pop(next(iter(self._blueprints)))
        return found

    # Workflows and tasks

    def save(self, workflows: Iterable[WorkflowRecord], tasks: Iterable[TaskRecord]) -> list[str]:
        """Write them in one transaction. Returns the ids of the workflows that are forgotten for them."""
        with self._transaction():
            for workflow in workflows:
                self._save_workflow(workflow)
            self._db.executemany("INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_task_row, tasks))
            return self._forget_the_oldest() if self._ended > self._retention else []

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _save_workflow(self, workflow: WorkflowRecord) -> None:
        old = self._db.execute("SELECT ended FROM workflows WHERE id = ?", (workflow.workflow_id,)).fetchone()
        ended = old[0] if old else None
        if workflow.ended and ended is None:
            self._last_end += 1
            self._ended += 1
            ended = self._last_end
        elif ended is not None and not workflow.ended:
            self._ended -= 1
            ended = None
        row = (workflow.workflow_id, workflow.blueprint.snapshot, ended, workflow.wire["createTime"], _stored(workflow))
        self._db.execute("INSERT OR REPLACE INTO workflows VALUES (?, ?, ?, ?, ?, ?)", (*row, dump(workflow.wire)))

    def _forget_the_oldest(self) -> list[str]:
        query = "SELECT id FROM workflows WHERE ended IS NOT NULL ORDER BY ended LIMIT ?"
        oldest = [row[0] for row in self._db.execute(query, (self._ended - self._retention,)).fetchall()]
        for workflow_id in oldest:
            self.delete_workflow(workflow_id)
        return oldest

    def delete_workflow(self, workflow_id: str) -> None:
        """Remove a workflow, its tasks and their logs."""
        row = self._db.execute("SELECT ended FROM workflows WHERE id = ?", (workflow_id,)).fetchone()
        if row and row[0] is not None:
            self._ended -= 1
        self._db.execute("DELETE FROM logs WHERE task IN (SELECT id FROM tasks WHERE workflow = ?)", (workflow_id,))
        for kind, of_workflow in product(("Input", "Output"), ("tasks WHERE workflow", "workflows WHERE id")):
            path = f"json_extract(doc, '$.external{kind}PayloadStoragePath')"
            query = f"DELETE FROM payloads WHERE path IN (SELECT {path} FROM {of_workflow} = ?)"  # noqa: S608 - of constants
            self._db.execute(query, (workflow_id,))
        self._db.execute("DELETE FROM tasks WHERE workflow = ?", (workflow_id,))
        self._db.execute("DELETE FROM workflows WHERE id = ?", (workflow_id,))

    def delete_tasks(self, task_ids: Iterable[str]) -> None:
        self._db.executemany("DELETE FROM tasks WHERE id = ?", [(task_id,) for task_id in task_ids])

    def workflow_of(self, task_id: str) -> str | None:
        row = self._db.execute("SELECT workflow FROM tasks WHERE id = ?", (sql_text(task_id),)).fetchone()
        return row[0] if row else None

    def load(self, workflow_id: str) -> WorkflowRecord | None:
        row = self._db.execute(
            "SELECT snapshot, doc, stored FROM workflows WHERE id = ?", (sql_text(workflow_id),)
        ).fetchone()
        if row is None:
            return None
        workflow = WorkflowRecord(json.loads(row[1]), self._blueprint(row[0]))
        workflow.stored = json.loads(row[2])
        by_ref = workflow.blueprint.by_ref
        query = "SELECT doc, stored, visible_at, first_scheduled, wait_until FROM tasks WHERE workflow = ? ORDER BY seq"
        for doc, stored, *timing in self._db.execute(query, (workflow_id,)):
            task = TaskRecord(json.loads(doc), {}, *timing)
            task.stored = json.loads(stored)
            task.workflow_task = task.wire.get("workflowTask") or by_ref[task.base_ref]
            workflow.tasks.append(task)
        return workflow

    def open_workflows(self) -> list[str]:
        return [row[0] for row in self._db.execute("SELECT id FROM workflows WHERE ended IS NULL ORDER BY started")]

    def newest_workflows(self) -> Iterator[str]:
        """The ids of all workflows in the store. The one that was started last is first."""
        for (workflow_id,) in self._db.execute("SELECT id FROM workflows ORDER BY started DESC").fetchall():
            yield workflow_id

    def _number(self, query: str, *arguments: Any) -> int:
        return int(self._db.execute(query, arguments).fetchone()[0])


def _task_row(task: TaskRecord) -> tuple[Any, ...]:
    wire = task.wire
    timing = (task.visible_at, task.first_scheduled, task.wait_until)
    return (wire["taskId"], wire["workflowInstanceId"], wire["seq"], *timing, _stored(task), dump(wire))


def _stored(record: TaskRecord | WorkflowRecord) -> str:
    return dump(record.stored) if record.stored else "{}"  # nearly always, and so without the encoder
