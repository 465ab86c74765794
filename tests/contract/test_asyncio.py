"""A program in asyncio: its workers run on its own event loop, and its calls do not block it."""

import asyncio

import pytest

from conductor import (
    AsyncTaskExecutor,
    AsyncWorkflowExecutor,
    NotFoundError,
    TaskDef,
    TaskRunner,
    WorkflowDef,
    WorkflowTask,
)

OWNER = "team@example.com"


def test_workflows_are_executed_at_once_by_coroutines_that_wait_for_each_other(api_client, name):
    async def program():
        everybody = asyncio.Barrier(5)  # of this event loop

        async def worker(task):
            await everybody.wait()
            return {"number": task.input_data["number"]}

        async with AsyncTaskExecutor(api_client) as tasks, AsyncWorkflowExecutor(api_client) as workflows:
            await tasks.register_task_defs(TaskDef(name=name, owner_email=OWNER))
            step = WorkflowTask(name, "ref", input_parameters={"number": "${workflow.input.number}"})
            await workflows.register_workflow(WorkflowDef(name=name, version=1, tasks=[step], owner_email=OWNER))
            async with TaskRunner(api_client, event_loop=asyncio.get_running_loop()) as runner:
                runner.start_worker(name, worker, batch_size=5)
                calls = [workflows.execute_workflow(name, {"number": number}) for number in range(5)]
                ended = await asyncio.gather(*calls)
                runner.shutdown()
                assert await runner.wait()
            assert [workflow.status for workflow in ended] == ["COMPLETED"] * 5
            assert [workflow.output for workflow in ended] == [{"number": number} for number in range(5)]

    asyncio.run(program())


def test_errors_come_to_the_coroutine(api_client, name):
    async def program():
        async with AsyncWorkflowExecutor(api_client) as workflows, asyncio.timeout(20):
            await workflows.start_workflow(name)

    with pytest.raises(NotFoundError):
        asyncio.run(program())
