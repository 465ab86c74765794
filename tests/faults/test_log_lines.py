"""Log lines of functions while they run: they arrive once and in order, and nothing waits for them."""

import asyncio
import logging
import threading
import time

import pytest

from conductor import ApiClient, HttpSettings, TaskRunner, process_pool, task_context
from support import process_functions
from support.raw_faults import Close, HalfOpen, Reset, Status, conductor_error
from support.waiting import eventually

COMPLETED, FAILED = "COMPLETED", "FAILED"
LINES = [f"line {number}" for number in range(15)]


@pytest.fixture
def api_client(server):
    """With a server that does not answer, a request with lines ends after a second."""
    with ApiClient(http_settings=HttpSettings(server.url, read_timeout=1)) as client:
        yield client


def tells_slowly(task):
    """For a second and a half."""
    for line in LINES:
        task_context().log(line)
        time.sleep(0.1)


async def tells_slowly_on_the_loop(task):
    for line in LINES:
        task_context().log(line)
        await asyncio.sleep(0.1)


class Teller:
    """A worker function that logs a line, and the next one each time that it is let through."""

    def __init__(self):
        self.may_go_on = threading.Semaphore(0)

    def __call__(self, task):
        for number in range(3):
            task_context().log(f"line {number}")
            assert self.may_go_on.acquire(timeout=20)


@pytest.mark.parametrize("execute", [tells_slowly, tells_slowly_on_the_loop])
def test_w23_lines_arrive_while_the_function_runs_and_the_rest_with_its_result(server, runner, execute):
    server.add_task("t")
    runner.start_worker("t", execute)
    eventually(lambda: server.logs["t1"])
    assert not server.accepted
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert server.logs["t1"] == LINES
    assert server.counts["log"] == 1
    (result,) = server.results()
    assert result["logs"][-1]["log"] == LINES[-1]


def test_w23_lines_of_a_process_arrive_while_its_function_runs(server, runner):
    server.add_task("t", inputData={"do": "tell_slowly", "with": 15})
    runner.start_worker("t", process_functions.work, executor=process_pool(1))
    eventually(lambda: server.logs["t1"])
    assert not server.accepted
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert server.logs["t1"] == LINES
    assert server.counts["log"] == 1


def test_w23_a_function_that_ends_soon_costs_no_request(server, runner):
    for _ in range(20):
        server.add_task("t")
    runner.start_worker("t", lambda task: task_context().log("a line"), batch_size=4)
    eventually(lambda: len(server.accepted) == 20)
    assert list(server.logs.values()) == [["a line"]] * 20
    assert server.counts["log"] == 0


@pytest.mark.parametrize(
    "action",
    [conductor_error(500, "database is down"), Status(404), Status(429), Status(401)],
    ids=["500", "404", "429", "401"],
)
def test_w23_lines_that_are_refused_come_with_the_result(server, runner, action, caplog):
    """Two tasks: the second one logs while no request is made, after the first one's has failed."""
    server.fault("log", action)
    server.add_tasks("t", 2)
    runner.start_worker("t", tells_slowly)
    eventually(lambda: len(server.accepted) == 2)
    assert dict(server.logs) == {"t1": LINES, "t2": LINES}
    assert server.counts["log"] >= 1
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "log lines are not accepted while functions run" in warning


@pytest.mark.parametrize("action", [Reset(), Close(), Reset(after_effect=True)], ids=["reset", "close", "reset-after"])
def test_w23_lines_whose_request_is_cut_are_never_there_twice(server, runner, action):
    server.fault("log", action, at=1)
    server.add_task("t")
    runner.start_worker("t", tells_slowly)
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    lines = server.logs["t1"]
    assert lines == [line for line in LINES if line in lines]
    assert lines[-3:] == LINES[-3:]
    assert (lines == LINES) == action.after_effect


def test_w23_lines_wait_for_the_result_while_the_server_is_away(server, runner):
    teller = Teller()
    server.add_task("t")
    runner.start_worker("t", teller, poll_timeout=0.1)
    eventually(lambda: server.deliveries["t1"])
    server.down()
    time.sleep(1.5)  # the lines of the first second are refused
    teller.may_go_on.release(3)
    server.up()
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert server.logs["t1"] == ["line 0", "line 1", "line 2"]


def test_w23_a_log_that_hangs_holds_up_no_result_no_lease_and_no_end(server, runner):
    server.fault("log", HalfOpen())
    for number in range(6):
        server.add_task("t", inputData={"n": number}, responseTimeoutSeconds=3)
    took = {}

    def worker(task):
        task_context().log("hangs")
        threading.Event().wait(1.3 + task.input_data["n"] / 100)
        task_context().log("waits")
        took[task.task_id] = time.monotonic()

    runner.start_worker("t", worker, batch_size=6, lease_extension=True)
    eventually(lambda: len(server.accepted) == 6)
    late = [request.at - took[request.json()["taskId"]] for request in server.of("any_update")]
    assert max(late) < 0.9, "a request with lines has a second for its answer"
    assert set(server.extensions.values()) == {1}
    assert [lines for lines in server.logs.values() if lines[-1] != "waits"] == []
    began = time.monotonic()
    runner.shutdown()
    assert runner.wait_workers()
    assert time.monotonic() - began < 3


def test_w23_the_lines_of_a_request_under_way_are_not_sent_with_the_result(server, runner):
    teller, hang = Teller(), HalfOpen(after_effect=True)
    server.fault("log", hang, at=1)
    server.add_task("t")
    runner.start_worker("t", teller)
    eventually(lambda: server.logs["t1"])
    teller.may_go_on.release(3)
    eventually(lambda: server.accepted)
    assert server.logs["t1"] == ["line 0", "line 1", "line 2"]


def test_w23_the_end_of_a_runner_waits_a_little_for_lines_under_way(server, api_client):
    ending = threading.Event()

    def slowly(exchange):
        assert ending.wait(20)
        exchange.wait(0.3)
        exchange.send(exchange.apply())

    server.fault("log", slowly, at=1)
    teller = Teller()
    server.add_task("t")
    with TaskRunner(api_client) as runner:
        runner.start_worker("t", teller)
        eventually(lambda: server.counts["log"])
        teller.may_go_on.release(3)
        eventually(lambda: server.accepted)
        assert server.logs["t1"] == ["line 1", "line 2"]
        ending.set()
    assert sorted(server.logs["t1"]) == ["line 0", "line 1", "line 2"]


def hangs(task):
    task_context().log("one")
    task_context().set_output({"done": 1})
    task_context().lost.wait(20)
    task_context().log("too late")
    task_context().set_output({"done": 2})


async def hangs_on_the_loop(task):
    task_context().log("one")
    task_context().set_output({"done": 1})
    await asyncio.sleep(20)


@pytest.mark.parametrize("execute", [hangs, hangs_on_the_loop])
def test_w4_what_a_function_has_told_before_its_time_limit_is_sent_with_the_failure(server, runner, execute):
    server.add_task("t")
    runner.start_worker("t", execute, timeout=0.3)
    eventually(lambda: server.accepted == {"t1": FAILED})
    assert server.logs["t1"] == ["one"]
    assert server.task("t1")["outputData"] == {"done": 1}
    assert "time limit" in server.task("t1")["reasonForIncompletion"]


def test_w4_what_a_function_in_a_process_has_told_before_its_time_limit_is_sent_with_the_failure(
    server, runner, clock, tmp_path
):
    begun = tmp_path / "begun"
    server.add_task("t", inputData={"do": "tell_and_hang", "with": str(begun)})
    runner.start_worker("t", process_functions.work, timeout=60, executor=process_pool(1))
    eventually(begun.exists)
    clock.run_until(lambda: server.accepted)
    assert server.logs["t1"] == ["one"]
    assert server.task("t1")["outputData"] == {"done": 1}


def test_w17_what_a_function_has_told_before_its_process_dies_is_sent_with_the_failure(server, runner):
    server.add_task("t", inputData={"do": "tell_and_die"})
    runner.start_worker("t", process_functions.work, executor=process_pool(1))
    eventually(lambda: server.accepted == {"t1": FAILED})
    assert server.logs["t1"][:2] == ["one", "two"]
    assert server.task("t1")["outputData"] == {"done": 2}


def test_w21_a_task_that_is_put_off_comes_back_with_its_output(server, runner):
    def worker(task):
        done = task.output_data.get("done", 0)
        if done < 2:
            return task_context().in_progress(0.01, {"done": done + 1})
        return {"done": done, "polls": task_context().poll_count}

    server.add_task("t")
    runner.start_worker("t", worker)
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert server.task("t1")["outputData"] == {"done": 2, "polls": 3}
