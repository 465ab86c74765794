"""Adds the ids of the current task to your own log records."""

from __future__ import annotations

import logging

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
