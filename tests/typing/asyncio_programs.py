"""A program in asyncio has the types of the blocking one. Checked by mypy and pyright, and never run."""

from __future__ import annotations

import asyncio
from typing import assert_type

from conductor import (
    ApiClient,
    AsyncTaskExecutor,
    AsyncWorkflowExecutor,
    Task,
    TaskExecLog,
    TaskRunner,
    Workflow,
    WorkflowDef,
)


async def worker(task: Task) -> dict[str, str]:
    return {"id": task.task_id}


async def runs(client: ApiClient) -> None:
    async with TaskRunner(client, event_loop=asyncio.get_running_loop()) as runner:
        assert_type(runner, TaskRunner)
        runner.start_worker("t", worker)
        assert_type(await runner.wait(timeout=1.5), bool)
    TaskRunner(event_loop=asyncio)  # type: ignore[arg-type]
    await runner.wait("soon")  # type: ignore[arg-type]


async def calls(client: ApiClient) -> None:
    async with AsyncTaskExecutor(client, max_threads=5) as tasks:
        assert_type(tasks, AsyncTaskExecutor)
        assert_type(await tasks.get_task("id"), Task)
        assert_type(await tasks.get_logs("id"), list[TaskExecLog])
        assert_type(await tasks.queue_sizes("a", "b"), dict[str, int])
        await tasks.get_task()  # type: ignore[call-arg]
        await tasks.queue_sizes(7)  # type: ignore[arg-type]
    async with AsyncWorkflowExecutor() as workflows:
        assert_type(await workflows.start_workflow("w", {"order": 7}, priority=3), str)
        assert_type(await workflows.execute_workflow("w", timeout=2), Workflow)
        assert_type(await workflows.get_workflow_defs(), list[WorkflowDef])
        assert_type(await workflows.execute_workflow("w", output_type=int), int)
        assert_type(await workflows.get_output("id", dict[str, str]), dict[str, str])
        await workflows.start_workflow("w", priority="high")  # type: ignore[arg-type]
