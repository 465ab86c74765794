"""A runner where the system, a client or on_result_lost does something that it hardly ever does."""

import asyncio
import errno
import logging
import threading

from conductor import ServerError, TaskResult, TaskRunner, TransportError
from conductor.testing import FakeTaskClient
from support.waiting import eventually

DOWN = ServerError(500, "POST", "/tasks", "down")


async def at_once(task):
    return None


def test_a_task_is_handed_back_where_no_file_descriptor_is_left_for_an_event_loop(monkeypatch):
    makes = asyncio.new_event_loop
    failures = [OSError(errno.EMFILE, "Too many open files")]

    def new_event_loop():
        if failures:
            raise failures.pop()
        return makes()

    monkeypatch.setattr(asyncio, "new_event_loop", new_event_loop)
    client = FakeTaskClient()
    client.add_task("t")
    with TaskRunner(client) as runner:
        runner.start_worker("t", at_once, poll_timeout=0.01, lease_extension=True)
        assert [result.status for result in client.results(2)] == ["IN_PROGRESS", "COMPLETED"]


def test_the_lease_of_a_task_over_its_time_limit_is_extended_until_its_failure_is_accepted():
    client, ended = FakeTaskClient(), threading.Event()
    for _ in range(4):
        client.fail_next(DOWN)
    with TaskRunner(client) as runner:
        runner.start_worker("t", lambda task: ended.wait(10), poll_timeout=0.01, timeout=0.1, lease_extension=True)
        task_id = client.add_task("t", response_timeout_seconds=1)
        assert client.results(1)[0].status == "FAILED"
        ended.set()
    assert client.extensions[task_id] >= 2  # each attempt but the first begins with one, and the pauses have some


def test_a_bug_in_the_look_at_a_put_off_task_costs_neither_its_slot_nor_the_end(caplog):
    class Breaks(FakeTaskClient):
        def update(self, result, timeout):
            if result.status == "IN_PROGRESS" and not broken.is_set():
                broken.set()
                raise TransportError("no answer")
            super().update(result, timeout)

        def get_task(self, task_id):
            raise ZeroDivisionError

    def puts_off(task):
        return TaskResult(task.task_id, task.workflow_instance_id, "IN_PROGRESS" if task.input_data else "COMPLETED")

    broken, lost = threading.Event(), []
    client = Breaks()
    client.add_task("t", {"again": True})
    with TaskRunner(client, on_result_lost=lambda *told: lost.append(told)) as runner:
        runner.start_worker("t", puts_off, poll_timeout=0.01)
        eventually(lambda: lost)
        client.add_task("t")
        assert client.results(1)[0].status == "COMPLETED"
    assert "ZeroDivisionError" in str(lost[0][1])
    assert "a bug kept a result from being sent" in caplog.text


def test_a_result_whose_loss_is_being_told_at_the_end_of_a_drain_is_named_once(caplog):
    told, go_on = threading.Event(), threading.Event()

    def hook(result, error):
        told.set()
        go_on.wait(10)

    client = FakeTaskClient()
    for _ in range(1000):
        client.fail_next(DOWN)
    client.add_task("t")
    runner = TaskRunner(client, shutdown_timeout=0.1, on_result_lost=hook)
    runner.start_worker("t", lambda task: None, poll_timeout=0.01)
    eventually(lambda: "results are not accepted" in caplog.text)
    runner.shutdown()
    assert not runner.wait_workers()
    assert told.is_set()
    go_on.set()
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len([text for text in errors if "was given up" in text or "is not ready" in text]) == 1
    eventually(lambda: not runner._workers._alive_or_close())
