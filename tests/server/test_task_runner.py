"""TaskRunner as a whole: what goes over the wire, what runs when, and what changes at run time."""

import asyncio
import gc
import logging
import re
import signal
import threading
import time

import pytest

from conductor import (
    ApiClient,
    ConfigurationError,
    HttpSettings,
    TaskResult,
    TaskResultStatus,
    TaskRunner,
    task_context,
)
from conductor.task_client import HttpTaskClient
from support.spelling import either_spelling
from support.stub import POLL, UPDATE, UPDATE_V2, Answer, error
from support.waiting import Gate, eventually


def results(stub, number):
    """The first so many results, once they are there."""
    return eventually(lambda: stub.results() if len(stub.results()) >= number else None)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


def test_a_poll_names_worker_domain_count_and_timeout(stub, runner):
    runner.start_worker("my task/ä".replace("/", "-"), lambda task: None, domain="blue", poll_timeout=0.25)
    request = eventually(lambda: stub.of(POLL))[0]
    assert request.operation == f"{POLL}my%20task-%C3%A4"
    assert request.query == {"workerid": "worker-1", "domain": "blue", "count": "1", "timeout": "250"}


def test_a_result_carries_ids_status_and_worker_id(stub, runner):
    stub.add_task("t")
    runner.start_worker("t", lambda task: {"n": task.input_data["n"]})
    (result,) = results(stub, 1)
    assert result == {
        "taskId": "t1",
        "workflowInstanceId": "w1",
        "status": "COMPLETED",
        "outputData": {"n": 1},
        "workerId": "worker-1",
    }


def test_an_empty_output_needs_no_member(stub, runner):
    stub.add_task("t")
    runner.start_worker("t", lambda task: None)
    (result,) = results(stub, 1)
    assert result == {"taskId": "t1", "workflowInstanceId": "w1", "status": "COMPLETED", "workerId": "worker-1"}


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "SOMETHING_NEW", "taskDefinition": None, "workflowTask": None, "more": {"x": [1]}},
        {"retryCount": None, "inputData": None, "status": None},
    ],
)
def test_an_odd_task_is_executed_as_it_is(stub, runner, broken):
    stub.add_task("t", **broken)
    runner.start_worker("t", lambda task: {"input": task.input_data, "retries": task.retry_count})
    (result,) = results(stub, 1)
    assert result["status"] == "COMPLETED"


def test_a_bad_task_in_a_batch_does_not_cost_the_others(stub, runner, caplog):
    batch = [
        {"taskId": "good-1", "workflowInstanceId": "w"},
        {"taskId": "wrong", "workflowInstanceId": "w", "inputData": 5},
        {"taskId": 7, "workflowInstanceId": "w"},
        {"workflowInstanceId": "w"},
        "nonsense",
        {"taskId": "good-2", "workflowInstanceId": "w"},
    ]
    stub.answers[POLL].append(Answer(body=batch))
    runner.start_worker("t", lambda task: None, batch_size=5)
    by_id = {result["taskId"]: result for result in results(stub, 3)}
    assert {task_id: result["status"] for task_id, result in by_id.items()} == {
        "good-1": "COMPLETED",
        "wrong": "FAILED",
        "good-2": "IN_PROGRESS",  # one was asked for, so this one is handed back
    }
    assert "inputData" in by_id["wrong"]["reasonForIncompletion"]
    assert "skipped 3 polled tasks without usable ids" in caplog.text


def test_no_more_tasks_run_than_the_batch_size_and_none_waits_in_hand(stub, runner, gate):
    for _ in range(5):
        stub.add_task("t")
    runner.start_worker("t", gate, batch_size=3)
    assert {gate.inside.get(timeout=5) for _ in range(3)} == {"t1", "t2", "t3"}
    polls = len(stub.of(POLL))
    stub.add_task("t")
    assert len(stub.of(POLL)) == polls  # no slot, no poll
    assert len(stub.tasks["t", None]) == 3
    gate.opened.set()
    results(stub, 6)


def test_idle_it_asks_for_one_task_and_with_a_backlog_for_all_that_are_free(stub, runner, gate):
    def four_come(request):
        """While the first poll waits, for certain."""
        for _ in range(4):
            stub.add_task("t")

    stub.answers[POLL].append(four_come)
    runner.start_worker("t", gate, batch_size=4)
    for _ in range(4):
        gate.inside.get(timeout=5)
    first, second = stub.of(POLL)[:2]
    assert (first.query["count"], first.query["timeout"]) == ("1", "1000")
    assert (second.query["count"], second.query["timeout"]) == ("3", "0")


def test_surplus_tasks_are_handed_back_with_their_own_output(stub, runner):
    tasks = [{"taskId": f"x{n}", "workflowInstanceId": "w", "outputData": {"kept": n}} for n in range(3)]
    stub.answers[POLL].append(Answer(body=tasks))
    runner.start_worker("t", lambda task: None)
    by_id = {result["taskId"]: result for result in results(stub, 3)}
    assert by_id["x0"]["status"] == "COMPLETED"
    for surplus in ("x1", "x2"):
        assert by_id[surplus]["status"] == "IN_PROGRESS"
        assert by_id[surplus]["outputData"] == {"kept": int(surplus[1])}
        assert "callbackAfterSeconds" not in by_id[surplus]


def test_a_task_that_runs_already_is_not_run_twice(stub, runner, gate):
    task_id = stub.add_task("t")
    runner.start_worker("t", gate, batch_size=2)
    assert gate.inside.get(timeout=5) == task_id
    stub.add_task("t", taskId=task_id)
    other = stub.add_task("t")
    assert gate.inside.get(timeout=5) == other
    gate.opened.set()
    results(stub, 2)
    assert gate.inside.empty()


def test_the_next_task_of_an_update_runs_in_the_same_slot(stub, runner):
    following = {"taskId": "next", "workflowInstanceId": "w", "inputData": {"n": 2}}
    stub.answers[UPDATE_V2].append(Answer(body=following))
    threads = []
    stub.add_task("t")
    runner.start_worker("t", lambda task: threads.append(threading.current_thread().name))
    first, second = results(stub, 2)
    assert (first["taskId"], second["taskId"]) == ("t1", "next")
    assert threads == ["conductor-work-t-1"] * 2


def test_the_next_task_of_an_update_is_handed_back_by_a_worker_that_was_told_to_stop(stub, runner):
    def next_task(request):
        runner.shutdown("t")
        return Answer(body={"taskId": "next", "workflowInstanceId": "w"})

    stub.answers[UPDATE_V2].append(next_task)
    stub.add_task("t")
    executed = []
    runner.start_worker("t", lambda task: executed.append(task.task_id))
    assert runner.wait_workers(timeout=10)
    assert executed == ["t1"]
    handed_back = stub.of(UPDATE)[-1].json()
    assert (handed_back["taskId"], handed_back["status"]) == ("next", "IN_PROGRESS")


@pytest.mark.parametrize(
    "missing",
    [
        error(405, "Request method 'POST' is not supported"),
        error(500, "Request method 'POST' not supported"),
        Answer(404, "<html>", "text/html"),
        error(404, "No static resource api/tasks/update-v2."),
    ],
)
def test_without_update_v2_the_result_goes_by_the_plain_update(stub, runner, missing):
    stub.answers[UPDATE_V2].append(missing)
    for _ in range(2):
        stub.add_task("t")
    runner.start_worker("t", lambda task: None)
    results(stub, 3)
    assert len(stub.of(UPDATE_V2)) == 1  # and it is not asked again for each task
    assert [request.json()["taskId"] for request in stub.of(UPDATE)] == ["t1", "t2"]


def test_an_unknown_task_in_update_v2_is_not_taken_for_a_missing_route(stub, runner, caplog):
    stub.answers[UPDATE_V2].append(error(404, "No such task found by id: t1"))
    for _ in range(2):
        stub.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(lambda: len(stub.of(UPDATE_V2)) == 2)
    assert stub.of(UPDATE) == []
    assert "No such task found by id" in caplog.text


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(close=True),
        error(500, "database is locked"),
        Answer(503, "<html>", "text/html"),
        Answer(200, "<html>login", "text/html"),
    ],
)
def test_a_result_is_sent_again_until_it_is_accepted(stub, runner, trouble):
    stub.answers[UPDATE_V2].append(trouble)
    stub.answers[UPDATE].append(trouble)
    stub.add_task("t")
    executed = []
    runner.start_worker("t", lambda task: executed.append(task.task_id))
    sent = results(stub, 3)
    assert [result["taskId"] for result in sent] == ["t1"] * 3
    assert executed == ["t1"]


def test_a_refused_result_is_an_error_in_the_log_and_its_slot_is_free_again(stub, runner, caplog):
    stub.answers[UPDATE_V2].append(error(400, "Validation failed"))
    for _ in range(2):
        stub.add_task("t")
    runner.start_worker("t", lambda task: None)
    results(stub, 2)
    assert "the COMPLETED result was refused: POST /tasks/update-v2 answered 400: Validation failed" in caplog.text


def test_a_server_that_does_not_hold_polls_is_not_asked_in_a_busy_loop(stub, runner):
    stub.answers[POLL].extend([Answer(body=[])] * 100)
    runner.start_worker("t", lambda task: None)
    time.sleep(1.0)
    assert 1 < len(stub.of(POLL)) <= 6


@pytest.mark.parametrize(
    "trouble",
    [
        error(401, "no"),
        error(403, "no"),
        error(404, "no"),
        error(500, "no"),
        Answer(503, "<html>", "text/html"),
        Answer(200, "<html>", "text/html"),
        Answer(200, "{"),
        Answer(200, {}),
        Answer(close=True),
        Answer(302, headers={"Location": "http://127.0.0.1:1/login"}),
    ],
)
def test_failing_polls_are_rare_said_once_and_over_when_the_server_is_back(stub, runner, trouble, caplog):
    caplog.set_level(logging.INFO)
    stub.answers[POLL].extend([trouble] * 2)
    stub.add_task("t")
    started = time.monotonic()
    runner.start_worker("t", lambda task: None)
    results(stub, 1)
    assert time.monotonic() - started >= 0.4 + 0.6
    eventually(lambda: "polls succeed again" in caplog.text)  # said after the task was handed on
    assert caplog.text.count("polls fail") == 1


def test_an_empty_answer_and_204_are_no_tasks_and_no_errors(stub, runner, caplog):
    stub.answers[POLL].extend([Answer(204), Answer(200, b""), Answer(200, b"null")])
    stub.add_task("t")
    runner.start_worker("t", lambda task: None)
    results(stub, 1)
    assert "polls fail" not in caplog.text


def test_a_paused_worker_does_not_poll_until_it_is_resumed(stub, runner):
    runner.start_worker("t", lambda task: None, batch_size=21)
    eventually(lambda: stub.of(POLL))
    runner.pause("t")
    assert runner.get_batch_size_for_task("t") == 21
    eventually(lambda: _no_poll_in_flight(stub))
    stub.add_task("t")
    polls = len(stub.of(POLL))
    time.sleep(0.3)
    assert len(stub.of(POLL)) == polls
    runner.resume("t")
    results(stub, 1)
    assert runner.get_batch_size_for_task("t") == 21


def _no_poll_in_flight(stub):
    before = len(stub.of(POLL))
    time.sleep(0.2)  # an idle long poll of the stub is over by then
    return len(stub.of(POLL)) == before


def test_pause_and_resume_without_a_name_are_for_all(stub, runner):
    runner.start_worker("a", lambda task: None)
    runner.start_worker("b", lambda task: None)
    runner.pause()
    eventually(lambda: _no_poll_in_flight(stub))
    runner.resume()
    stub.add_task("a")
    stub.add_task("b")
    results(stub, 2)


def test_a_lowered_batch_size_ends_chains_and_a_raised_one_lets_more_run(stub, runner, gate):
    for _ in range(4):
        stub.add_task("t")
    runner.start_worker("t", gate, batch_size=2)
    for _ in range(2):
        gate.inside.get(timeout=5)
    runner.increase_batch_size("t", 2)
    for _ in range(2):
        gate.inside.get(timeout=5)
    assert runner.get_batch_size_for_task("t") == 4
    runner.decrease_batch_size("t", 10)
    assert runner.get_batch_size_for_task("t") == 0
    gate.opened.set()
    results(stub, 4)
    assert stub.of(UPDATE_V2) == []


def test_settings_change_while_a_worker_runs(stub, runner):
    runner.start_worker("t", lambda task: None)
    assert runner.get_poll_interval_for_task("t") is None
    assert runner.get_poll_timeout_for_task("t") is None
    runner.set_poll_interval_for_task("t", 0.05)
    runner.set_poll_timeout_for_task("t", 0.2)
    assert runner.get_poll_interval_for_task("t") == 0.05
    assert runner.get_poll_timeout_for_task("t") == 0.2
    eventually(lambda: "200" in [request.query["timeout"] for request in stub.of(POLL)])


def test_an_unknown_worker_is_nothing_to_get_and_an_error_to_set(runner):
    assert runner.get_batch_size_for_task("t") == 0
    assert runner.get_poll_interval_for_task("t") is None
    assert runner.get_poll_timeout_for_task("t") is None
    assert runner.get_batch_size_for_all() == {}
    for change in (
        lambda: runner.set_batch_size("t", 1),
        lambda: runner.increase_batch_size("t", 1),
        lambda: runner.decrease_batch_size("t", 1),
        lambda: runner.set_poll_interval_for_task("t", 1),
        lambda: runner.set_poll_timeout_for_task("t", 1),
        lambda: runner.pause("t"),
        lambda: runner.resume("t"),
        lambda: runner.shutdown("t"),
        lambda: runner.shutdown("t", domain="blue"),
    ):
        with pytest.raises(ConfigurationError, match="no worker registered for task_name 't'"):
            change()


def test_a_worker_can_be_started_again_after_its_shutdown(stub, runner, gate):
    stub.add_task("t")
    runner.start_worker("t", gate)
    gate.inside.get(timeout=5)
    runner.shutdown("t")
    assert runner.get_batch_size_for_task("t") == 0
    runner.shutdown("t")  # again: no error, no change
    runner.start_worker("t", lambda task: {"by": "the new one"})
    stub.add_task("t")
    assert results(stub, 1)[0]["outputData"] == {"by": "the new one"}
    assert not runner.wait_workers(timeout=0)
    gate.opened.set()
    results(stub, 2)


def test_waiting_for_no_workers_returns_at_once(runner):
    assert runner.wait_workers()


def test_waiting_has_a_timeout_after_which_workers_go_on(stub, runner):
    runner.start_worker("t", lambda task: None)
    assert not runner.wait_workers(timeout=0.05)
    stub.add_task("t")
    results(stub, 1)


def test_shutdown_of_all_unblocks_wait_even_without_a_server(caplog):
    with TaskRunner(ApiClient(http_settings=HttpSettings("http://127.0.0.1:1"))) as runner:
        runner.start_worker("a", lambda task: None)
        runner.start_worker("b", lambda task: None)
        eventually(lambda: caplog.text.count("polls fail") == 2)
        threading.Timer(0.1, runner.shutdown).start()
        assert runner.wait_workers(timeout=5)
        assert "connection refused" in caplog.text


def test_shutdown_lets_running_tasks_finish_and_sends_their_results(stub, runner, gate):
    for _ in range(3):
        stub.add_task("t")
    runner.start_worker("t", gate, batch_size=3)
    for _ in range(3):
        gate.inside.get(timeout=5)
    runner.shutdown()
    gate.opened.set()
    assert runner.wait_workers(timeout=10)
    assert len(stub.of(UPDATE)) == 3
    assert stub.of(UPDATE_V2) == []  # its answer could be a task that nobody would run


def test_leaving_the_context_after_a_drain_that_was_given_up_waits_no_second_time(stub, api_client, gate):
    with TaskRunner(api_client, shutdown_timeout=60) as runner:
        stub.add_task("t")
        runner.start_worker("t", gate)
        gate.inside.get(timeout=5)
        send_signals(runner, signal.SIGTERM, 2)
        assert not runner.wait_workers()
        started = time.monotonic()
    assert time.monotonic() - started < 2
    gate.opened.set()


def test_a_drain_that_takes_too_long_is_given_up_and_names_what_is_left(stub, api_client, gate, caplog):
    runner = TaskRunner(api_client, shutdown_timeout=0.2)
    task_id = stub.add_task("t")
    runner.start_worker("t", gate)
    gate.inside.get(timeout=5)
    runner.shutdown()
    assert not runner.wait_workers()
    assert f"left behind at the end of the drain (task_id='{task_id}'" in caplog.text
    gate.opened.set()
    assert eventually(runner.wait_workers)  # the late result was delivered after all


def test_a_result_that_the_server_does_not_take_during_a_drain_is_work_left_behind(stub, api_client, caplog):
    stub.answers[UPDATE].extend([error(500, "down")] * 100)
    stub.answers[UPDATE_V2].extend([error(500, "down")] * 100)
    stub.add_task("t")
    runner = TaskRunner(api_client, shutdown_timeout=0.5)
    runner.start_worker("t", lambda task: None)
    results(stub, 1)
    runner.shutdown()
    assert not runner.wait_workers()
    eventually(lambda: "the COMPLETED result was given up" in caplog.text)
    assert not runner.wait_workers(timeout=10)


def test_a_function_is_told_that_it_should_stop(stub, runner):
    told = []

    def worker(task):
        context = task_context()
        told.append(bool(context.stopping))
        told.append(context.stopping.wait(10))

    stub.add_task("t")
    runner.start_worker("t", worker)
    eventually(lambda: told)
    runner.shutdown()
    assert runner.wait_workers(timeout=10)
    assert told == [False, True]


def send_signals(runner, number, times, then=lambda: None):
    """To the main thread, from another one, once its handler has been replaced.

    Each is sent when the runner has acted on the one before it: two that wait to be handled become one.
    """
    previous = signal.getsignal(number)

    def send():
        eventually(lambda: signal.getsignal(number) is not previous)
        for _ in range(times):
            signal.pthread_kill(threading.main_thread().ident, number)
            eventually(lambda: not runner.get_batch_size_for_all())
        then()

    threading.Thread(target=send).start()
    return previous


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_the_handlers_from_before_are_back_after_it(stub, runner, gate, number):
    stub.add_task("t")
    runner.start_worker("t", gate)
    gate.inside.get(timeout=5)
    previous = send_signals(runner, number, 1, then=gate.opened.set)
    assert runner.wait_workers(timeout=10)
    assert signal.getsignal(number) is previous
    assert len(stub.results()) == 1


def test_a_second_signal_means_now(stub, runner, gate):
    stub.add_task("t")
    runner.start_worker("t", gate)
    gate.inside.get(timeout=5)
    send_signals(runner, signal.SIGTERM, 2)
    assert not runner.wait_workers()
    assert stub.results() == []
    gate.opened.set()


def test_async_functions_share_one_loop_which_carries_no_http(stub, runner, monkeypatch):
    loops, threads, senders, send = set(), set(), set(), HttpTaskClient.update_and_poll

    def update_and_poll(self, result, timeout):
        senders.add(threading.current_thread().name)
        return send(self, result, timeout)

    monkeypatch.setattr(HttpTaskClient, "update_and_poll", update_and_poll)

    async def worker(task):
        loops.add(id(asyncio.get_running_loop()))
        threads.add(threading.current_thread().name)
        await asyncio.sleep(0)
        return {"n": task.input_data["n"], "context": task_context().task_id}

    for _ in range(6):
        stub.add_task("t")
    runner.start_worker("t", worker, batch_size=3)
    sent = results(stub, 6)
    assert {result["outputData"]["context"] for result in sent} == {f"t{n}" for n in range(1, 7)}
    assert len(loops) == 1
    assert threads == {"conductor-loop"}
    assert senders
    assert not senders & threads


def test_an_object_with_an_async_call_is_an_async_worker(stub, runner):
    class Worker:
        async def __call__(self, task):
            return {"thread": threading.current_thread().name}

    stub.add_task("t")
    runner.start_worker("t", Worker())
    (result,) = results(stub, 1)
    assert result["outputData"] == {"thread": "conductor-loop"}


def test_a_task_that_the_system_has_no_thread_for_is_handed_back(stub, runner, monkeypatch, caplog):
    start = threading.Thread.start

    def no_more_threads(thread):
        if thread.name.startswith("conductor-work"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", no_more_threads)
    stub.add_task("t")
    runner.start_worker("t", lambda task: None)
    (handed_back,) = results(stub, 1)
    assert handed_back["status"] == "IN_PROGRESS"
    assert "could not be started: can't start new thread" in caplog.text
    monkeypatch.undo()
    stub.add_task("t")
    assert results(stub, 2)[1]["status"] == "COMPLETED"


@either_spelling
def test_a_bug_in_the_runner_is_logged_costs_no_slot_and_counts_as_work_left_behind(
    stub, runner, monkeypatch, caplog, spell
):
    monkeypatch.setattr("conductor.runner.steps.prepare_result", lambda *args: 1 / 0)
    stub.add_task("t")
    runner.start_worker("t", spell(lambda task: None))
    eventually(lambda: "a bug kept a result from being sent (task_id='t1'" in caplog.text)
    monkeypatch.undo()
    stub.add_task("t")
    assert results(stub, 1)[0]["status"] == "COMPLETED"
    runner.shutdown()
    assert not runner.wait_workers(timeout=10)


def test_a_task_whose_result_a_bug_kept_from_being_sent_runs_when_it_is_delivered_again(
    stub, runner, monkeypatch, caplog
):
    monkeypatch.setattr("conductor.runner.steps.prepare_result", lambda *args: 1 / 0)
    stub.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(lambda: "a bug kept a result from being sent (task_id='t1'" in caplog.text)
    monkeypatch.undo()
    stub.add_task("t", taskId="t1", workflowInstanceId="w1", pollCount=2)
    assert results(stub, 1)[0]["taskId"] == "t1"


def test_a_task_handed_back_may_come_back_before_the_answer_to_its_update(stub, runner):
    """Servers before 3.32.0 answer update-v2 with the very task that was just handed back."""
    task = {"taskId": "t1", "workflowInstanceId": "w1", "pollCount": 2}
    stub.answers[UPDATE_V2].append(Answer(body=task))

    def twice(task):
        result = TaskResult.from_task(task)
        if task.poll_count == 1:
            result.status = TaskResultStatus.IN_PROGRESS
        return result

    stub.add_task("t")
    runner.start_worker("t", twice)
    assert [result["status"] for result in results(stub, 2)] == ["IN_PROGRESS", "COMPLETED"]


def test_a_task_handed_back_may_be_polled_again_while_its_update_is_under_way(stub, runner):
    def slow_answer(request):
        stub.add_task("t", taskId="t1", pollCount=2)  # the server has queued it again, and the other slot polls it
        return Answer(204, delay=0.5)

    def twice(task):
        result = TaskResult.from_task(task)
        if task.poll_count == 1:
            result.status = TaskResultStatus.IN_PROGRESS
        return result

    stub.answers[UPDATE_V2].append(slow_answer)
    stub.add_task("t")
    runner.start_worker("t", twice, batch_size=2)
    assert [result["status"] for result in results(stub, 2)] == ["IN_PROGRESS", "COMPLETED"]


def test_the_answer_for_a_task_handed_back_ends_nothing_of_its_next_delivery(stub, runner, gate, caplog):
    def slow_answer(request):
        stub.add_task("t", taskId="t1", pollCount=2)
        return Answer(204, delay=0.3)

    def put_off_first(task):
        if task.task_id == "t1" and task.poll_count == 1:
            return TaskResult(task.task_id, task.workflow_instance_id, TaskResultStatus.IN_PROGRESS)
        return gate(task) if task.task_id == "t1" else None

    stub.answers[UPDATE_V2].append(slow_answer)
    stub.add_task("t")
    runner.start_worker("t", put_off_first, batch_size=2)
    gate.inside.get(timeout=5)
    stub.add_task("t")  # runs in the slot of the first delivery, after the answer
    assert results(stub, 2)[1]["taskId"] == "t3"
    stub.add_task("t", taskId="t1", pollCount=3)
    eventually(lambda: "ignored a task that is running already" in caplog.text)
    assert gate.inside.empty()


def test_a_hand_back_whose_answer_takes_long_holds_up_no_poll(stub, runner):
    answered = threading.Event()

    def slow_answer(request):
        answered.wait(10)

    stub.answers[UPDATE].append(slow_answer)
    both = [{"taskId": task_id, "workflowInstanceId": "w"} for task_id in ("first", "surplus")]
    stub.answers[POLL].append(Answer(body=both))
    stub.add_task("t")
    executed = []
    runner.start_worker("t", lambda task: executed.append(task.task_id))
    eventually(lambda: executed == ["first", "t1"], 5)
    answered.set()


@pytest.mark.parametrize("odd", [{"taskId": "odd", "workflowInstanceId": "w", "inputData": 5}, {"taskId": "surplus"}])
def test_what_is_sent_aside_holds_up_neither_polls_nor_other_tasks(stub, runner, odd):
    """A result that the server does not take is retried for a long time; the worker goes on."""

    def down_for_the_odd_one(request):
        return error(500, "down") if request.json()["taskId"] == odd["taskId"] else None

    for operation in (UPDATE, UPDATE_V2):
        stub.answers[operation].extend([down_for_the_odd_one] * 100)
    first = {"taskId": "first", "workflowInstanceId": "w"}
    stub.answers[POLL].append(Answer(body=[first, {"workflowInstanceId": "w", **odd}]))
    for _ in range(3):
        stub.add_task("t")
    executed = []
    runner.start_worker("t", lambda task: executed.append(task.task_id))
    eventually(lambda: len(executed) == 4)
    for operation in (UPDATE, UPDATE_V2):
        stub.answers[operation].clear()
    eventually(lambda: stub.results()[-1]["taskId"] == odd["taskId"])


def test_a_coroutines_result_is_sent_even_when_the_system_has_no_thread_for_it(stub, runner, monkeypatch):
    start = threading.Thread.start

    def no_more_threads(thread):
        if thread.name.startswith("conductor-work"):
            raise RuntimeError("can't start new thread")
        start(thread)

    async def worker(task):
        return {}

    monkeypatch.setattr(threading.Thread, "start", no_more_threads)
    stub.add_task("t")
    runner.start_worker("t", worker)
    assert results(stub, 1)[0]["status"] == "COMPLETED"


def test_a_server_that_repeats_a_running_task_is_not_asked_in_a_busy_loop(stub, runner, gate):
    task_id = stub.add_task("t")
    runner.start_worker("t", gate, batch_size=2)
    gate.inside.get(timeout=5)
    again = Answer(body=[{"taskId": task_id, "workflowInstanceId": "w1"}])
    polls = len(stub.of(POLL))
    stub.answers[POLL].extend([again] * 100)
    time.sleep(1.0)
    assert 1 <= len(stub.of(POLL)) - polls <= 4


def test_a_domain_without_a_task_name_is_refused(runner):
    runner.start_worker("t", lambda task: None)
    for change in (runner.pause, runner.resume, runner.shutdown):
        with pytest.raises(ConfigurationError, match="domain 'blue' needs a task_name"):
            change(domain="blue")
    assert runner.get_batch_size_for_task("t") == 1


def test_a_refused_result_fails_its_task_for_good_and_is_named(stub, api_client):
    lost = []
    stub.answers[UPDATE_V2].append(error(413, "too large"))
    stub.add_task("t")
    with TaskRunner(api_client, on_result_lost=lambda *result_and_error: lost.append(result_and_error)) as runner:
        runner.start_worker("t", lambda task: {"a": 1})
        refused, instead = results(stub, 2)
        runner.shutdown()
        assert runner.wait_workers(timeout=10)
    assert refused["outputData"] == {"a": 1}
    assert instead["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert re.fullmatch(
        r"the server refused the result, of \d+ bytes of JSON: POST /tasks/update-v2 answered 413: too large",
        instead["reasonForIncompletion"],
    )
    ((result, why),) = lost
    assert (result.output_data, why.status) == ({"a": 1}, 413)


def test_a_result_whose_task_is_gone_is_named_and_nothing_is_left_behind(stub, api_client):
    lost = []
    stub.answers[UPDATE_V2].append(error(404, "No such task found by id: t1"))
    stub.add_task("t")
    with TaskRunner(api_client, on_result_lost=lambda *result_and_error: lost.append(result_and_error)) as runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: lost)
        runner.shutdown()
        assert runner.wait_workers(timeout=10)
    assert len(stub.results()) == 1


def test_a_signal_that_comes_too_late_for_the_wait_goes_to_the_handler_from_before(stub, runner, monkeypatch):
    seen = []
    previous = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        look = runner._workers._alive_or_close

        def look_and_be_signalled():
            signal.raise_signal(signal.SIGTERM)
            return look()

        with monkeypatch.context() as patch:
            patch.setattr(runner._workers, "_alive_or_close", look_and_be_signalled)
            assert runner.wait_workers()
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert seen == [signal.SIGTERM]


def test_an_error_keeps_nothing_alive_when_its_task_is_done(stub, caplog):
    """Without the garbage collector: an error whose frames hold what holds the error would keep a connection open."""

    def connections():
        return {thread for thread in threading.enumerate() if "process_request_thread" in thread.name}

    caplog.set_level(logging.CRITICAL, "conductor")  # a record in caplog keeps its error
    before = connections()
    gc.collect()
    gc.disable()
    try:
        with ApiClient(http_settings=HttpSettings(stub.url)) as api_client, TaskRunner(api_client) as runner:
            stub.answers[UPDATE_V2].append(error(500, "once"))
            stub.answers[POLL].append(error(500, "once"))
            stub.add_task("t")
            runner.start_worker("t", lambda task: None)
            results(stub, 2)
        eventually(lambda: not connections() - before)
    finally:
        gc.enable()
