"""The ids of the task at hand on your own log records."""

from __future__ import annotations

import logging

from conductor._log import printable
from conductor.calling.context import current_task

TASK_ATTRIBUTES = ("task_id", "workflow_instance_id", "task_name", "retry_count")
"""What records about a task have, and what a TaskFilter adds to all others."""


class TaskFilter(logging.Filter):
    """Adds the ids of the current task to each record: ``handler.addFilter(TaskFilter())``.

    A record then has ``task_id``, ``workflow_instance_id``, ``task_name`` and ``retry_count``, so that a format string
    may name them: ``"%(levelname)s [%(task_id)s] %(message)s"``. Outside of a task the three texts are empty, and
    ``retry_count`` is None. What a record has already stays as it is.

    Add it to a handler, where it sees the records of every logger; with a QueueHandler, to that one, which runs in the
    task's thread. A thread that a function starts is outside of its task, unless it runs in a copy of the context, as
    ``asyncio.to_thread`` does. In a process pool, a handler and its filter belong into the process that logs.
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
