"""The last moments of a drain: what is under way is waited for, but not for long; what is over its time is ended."""

import asyncio
import contextlib
import threading
import time

import pytest

from conductor import TaskResult, TaskRunner
from conductor.testing import FakeClock
from support.places import PLACES, start_in, to_do
from support.raw_faults import Answer, Delay, HalfOpen, conductor_error
from support.waiting import eventually

in_each_place = pytest.mark.parametrize("place", PLACES)


@pytest.fixture
def ending_runner(api_client, lost):
    """Its drains are over at once."""
    return TaskRunner(api_client, shutdown_timeout=0, on_result_lost=lambda *told: lost.append(told))


@pytest.fixture
def slow_starts():
    """Threads that poll take long for each step, so that what comes early meets a task whose start is not complete."""

    def slow_down(frame, event, argument):
        if event == "call" and threading.current_thread().name.startswith("conductor-poll"):
            time.sleep(0.002)

    threading.setprofile(slow_down)
    yield
    threading.setprofile(None)


@in_each_place
def test_the_answer_to_an_update_that_is_under_way_is_waited_for(server, ending_runner, place, lost, caplog):
    slow = server.fault("any_update", Delay(0.6))
    task_id = server.add_task("t", inputData=to_do("echo"))
    start_in(place, ending_runner)
    eventually(lambda: slow.hits)
    ending_runner.shutdown()
    ending_runner.wait_workers()
    assert server.accepted == {task_id: "COMPLETED"}
    assert not lost
    assert "given up" not in caplog.text
    assert eventually(ending_runner.wait_workers)  # nothing was left behind after all


@pytest.mark.parametrize("kind", ["coroutine", "lifespan"])
def test_what_a_runner_has_opened_is_closed_when_the_last_function_ends_after_the_drain(server, api_client, kind):
    @contextlib.asynccontextmanager
    async def lifespan():
        yield

    opened = threading.Event()
    begun = threading.Event()

    def function(task):
        begun.set()
        opened.wait(20)

    async def coroutine(task):
        await asyncio.to_thread(function, task)

    runner = TaskRunner(api_client, shutdown_timeout=0, lifespan=lifespan if kind == "lifespan" else None)
    server.add_task("t")
    runner.start_worker("t", coroutine if kind == "coroutine" else function)
    assert begun.wait(20)
    runner.shutdown()
    assert not runner.wait_workers()
    opened.set()  # nobody waits for the workers any more, and no thread stays behind


def test_the_answer_for_a_task_that_is_put_off_is_waited_for(server, ending_runner, lost, caplog):
    def put_off(task):
        return TaskResult(task.task_id, task.workflow_instance_id, "IN_PROGRESS", callback_after_seconds=60)

    slow = server.fault("any_update", Delay(0.6))
    task_id = server.add_task("t")
    ending_runner.start_worker("t", put_off)
    eventually(lambda: slow.hits)
    ending_runner.shutdown()
    ending_runner.wait_workers()
    assert server.task(task_id)["callbackAfterSeconds"] == 60
    assert not lost
    assert "given up" not in caplog.text


def test_the_answer_to_a_hand_back_that_is_under_way_is_waited_for(server, ending_runner, gate, caplog):
    slow = server.fault("any_update", Delay(0.6))
    server.add_tasks("t", 2)
    server.fault("poll", lambda exchange: exchange.send(Answer(body=server.poll("t", number=2))), at=1)
    ending_runner.start_worker("t", gate)
    assert gate.inside.get(timeout=20) == "t1"
    eventually(lambda: slow.hits)
    ending_runner.shutdown()
    assert not ending_runner.wait_workers()
    assert server.requeues == {"t2": 1}
    assert "given up" not in caplog.text
    gate.opened.set()
    assert eventually(ending_runner.wait_workers)


def test_the_end_does_not_wait_for_a_coroutines_result_that_would_be_sent_again_later(
    server, ending_runner, lost, caplog
):
    refused = server.fault("any_update", conductor_error(500, "down"))

    async def worker(task):
        pass

    server.add_task("t")
    ending_runner.start_worker("t", worker)
    eventually(lambda: refused.hits)
    ending_runner.shutdown()
    assert not ending_runner.wait_workers()
    assert [result.task_id for result, _ in lost] == ["t1"]
    assert "requests have no answer" not in caplog.text
    ending_runner.wait_workers(timeout=5)  # closes what is shared


def test_a_coroutine_that_has_not_begun_is_handed_back_though_its_loop_is_blocked(server, ending_runner, gate):
    async def blocks(task):
        gate(task)

    server.add_tasks("t", 2)
    ending_runner.start_worker("t", blocks, batch_size=2)
    assert gate.inside.get(timeout=20) == "t1"
    eventually(lambda: server.deliveries["t2"])
    ending_runner.shutdown()
    assert not ending_runner.wait_workers()
    assert server.requeues == {"t2": 1}
    gate.opened.set()
    assert eventually(ending_runner.wait_workers)


def test_an_answer_that_does_not_come_is_not_waited_for_long(server, ending_runner, lost):
    unanswered = server.fault("any_update", HalfOpen())
    task_id = server.add_task("t")
    ending_runner.start_worker("t", lambda task: None)
    eventually(lambda: unanswered.hits)
    ending_runner.shutdown()
    started = time.monotonic()
    assert not ending_runner.wait_workers()
    assert time.monotonic() - started < 4
    assert [result.task_id for result, _ in lost] == [task_id]


def test_on_result_lost_has_been_called_when_the_wait_is_over(server, api_client):
    lost = []

    def hook(result, error):
        threading.Event().wait(0.03)
        lost.append(result.task_id)

    unanswered = server.fault("any_update", HalfOpen())
    ids = server.add_tasks("t", 2)
    runner = TaskRunner(api_client, shutdown_timeout=0, on_result_lost=hook)
    runner.start_worker("t", lambda task: None, batch_size=2)
    eventually(lambda: unanswered.hits == 2)
    runner.shutdown()
    assert not runner.wait_workers()
    assert sorted(lost) == ids


@in_each_place
def test_a_function_that_runs_is_left_behind_and_not_told_as_lost(
    server, ending_runner, tmp_path, place, lost, counted, caplog
):
    """The server delivers its task again when the lease ends."""
    server.add_task("t", inputData=to_do("wait_for", str(tmp_path / "now")))
    start_in(place, ending_runner)
    eventually(lambda: counted("active_workers", taskType="t"))
    ending_runner.shutdown()
    assert not ending_runner.wait_workers()
    (tmp_path / "now").touch()
    eventually(lambda: place == "process" or ending_runner.wait_workers())  # those of processes were killed
    assert not lost
    assert not server.requeues
    assert "and lost" not in caplog.text
    assert "stopped: 1 task left behind; the server waits until the lease ends" in caplog.messages


class HurriedClock(FakeClock):
    """Moves on whenever it is looked at; while it is hurried so far that whatever comes later is due."""

    hurried = True

    def now(self):
        self.advance(100 if self.hurried else 0.001)
        return super().now()


def test_functions_whose_time_limit_passes_as_they_begin_are_ended_in_processes(server, runner, tmp_path, slow_starts):
    """A process that is not ended would hold up the tasks behind it for ever."""
    clock = runner._setup.clock = HurriedClock()
    ids = [server.add_task("t", inputData=to_do("wait_for", str(tmp_path / "never"))) for _ in range(3)]
    start_in("process", runner, timeout=60)
    eventually(lambda: server.accepted == dict.fromkeys(ids, "FAILED"))
    clock.hurried = False
    sound = server.add_task("t", inputData=to_do("echo"))
    eventually(lambda: server.accepted.get(sound) == "COMPLETED")


@in_each_place
def test_the_failure_of_a_function_over_its_time_limit_says_whose_it_is(server, runner, clock, tmp_path, place):
    task_id = server.add_task("t", inputData=to_do("wait_for", str(tmp_path / "now")))
    start_in(place, runner, timeout=60)
    clock.run_until(lambda: server.accepted == {task_id: "FAILED"})
    (tmp_path / "now").touch()
    (result,) = server.results()
    assert result["workflowInstanceId"] == server.task(task_id)["workflowInstanceId"]
    assert result["workerId"] == "worker-1"
