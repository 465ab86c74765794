"""A look into the file of an outbox, as its documentation shows it."""

import contextlib
import sqlite3


def kept_results(path):
    """(task id, status) of each result in the file, oldest first."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.execute("SELECT task_id, status FROM results ORDER BY number"))
