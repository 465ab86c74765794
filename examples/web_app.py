"""The lifespan of a web application (FastAPI, Starlette, Litestar) with workers and an executor on its event loop."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from conductor import AsyncWorkflowExecutor, TaskRunner, WorkflowDef, worker_task


@worker_task("book", batch_size=100)
async def book(seat: str) -> dict[str, str]:
    return {"booked": seat}


BOOKING = WorkflowDef("booking", [book.step("book", seat="${workflow.input.seat}")], owner_email="team@example.com")


@asynccontextmanager
async def lifespan(app: object) -> AsyncGenerator[dict[str, AsyncWorkflowExecutor], None]:
    loop = asyncio.get_running_loop()
    async with AsyncWorkflowExecutor() as workflows, TaskRunner(event_loop=loop) as runner:
        await workflows.register_workflow(BOOKING)
        runner.start_workers(book)
        yield {"workflows": workflows}  # request.state.workflows


async def book_a_seat(workflows: AsyncWorkflowExecutor, seat: str) -> dict[str, str]:
    return await workflows.execute_workflow("booking", {"seat": seat}, output_type=dict[str, str])
