"""The workers of an assignment, for ``conductor-worker run run_command.py``."""

from __future__ import annotations

from assignment import FUNCTIONS, Assignment, Output

from conductor import Task, Worker

assignment = Assignment.read()


def execute(_task: Task) -> Output:
    return FUNCTIONS[assignment.work]()


workers = [Worker(name, execute, assignment.concurrency) for name in assignment.task_names]
