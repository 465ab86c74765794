"""Results that cannot even be sent: through a runner, with a TaskClient in which something else goes wrong."""

import contextlib
import sqlite3
import threading
from collections import UserDict
from pathlib import Path

import pytest

from conductor import ApiError, ConductorError, ServerError, TaskResult, TaskResultStatus, TaskRunner, TransportError
from conductor.delivery.outbox import Outbox
from conductor.task_client import Delivery
from conductor.testing import FakeClock, FakeTaskClient
from support.spelling import either_spelling
from support.waiting import eventually


class BrokenClient(FakeTaskClient):
    """Raises what no client should, for results with an output."""

    def update(self, result, timeout):
        if result.output_data:
            raise RecursionError("maximum recursion depth exceeded")
        super().update(result, timeout)


@pytest.fixture
def lost():
    return []


def test_a_result_that_cannot_be_sent_is_named_and_its_task_fails_for_good(lost, tmp_path, caplog):
    client, outbox = BrokenClient(), tmp_path / "outbox.db"
    task_id = client.add_task("t", {"n": 1})
    with TaskRunner(client, outbox=outbox, on_result_lost=lambda *told: lost.append(told)) as runner:
        runner.start_worker("t", lambda task: task.input_data, poll_timeout=0.01)
        replacement = client.results(1)[0]
    assert (replacement.task_id, replacement.status) == (task_id, TaskResultStatus.FAILED_WITH_TERMINAL_ERROR)
    assert "RecursionError while it was sent" in replacement.reason_for_incompletion
    ((result, error),) = lost
    assert (result.output_data, isinstance(error, ConductorError)) == ({"n": 1}, True)
    assert f"a bug kept a result from being sent (task_id={task_id!r}" in caplog.text
    with contextlib.closing(Outbox(outbox, client.server)) as next_start:
        assert next_start.next_left() is None


def test_a_task_that_was_perhaps_put_off_is_not_failed_while_it_may_run_elsewhere(lost):
    def puts_off(task):
        return TaskResult(task.task_id, task.workflow_instance_id, "IN_PROGRESS", output_data=task.input_data)

    client = BrokenClient()
    client.add_task("t", {"n": 1})
    sound = client.add_task("t")
    with TaskRunner(client, on_result_lost=lambda result, error: lost.append(result.task_id)) as runner:
        runner.start_worker("t", lambda task: puts_off(task) if task.input_data else None, poll_timeout=0.01)
        assert [result.task_id for result in client.results(1)] == [sound]
    assert lost == ["task-1"]


@either_spelling
def test_a_result_that_was_given_up_is_neither_sent_once_more_nor_waited_for(spell, caplog):
    attempts, lost = [], []

    class Down(FakeTaskClient):
        def update(self, result, timeout):
            attempts.append(result)
            raise ServerError(503, "POST", "/tasks", "down", retry_after=60)

        update_and_poll = update

    client = Down()
    client.add_task("t")
    runner = TaskRunner(client, shutdown_timeout=0.3, on_result_lost=lambda *told: lost.append(told))
    runner.start_worker("t", spell(lambda task: None), poll_timeout=0.01)
    eventually(lambda: attempts)
    runner.shutdown()
    assert not runner.wait_workers()
    eventually(lambda: lost)
    runner.wait_workers(timeout=5)
    assert len(attempts) == 2  # the second when the drain began
    assert "requests have no answer" not in caplog.text


class SlowClient(FakeTaskClient):
    """Holds the first update until it is told to go on."""

    def __init__(self):
        super().__init__()
        self.asked, self.may_go_on = threading.Event(), threading.Event()

    def update(self, result, timeout):
        self.asked.set()
        self.may_go_on.wait(5)
        super().update(result, timeout)


def has_ended(name):
    return name not in [thread.name for thread in threading.enumerate()]


def left_behind(folder, client, *task_ids):
    """The path of an outbox in which an earlier process has left the results of these tasks."""
    path = folder / "outbox.db"
    with contextlib.closing(Outbox(path, client.server)) as earlier:
        for task_id in task_ids:
            earlier.commit("t", TaskResult(task_id, "w"))
    return path


def test_an_outage_does_not_count_into_the_minute_that_an_earlier_result_gets(tmp_path):
    client = FakeTaskClient()
    for error in [*[TransportError("refused")] * 12, ServerError(503, "POST", "/tasks", "busy")]:
        client.fail_next(error)
    runner = TaskRunner(client, outbox=left_behind(tmp_path, client, "t1"))
    clock = runner._setup.clock = FakeClock(0)
    with runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: clock.advance(5) or has_ended("conductor-outbox"))
        assert [result.task_id for result in client.results(1)] == ["t1"]
        assert clock.now() > 60


def test_a_stop_right_after_the_start_leaves_nothing_behind_in_an_empty_outbox(tmp_path):
    for _ in range(20):
        runner = TaskRunner(FakeTaskClient(), outbox=tmp_path / "outbox.db")
        runner.start_worker("t", lambda task: None, poll_timeout=0.01)
        runner.shutdown()
        assert runner.wait_workers()


def test_what_a_stop_leaves_in_the_outbox_is_said(tmp_path, caplog):
    client = SlowClient()
    outbox = left_behind(tmp_path, client, "t1", "t2")
    runner = TaskRunner(client, outbox=outbox)
    runner.start_worker("t", lambda task: None, poll_timeout=0.01)
    assert client.asked.wait(5)
    runner.shutdown()
    assert not runner.wait_workers()
    client.may_go_on.set()
    assert caplog.text.count("not all that earlier processes left could be sent") == 1


def test_a_start_that_failed_for_want_of_threads_is_made_good_by_the_next(tmp_path, monkeypatch):
    def refuse(thread):
        if thread.name == "conductor-outbox":
            raise RuntimeError("can't start new thread")
        start(thread)

    client = FakeTaskClient()
    outbox = left_behind(tmp_path, client, "t1")
    start = threading.Thread.start
    with TaskRunner(client, outbox=outbox) as runner:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            runner.start_worker("t", lambda task: None, poll_timeout=0.01)
        monkeypatch.undo()
        assert str(outbox) not in [str(each.resolve()) for each in Path("/proc/self/fd").glob("*")]
        runner.start_worker("t", lambda task: None, poll_timeout=0.01)
        assert client.results(1)[0].task_id == "t1"


class Unready(UserDict):
    """An output that takes its time to be read."""

    asked, may_go_on = threading.Event(), threading.Event()

    def __iter__(self):
        self.asked.set()
        self.may_go_on.wait(20)
        return super().__iter__()


def test_a_result_that_is_not_ready_at_the_end_of_the_drain_is_named(caplog):
    client, output = FakeTaskClient(), Unready()
    task_id = client.add_task("t")
    runner = TaskRunner(client, shutdown_timeout=0)
    runner.start_worker("t", lambda task: output, poll_timeout=0.01)
    assert output.asked.wait(5)
    runner.shutdown()
    assert not runner.wait_workers()
    said = f"its result is not ready at the end of the drain, and lost (task_id={task_id!r}"
    eventually(lambda: said in caplog.text)  # by a thread that a late end does not wait for
    output.may_go_on.set()


def test_on_result_lost_does_not_hold_up_the_end():
    def hook(result, error):
        began.set()
        ended.append(may_go_on.wait(20))

    client, began, may_go_on, ended = SlowClient(), threading.Event(), threading.Event(), []
    client.add_task("t")
    runner = TaskRunner(client, shutdown_timeout=0, on_result_lost=hook)
    runner.start_worker("t", lambda task: None, poll_timeout=0.01)
    assert client.asked.wait(5)
    runner.shutdown()
    assert not runner.wait_workers()
    assert began.wait(20)  # on a thread that a late end does not wait for
    assert ended == []
    may_go_on.set()
    client.may_go_on.set()
    eventually(lambda: ended)


class DeafClient(FakeTaskClient):
    """Gives no answer to updates until it is told to go on."""

    def __init__(self):
        super().__init__()
        self.asked, self.may_go_on = threading.Semaphore(0), threading.Event()

    def update(self, result, timeout):
        self.asked.release()
        self.may_go_on.wait(20)

    def update_and_poll(self, result, timeout):
        self.update(result, timeout)
        return Delivery([], [])


def end_late(runner, client):
    """The worker of a runner whose wait has been given up: it ends now, and the next wait closes the outbox."""
    client.may_go_on.set()
    eventually(lambda: runner._workers._workers["t", None].capacity.has_ended)
    runner.wait_workers()


def test_all_lost_results_are_named_before_on_result_lost_takes_its_time(caplog):
    def hook(result, error):
        told.append(result.task_id)
        client.may_go_on.wait(20)

    client, told = DeafClient(), []
    ids = [client.add_task("t") for _ in range(10)]
    runner = TaskRunner(client, shutdown_timeout=0, on_result_lost=hook)
    runner.start_worker("t", lambda task: None, 10, poll_timeout=0.01)
    for _ in ids:
        assert client.asked.acquire(timeout=20)
    runner.shutdown()
    assert not runner.wait_workers()
    eventually(lambda: all(f"task_id={task_id!r}" in caplog.text for task_id in ids))
    assert len(told) == 1
    client.may_go_on.set()
    eventually(lambda: sorted(told) == sorted(ids))


def test_a_refused_result_is_told_though_the_failure_in_its_place_gets_no_answer(lost):
    class Refuses(DeafClient):
        def update(self, result, timeout):
            if result.status == TaskResultStatus.COMPLETED:
                raise ApiError(400, "POST", "/tasks", "no")
            super().update(result, timeout)

    client = Refuses()
    task_id = client.add_task("t")
    runner = TaskRunner(client, shutdown_timeout=0, on_result_lost=lambda result, error: lost.append(result))
    runner.start_worker("t", lambda task: None, poll_timeout=0.01)
    assert client.asked.acquire(timeout=20)
    runner.shutdown()
    assert not runner.wait_workers()
    eventually(lambda: [(result.task_id, result.status) for result in lost] == [(task_id, "COMPLETED")])
    client.may_go_on.set()
    eventually(lambda: runner._workers._workers["t", None].capacity.has_ended)
    assert len(lost) == 1


@pytest.mark.parametrize("damage", ["delete", "cut off", "replace"])
def test_a_result_whose_outbox_is_gone_is_lost_and_not_said_to_stay(tmp_path, caplog, lost, damage):
    client, path = DeafClient(), tmp_path / "outbox.db"
    client.add_task("t")
    runner = TaskRunner(client, shutdown_timeout=0, outbox=path, on_result_lost=lambda *told: lost.append(told))
    runner.start_worker("t", lambda task: None, poll_timeout=0.01)
    assert client.asked.acquire(timeout=20)
    if damage != "cut off":
        path.unlink()
    if damage != "delete":
        path.write_bytes(b"")
    runner.shutdown()
    assert not runner.wait_workers()
    eventually(lambda: lost)
    assert "stays in the outbox" not in caplog.text
    end_late(runner, client)


def test_a_relative_outbox_stays_where_it_was_whatever_a_function_does(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    client = FakeTaskClient()
    left_behind(tmp_path, client, "t1")
    with TaskRunner(client, outbox="outbox.db") as runner:
        monkeypatch.chdir(tmp_path / "elsewhere")
        runner.start_worker("t", lambda task: None, poll_timeout=0.01)
        assert [result.task_id for result in client.results(1)] == ["t1"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_after_a_drain_that_was_given_up_the_next_start_sends_what_is_left(tmp_path, caplog):
    client, path = DeafClient(), tmp_path / "outbox.db"
    task_id = client.add_task("t")
    runner = TaskRunner(client, shutdown_timeout=0, outbox=path)
    runner.start_worker("t", lambda task: None, poll_timeout=0.01)
    assert client.asked.acquire(timeout=20)
    runner.shutdown()
    assert not runner.wait_workers()
    eventually(lambda: "stays in the outbox" in caplog.text)
    with contextlib.closing(Outbox(path, client.server)) as opened:
        assert opened.next_left().result.task_id == task_id
        client.may_go_on.set()
        eventually(lambda: runner._workers._workers["t", None].capacity.has_ended)
        eventually(lambda: opened.holds(TaskResult(task_id, "w")))
    runner.start_worker("t", lambda task: None, poll_timeout=0.01)
    eventually(lambda: has_ended("conductor-outbox"))
    runner._setup.shutdown_timeout = 5  # else a poll in flight makes this end a late one, too
    runner.shutdown()
    eventually(lambda: runner._workers._workers["t", None].capacity.has_ended)  # the drain has no time at all
    assert runner.wait_workers()
    with contextlib.closing(Outbox(path, client.server)) as opened:
        assert opened.next_left() is None


def test_an_outbox_that_can_no_longer_be_read_counts_as_work_left_behind(tmp_path):
    client = SlowClient()
    outbox = left_behind(tmp_path, client, "t1", "t2")
    runner = TaskRunner(client, outbox=outbox)
    runner.start_worker("t", lambda task: None, poll_timeout=0.01)
    assert client.asked.wait(5)
    with contextlib.closing(sqlite3.connect(outbox)) as operator:
        operator.execute("DROP TABLE results")
    client.may_go_on.set()
    client.results(1)
    eventually(lambda: has_ended("conductor-outbox"))
    runner.shutdown()
    assert not runner.wait_workers()
