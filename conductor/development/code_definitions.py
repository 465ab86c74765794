"""The definitions that the code of a session contains, or needs: of the tasks of its workers, and of its workflows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from conductor.development.start_command import input_names
from conductor.executor import TaskExecutor
from conductor.models import TaskDef, WorkflowDef, WorkflowTask, WorkflowTaskType
from conductor.runner.given_workers import own_workers, workers_in
from conductor.transport import ApiClient
from conductor.worker import Worker
from conductor.workflow_executor import WorkflowExecutor

RETRIES, RETRY_DELAY = 3, 5
"""Of a task definition that the code does not have. The delay is in seconds: a repaired function is tried soon."""
MADE_HERE = "Made by conductor-worker dev: one step, to try a worker."
"""The description of the workflows that are made here."""
LEASE = 600
"""Seconds of its responseTimeoutSeconds, or more if a worker has a longer time limit."""


@dataclass(frozen=True)
class Code:
    """workers, workflows: of the modules and other objects that a session was given."""

    workers: Sequence[Worker]
    workflows: Sequence[WorkflowDef]


def code_of(objects: Sequence[object]) -> Code:
    """The workers of the objects, and the WorkflowDef objects at the top level of the modules, each once.

    A module that has workflows needs no worker, if another object has one. ConfigurationError: an object has no worker.
    """
    workflows = {id(each): each for given in objects for each in _workflows_of(given)}
    with_workers = [given for given in objects if not _has_only_workflows(given)]
    return Code(workers_in(with_workers or objects), list(workflows.values()))


def _workflows_of(given: object) -> list[WorkflowDef]:
    found = vars(given).values() if isinstance(given, ModuleType) else ()
    return [each for each in found if isinstance(each, WorkflowDef)]


def _has_only_workflows(given: object) -> bool:
    return isinstance(given, ModuleType) and bool(_workflows_of(given)) and not own_workers(given)


def register_code(client: ApiClient, code: Code) -> None:
    """Register the task definitions that the server does not have, and all workflows.

    Blocks for the requests. Raises ApiError, TransportError or DecodeError: for example, the server refuses a workflow.
    """
    tasks = TaskExecutor(client)
    known = {definition.name for definition in tasks.get_task_defs()}
    absent = {worker.task_name: _definition_of(worker) for worker in code.workers if worker.task_name not in known}
    if absent:
        tasks.register_task_defs(*absent.values())
    if code.workflows:
        WorkflowExecutor(client).register_workflow(*code.workflows)


def register_trials(client: ApiClient, workers: Sequence[Worker]) -> list[WorkflowDef]:
    """Register and return a workflow of one step for each worker, unless the server has any workflow already.

    So a worker can be tried before its workflow is written. The input of the workflow is that of the function.
    """
    executor = WorkflowExecutor(client)
    if any(definition.description != MADE_HERE for definition in executor.get_workflow_defs()):
        return []
    trials = list({worker.task_name: _trial_of(worker) for worker in workers}.values())
    executor.register_workflow(*trials)
    return trials


def _trial_of(worker: Worker) -> WorkflowDef:
    inputs = {name: f"${{workflow.input.{name}}}" for name in input_names(worker)}
    step = WorkflowTask(worker.task_name, worker.task_name, input_parameters=inputs, type=WorkflowTaskType.SIMPLE)
    return WorkflowDef(worker.task_name, [step], description=MADE_HERE)


def _definition_of(worker: Worker) -> TaskDef | dict[str, Any]:
    """The definition that comes with the worker, or one for development."""
    if worker.registration is not None:
        return worker.registration.task_def
    lease = max(LEASE, math.ceil(worker.timeout or 0) + RETRY_DELAY)
    return TaskDef(
        worker.task_name, retry_count=RETRIES, retry_delay_seconds=RETRY_DELAY, response_timeout_seconds=lease
    )
