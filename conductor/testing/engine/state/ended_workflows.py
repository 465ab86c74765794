"""Counts and finds workflows for the page: which of them a filter wants, and those that have ended, in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from conductor.testing.engine.records.records import WorkflowRecord
from conductor.testing.engine.state.tables import dump

_INDEX = """
CREATE INDEX IF NOT EXISTS ended_by_status ON workflows (json_extract(doc, '$.status')) WHERE ended IS NOT NULL
"""

_OF_WORKFLOW = ("workflowId", "correlationId", "input", "output", "variables", "reasonForIncompletion")
_OF_TASK = (
    *("taskId", "referenceTaskName", "taskDefName", "workerId", "inputData", "outputData", "reasonForIncompletion"),
)


@dataclass(frozen=True)
class Wanted:
    """A filter. Empty texts take all. text: in an id, an input, an output, a reason or a name of a task."""

    status: str = ""
    name: str = ""
    text: str = ""

    def fits(self, workflow: WorkflowRecord) -> bool:
        """Whether it takes a workflow that is open, and so is not in the store."""
        wire = workflow.wire
        if self.status not in {"", wire["status"]} or self.name.lower() not in wire["workflowName"].lower():
            return False
        needle = _as_json(self.text).lower()
        tasks = (_values(task.wire, _OF_TASK) for task in workflow.tasks)
        return needle in _values(wire, _OF_WORKFLOW) or any(needle in values for values in tasks)


class EndedWorkflows:
    """Reads the store of an engine."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._is_indexed = False

    def _prepare(self) -> None:
        """Make the index when it is first needed, because it slows down a server whose page nobody looks at."""
        if not self._is_indexed:
            self._db.execute(_INDEX)
            self._is_indexed = True

    def counts(self) -> dict[str, int]:
        """The number of the workflows with each status."""
        self._prepare()
        status = "json_extract(doc, '$.status')"
        query = f"SELECT {status}, count(*) FROM workflows WHERE ended IS NOT NULL GROUP BY {status}"  # noqa: S608 - of constants
        return dict(self._db.execute(query).fetchall())

    def find(
        self, wanted: Wanted, statuses: Collection[str], most: int, ids: Collection[str] | None = None
    ) -> list[dict[str, Any]]:
        """The wires of the newest workflows with one of the statuses. ids: look only at these."""
        self._prepare()
        query = "SELECT doc FROM workflows WHERE ended IS NOT NULL"
        query += f" AND json_extract(doc, '$.status') IN ({_marks(statuses)})"
        arguments: list[Any] = [*statuses]
        if ids is not None:
            query += f" AND id IN ({_marks(ids)})"
            arguments += ids
        if wanted.name:
            query += " AND json_extract(doc, '$.workflowName') LIKE ? ESCAPE '\\'"
            arguments.append(_pattern(wanted.name))
        if wanted.text:
            of_tasks = f"SELECT workflow FROM tasks WHERE {_contains(_OF_TASK)}"  # noqa: S608 - as above
            query += f" AND ({_contains(_OF_WORKFLOW)} OR id IN ({of_tasks}))"
            arguments += [_pattern(_as_json(wanted.text))] * 2
        query += " ORDER BY started DESC LIMIT ?"
        return [json.loads(doc) for (doc,) in self._db.execute(query, [*arguments, most])]


def _contains(members: Collection[str]) -> str:
    paths = ", ".join(f"'$.{member}'" for member in members)
    return f"json_extract(doc, {paths}) LIKE ? ESCAPE '\\'"


def _pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


def _as_json(text: str) -> str:
    """The text as it is inside of a JSON text."""
    return dump(text)[1:-1]


def _values(wire: dict[str, Any], members: Collection[str]) -> str:
    return dump([wire.get(member) for member in members]).lower()
