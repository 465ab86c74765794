"""A caller names the type of a result. Checked by mypy and pyright, and never run."""

from __future__ import annotations

import dataclasses
from typing import Any, TypedDict, assert_type

from conductor import (
    AsyncWorkflowExecutor,
    IdempotencyStrategy,
    Task,
    TaskExecutor,
    TaskResultStatus,
    Workflow,
    WorkflowExecutor,
    WorkflowTask,
    WorkflowTaskType,
)


@dataclasses.dataclass
class Receipt:
    order_id: str


class Raw(TypedDict):
    order_id: str


def outputs(workflows: WorkflowExecutor) -> None:
    assert_type(workflows.get_output("id", Receipt), Receipt)
    assert_type(workflows.get_output("id", Raw), Raw)
    assert_type(workflows.get_output("id", dict[str, int]), dict[str, int])
    anything: Receipt | None = workflows.get_output("id", Receipt | None)  # a union is no class
    assert anything is not None
    workflows.get_output("id", Receipt).order  # type: ignore[attr-defined]  # noqa: B018
    workflows.get_output("id")  # type: ignore[call-overload]
    workflows.get_output(7, Receipt)  # type: ignore[call-overload]


def executed(workflows: WorkflowExecutor) -> None:
    assert_type(workflows.execute_workflow("order"), Workflow)
    assert_type(workflows.execute_workflow("order", {"id": 7}, timeout=5, wait_until_task_ref="charge"), Workflow)
    assert_type(workflows.execute_workflow("order", {"id": 7}, output_type=Receipt, version=2), Receipt)
    assert_type(workflows.execute_workflow("order", output_type=Raw), Raw)
    union: Receipt | None = workflows.execute_workflow("order", output_type=Receipt | None)
    assert union is not None
    workflows.execute_workflow("order", output_type=Receipt, wait_until_task_ref="a")  # type: ignore[call-overload]
    workflows.execute_workflow("order", priority="high")  # type: ignore[call-overload]
    workflows.execute_workflow("order", prority=1)  # type: ignore[call-overload]


async def of_coroutines(workflows: AsyncWorkflowExecutor) -> None:
    assert_type(await workflows.get_output("id", Receipt), Receipt)
    assert_type(await workflows.execute_workflow("order", output_type=Receipt), Receipt)
    assert_type(await workflows.execute_workflow("order"), Workflow)
    await workflows.get_output("id")  # type: ignore[call-overload]


def inputs(task: Task) -> None:
    assert_type(task.input_as(Receipt), Receipt)
    assert_type(task.input_as(list[int]), list[int])
    assert_type(task.input_data, dict[str, Any])
    task.input_as()  # type: ignore[call-overload]


def texts_of_closed_sets(tasks: TaskExecutor, workflows: WorkflowExecutor) -> None:
    tasks.update_task("id", "workflow", "COMPLETED")
    tasks.update_task("id", "workflow", TaskResultStatus.FAILED)
    tasks.update_task_by_ref_name("ref", "workflow", "IN_PROGRESS")
    tasks.signal("workflow", "COMPLETED")
    tasks.external_storage_location("path", "READ", "TASK_INPUT")
    workflows.start_workflow("order", idempotency_key="k", idempotency_strategy="FAIL")
    workflows.start_workflow("order", idempotency_key="k", idempotency_strategy=IdempotencyStrategy.FAIL)
    tasks.update_task("id", "workflow", "DONE")  # type: ignore[arg-type]
    tasks.signal("workflow", "completed")  # type: ignore[arg-type]
    tasks.external_storage_location("path", "read", "TASK_INPUT")  # type: ignore[arg-type]
    tasks.external_storage_location("path", "READ", "INPUT")  # type: ignore[arg-type]
    workflows.start_workflow("order", idempotency_key="k", idempotency_strategy="RETURN")  # type: ignore[arg-type]


def types_of_steps(step: WorkflowTask) -> None:
    WorkflowTask("wait", "wait", type="WAIT")
    WorkflowTask("wait", "wait", type=WorkflowTaskType.WAIT)
    WorkflowTask("mine", "mine", type=WorkflowTaskType("MINE"))  # which only some servers know
    assert step.type == "SWITCH" or step.type == WorkflowTaskType.FORK_JOIN  # noqa: PLR1714
    WorkflowTask("wait", "wait", type="WIAT")  # type: ignore[arg-type]
