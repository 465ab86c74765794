"""Adds the ids of the current task to your own log records, and writes records as JSON."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from conductor._log import printable
from conductor.context import current_task

TASK_ATTRIBUTES = ("task_id", "workflow_instance_id", "task_name", "retry_count")
"""The attributes of records about a task. A TaskFilter adds them to all other records."""


class TaskFilter(logging.Filter):
    """Adds the ids of the current task to each record: ``handler.addFilter(TaskFilter())``.

    A record then has ``task_id``, ``workflow_instance_id``, ``task_name`` and ``retry_count``, so that a format string
    may name them: ``"%(levelname)s [%(task_id)s] %(message)s"``. Outside of a task the three texts are empty, and
    ``retry_count`` is None. An attribute that a record has already is not changed.

    Add it to a handler, because a handler sees the records of every logger. With a QueueHandler, add it to that one,
    because it runs in the thread of the task. A thread that a function starts is outside of the task, unless it runs in
    a copy of the context, as ``asyncio.to_thread`` does. Records of a process pool have the attributes already.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        context = current_task()
        values: tuple[object, ...] = ("", "", "", None)
        if context is not None:
            ids = context.task_id, context.workflow_instance_id, context.task_name
            values = (*(printable(str(each)) for each in ids), context.retry_count)
        for name, value in zip(TASK_ATTRIBUTES, values, strict=True):
            vars(record).setdefault(name, value)
        return super().filter(record)


_OF_ALL_RECORDS = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Writes each record as one line of JSON: ``handler.setFormatter(JsonFormatter())``.

    ``time`` is ISO 8601 in UTC. ``process`` is a number, and
    ``level``, ``logger`` and ``message`` are texts. The TASK_ATTRIBUTES are there inside
    of a task if the handler has a TaskFilter. ``exception`` and ``stack`` are texts of several lines. Further members
    are the attributes that ``extra=`` has added; a value that JSON does not have becomes a text.
    """

    def format(self, record: logging.LogRecord) -> str:
        attributes = vars(record)
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "process": record.process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: attributes[name] for name in TASK_ATTRIBUTES if attributes.get(name) not in {"", None}}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        added = attributes.keys() - _OF_ALL_RECORDS - {*TASK_ATTRIBUTES} - entry.keys()
        extra = {name: attributes[name] for name in sorted(added)}
        try:
            return json.dumps(entry | extra, default=_text, allow_nan=False)
        except (TypeError, ValueError, RecursionError):  # a key or a value that JSON does not have
            return json.dumps(entry | {name: _text(value) for name, value in extra.items()})


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a user's __str__ may raise any error
        return type(value).__name__
