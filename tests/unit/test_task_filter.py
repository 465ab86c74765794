"""The ids of the task at hand on a user's own records, wherever its function runs."""

import asyncio
import io
import logging
import logging.config
import logging.handlers
import queue
import threading

import pytest

import conductor
from conductor import TaskFilter, TaskRunner, current_task, task_context
from conductor.testing import FakeTaskClient, run_worker

logger = logging.getLogger("shop.orders")
FORMAT = "%(task_id)s|%(workflow_instance_id)s|%(task_name)s|%(retry_count)s|%(message)s"


@pytest.fixture
def lines():
    """A function: what a handler with a TaskFilter has written so far."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(TaskFilter())
    handler.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: written.getvalue().splitlines()
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def charge(task):
    logger.info("charging")


async def charge_async(task):
    await asyncio.sleep(0)
    logger.info("charging")
    await asyncio.to_thread(logger.info, "in a thread that has a copy of the context")
    await asyncio.create_task(inner())


async def inner():
    logger.info("in a coroutine that it started")


def test_outside_of_a_task_the_attributes_are_there_and_empty(lines):
    logger.info("starting")
    assert current_task() is None
    assert lines() == ["|||None|starting"]


def test_in_a_function(lines):
    run_worker(charge, task_type="charge", retry_count=2)
    logger.info("after")
    assert lines() == ["task-1|workflow-1|charge|2|charging", "|||None|after"]


def test_in_a_coroutine_and_what_it_starts(lines):
    run_worker(charge_async, task_def_name="charge")
    assert [line.rpartition("|")[0] for line in lines()] == ["task-1|workflow-1|charge|0"] * 3


def test_of_many_tasks_at_once_each_line_has_its_own(lines):
    async def work(task):
        for _ in range(5):
            await asyncio.sleep(0.001)
            logger.info(task.task_id)

    client = FakeTaskClient()
    ids = [client.add_task("t") for _ in range(20)]
    with TaskRunner(client) as runner:
        runner.start_worker("t", work, batch_size=20, poll_timeout=0.01)
        client.results(20)
    said = [line.split("|") for line in lines()]
    assert sorted({line[0] for line in said}) == sorted(ids)
    assert all(line[0] == line[-1] for line in said)


def test_what_a_record_has_already_stays(lines):
    def worker(task):
        logger.info("of another", extra={"task_id": "another"})

    run_worker(worker)
    assert lines() == ["another|workflow-1||0|of another"]


def test_the_ids_of_a_hostile_server_and_of_a_careless_function_break_no_line(lines):
    def worker(task):
        task.task_id = None
        logger.info("said")

    run_worker(worker, workflow_instance_id="w\n\x1b[2J", task_type="x" * 100_000)
    (line,) = lines()
    assert line.startswith("None|w\\n\\x1b[2J|xxx")
    assert len(line) < 1_100


def test_a_queue_handler_takes_the_ids_along():
    records = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(records)
    handler.addFilter(TaskFilter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        run_worker(charge)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert records.get(timeout=5).task_id == "task-1"


def test_a_thread_that_a_function_starts_is_outside_of_its_task():
    found = []

    def worker(task):
        thread = threading.Thread(target=lambda: found.append(current_task()))
        thread.start()
        thread.join()
        found.append(current_task() is task_context())

    run_worker(worker)
    assert found == [None, True]


def test_it_can_be_named_in_a_dict_config():
    configurator = logging.config.DictConfigurator({})
    assert isinstance(configurator.configure_filter({"()": "conductor.logs.TaskFilter"}), TaskFilter)


def test_both_are_public():
    assert {"TaskFilter", "current_task"} <= set(conductor.__all__)
