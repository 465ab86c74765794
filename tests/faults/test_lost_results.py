"""Which results are told as lost: to on_result_lost, once each, and in the answer of wait_workers."""

import threading

import pytest

from conductor import ApiClient, HttpSettings, TaskResult, TaskRunner
from conductor.testing import FakeTaskClient
from support.places import PLACES, start_in, to_do
from support.raw_faults import Answer, Html, Status, conductor_error
from support.waiting import eventually

in_each_place = pytest.mark.parametrize("place", PLACES)
REFUSED = conductor_error(400, "not this one")
FAILURE = "FAILED_WITH_TERMINAL_ERROR"
ENDS_SOON = 20


def only_of(*task_ids):
    return lambda request: request.json()["taskId"] in task_ids


def hands_one_back(server, runner):
    """Starts a worker that gets two tasks for its one slot: t1 fills it, t2 goes back."""
    server.add_tasks("t", 2)
    server.fault("poll", lambda exchange: exchange.send(Answer(body=server.poll("t", number=2))), at=1)
    runner.start_worker("t", lambda task: None)


@in_each_place
def test_a_refused_result_is_told_once_with_the_answer_and_after_its_task_has_failed(
    server, api_client, place, counted
):
    told = []

    def hook(result, error):
        told.append((result, error, dict(server.accepted)))

    server.fault("any_update", REFUSED, at=1)
    task_id = server.add_task("t", inputData=to_do("echo", 1))
    with TaskRunner(api_client, worker_id="worker-1", on_result_lost=hook) as runner:
        start_in(place, runner)
        eventually(lambda: told)
        runner.shutdown()
        assert runner.wait_workers(timeout=ENDS_SOON)
    ((result, error, accepted),) = told
    assert isinstance(result, TaskResult)
    assert (result.task_id, result.status, result.output_data["value"]) == (task_id, "COMPLETED", 1)
    assert (error.status, accepted) == (400, {task_id: FAILURE})
    replacement = server.results()[-1]
    assert replacement["workerId"] == "worker-1"
    assert "not this one" in replacement["reasonForIncompletion"]
    assert server.of("any_update")[-1].operation == "update"  # no next task, which would have to wait for the hook
    assert counted("task_result_lost_total", taskType="t") == 1


@in_each_place
def test_it_is_told_on_a_thread_of_the_runner_and_holds_up_no_function_and_no_poll(server, api_client, place, gate):
    threads = []

    def hook(result, error):
        threads.append(threading.current_thread())
        gate(result)

    first = server.add_task("t", inputData=to_do("echo"))
    second = server.add_task("t", inputData=to_do("echo"))
    server.fault("any_update", REFUSED, only=only_of(first), at=1)
    with TaskRunner(api_client, on_result_lost=hook) as runner:
        start_in(place, runner, batch_size=2)
        assert gate.inside.get(timeout=ENDS_SOON) == first
        eventually(lambda: second in server.accepted)
        third = server.add_task("t", inputData=to_do("echo"))
        eventually(lambda: third in server.accepted)
        gate.opened.set()
    (thread,) = threads
    assert thread is not threading.main_thread()
    assert thread.name.startswith("conductor-")
    assert gate.inside.empty()


@pytest.mark.parametrize(
    ("status", "message"),
    [(404, "No such task found by id: t1"), (404, "No such workflow found by id: w1"), (409, "it has ended")],
)
def test_a_result_that_nobody_waits_for_is_told_and_leaves_nothing_behind(server, api_client, lost, status, message):
    server.fault("any_update", conductor_error(status, message))
    task_id = server.add_task("t")
    with TaskRunner(api_client, on_result_lost=lambda *told: lost.append(told)) as runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: lost)
        runner.shutdown()
        assert runner.wait_workers(timeout=ENDS_SOON)
    assert [(result.task_id, error.status) for result, error in lost] == [(task_id, status)]
    assert server.counts["any_update"] == 1


def test_a_failure_in_place_of_a_refused_result_that_is_refused_too_is_left_behind_and_told_once(
    server, api_client, lost, counted
):
    server.fault("any_update", REFUSED)
    server.add_task("t")
    with TaskRunner(api_client, on_result_lost=lambda *told: lost.append(told)) as runner:
        runner.start_worker("t", lambda task: {"n": 1})
        eventually(lambda: lost)
        runner.shutdown()
        assert not runner.wait_workers(timeout=ENDS_SOON)
    assert [(result.output_data, error.status) for result, error in lost] == [({"n": 1}, 400)]
    assert server.counts["any_update"] == 2
    assert counted("task_result_lost_total", taskType="t") == 1


def test_a_result_that_is_given_up_and_refused_later_is_told_once(server, api_client, lost):
    answer_now = threading.Event()

    def refuse_late(exchange):
        answer_now.wait(ENDS_SOON)
        REFUSED(exchange)

    held = server.fault("any_update", refuse_late, at=1)
    task_id = server.add_task("t")
    runner = TaskRunner(api_client, shutdown_timeout=0, on_result_lost=lambda *told: lost.append(told))
    runner.start_worker("t", lambda task: None)
    eventually(lambda: held.hits)
    runner.shutdown()
    assert not runner.wait_workers()
    eventually(lambda: lost)
    answer_now.set()
    eventually(lambda: server.accepted == {task_id: FAILURE})
    assert not runner.wait_workers(timeout=ENDS_SOON)
    assert [(result.task_id, str(error)) for result, error in lost] == [
        (task_id, "no answer before the end of the drain")
    ]


@pytest.mark.parametrize("place", PLACES)
def test_a_result_that_the_server_does_not_take_is_told_at_the_end_of_the_drain(server, api_client, place, lost):
    failing = server.fault("any_update", Status(500, "the database is away"))
    task_id = server.add_task("t", inputData=to_do("echo"))
    runner = TaskRunner(api_client, shutdown_timeout=0.3, on_result_lost=lambda *told: lost.append(told))
    start_in(place, runner)
    eventually(lambda: failing.hits)
    runner.shutdown()
    assert not runner.wait_workers()
    eventually(lambda: lost)
    assert [(result.task_id, error.status) for result, error in lost] == [(task_id, 500)]
    server.clear_faults()
    assert not runner.wait_workers(timeout=ENDS_SOON)
    assert not server.accepted
    assert len(lost) == 1


def test_what_was_given_up_before_the_drain_counts_as_left_behind(server, runner, clock, lost):
    server.fault("any_update", Status(500))
    server.add_task("t", responseTimeoutSeconds=1)
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: lost, step=30)
    server.clear_faults()
    runner.shutdown()
    assert not runner.wait_workers(timeout=ENDS_SOON)
    assert [error.status for _, error in lost] == [500]


def test_a_refused_hand_back_is_no_lost_result_and_is_left_behind(server, api_client, lost, counted, caplog):
    server.fault("any_update", REFUSED, only=only_of("t2"), at=1)
    with TaskRunner(api_client, on_result_lost=lambda *told: lost.append(told)) as runner:
        hands_one_back(server, runner)
        eventually(lambda: "the IN_PROGRESS result was refused" in caplog.text)
        eventually(lambda: "t1" in server.accepted)
        runner.shutdown()
        assert not runner.wait_workers(timeout=ENDS_SOON)
    assert not lost
    assert counted("task_result_lost_total") == 0
    assert server.accepted == {"t1": "COMPLETED"}  # and no failure in place of the hand-back
    (record,) = [record for record in caplog.records if "was refused" in record.getMessage()]
    assert (record.levelname, record.task_id) == ("ERROR", "t2")


def test_a_hand_back_of_a_task_that_is_gone_is_neither_lost_nor_left_behind(server, api_client, lost):
    server.fault("any_update", conductor_error(404, "No such task found by id: t2"), only=only_of("t2"))
    with TaskRunner(api_client, on_result_lost=lambda *told: lost.append(told)) as runner:
        hands_one_back(server, runner)
        eventually(lambda: "t1" in server.accepted)
        runner.shutdown()
        assert runner.wait_workers(timeout=ENDS_SOON)
    assert not lost


def test_a_hand_back_that_is_given_up_is_no_lost_result_and_is_left_behind(
    server, runner, clock, lost, counted, caplog
):
    """Its lease has ended: the task is delivered again anyway."""
    server.fault("any_update", Status(500), only=only_of("t2"))
    hands_one_back(server, runner)
    clock.run_until(lambda: "the IN_PROGRESS result was given up" in caplog.text, step=2)
    runner.shutdown()
    assert not runner.wait_workers(timeout=ENDS_SOON)
    assert not lost
    assert counted("task_result_lost_total") == 0


def test_a_hand_back_that_the_server_does_not_take_until_the_end_of_the_drain_is_left_behind(server, api_client, lost):
    failing = server.fault("any_update", Status(500), only=only_of("t2"))
    runner = TaskRunner(api_client, shutdown_timeout=0.2, on_result_lost=lambda *told: lost.append(told))
    hands_one_back(server, runner)
    eventually(lambda: failing.hits)
    runner.shutdown()
    assert not runner.wait_workers()
    server.clear_faults()
    assert not runner.wait_workers(timeout=ENDS_SOON)
    assert not lost


def test_a_hand_back_carries_the_workers_id_and_asks_for_no_next_task(server, runner):
    hands_one_back(server, runner)
    eventually(lambda: server.requeues["t2"])
    (hand_back,) = [request for request in server.of("any_update") if request.json()["status"] == "IN_PROGRESS"]
    assert (hand_back.operation, hand_back.json()["workerId"]) == ("update", "worker-1")


def test_a_hand_back_is_not_repeated_once_its_task_runs_elsewhere(server, runner):
    def lose_the_answer_and_deliver_it_elsewhere(exchange):
        with server.standing_still():  # or the free slot of this runner may get the task first
            exchange.apply()
            assert server.poll("t", worker_id="another")
        exchange.reset()

    server.fault("any_update", lose_the_answer_and_deliver_it_elsewhere, only=only_of("t2"), at=1)
    hands_one_back(server, runner)
    eventually(lambda: server.counts["get_task"])
    runner.shutdown()
    assert runner.wait_workers(timeout=ENDS_SOON)
    assert server.requeues == {"t2": 1}
    assert server.task("t2")["workerId"] == "another"


class BrokenClient(FakeTaskClient):
    """Raises what no client should raise, for every result of its first task."""

    def update(self, result, timeout):
        if result.task_id == "task-1":
            raise RecursionError("maximum recursion depth exceeded")
        super().update(result, timeout)


def test_a_bug_that_costs_a_result_and_its_failure_is_told_and_left_behind(lost):
    client = BrokenClient()
    client.add_task("t")
    sound = client.add_task("t")
    with TaskRunner(client, on_result_lost=lambda *told: lost.append(told)) as runner:
        runner.start_worker("t", lambda task: None, poll_timeout=0.01)
        assert [result.task_id for result in client.results(1)] == [sound]
        eventually(lambda: lost)
        runner.shutdown()
        assert not runner.wait_workers(timeout=ENDS_SOON)
    assert [(result.task_id, result.status) for result, _ in lost] == [("task-1", "COMPLETED")]


def test_tasks_that_are_killed_in_processes_count_as_left_behind_in_each_later_wait(server, api_client, tmp_path):
    server.add_task("t", inputData=to_do("die_when", str(tmp_path)))
    runner = TaskRunner(api_client, shutdown_timeout=0)
    start_in("process", runner)
    eventually((tmp_path / "begun").exists)
    runner.shutdown()
    assert not runner.wait_workers()
    assert not runner.wait_workers(timeout=ENDS_SOON)
    assert not server.results()


def test_results_that_meet_trouble_and_arrive_leave_nothing_behind(server, api_client, lost):
    """No answer, a refused token, too many requests, a page of a gateway: none of it is about the result."""
    in_conductors_words = [conductor_error(status, "not now") for status in (401, 403, 429, 500, 503)]
    answers = [*in_conductors_words, Status(401), Status(429), Html(502), Html(404), Status(418)]
    for number, answer in enumerate(answers, 1):
        server.fault("any_update", answer, only=only_of(f"t{number}"), at=1)
    ids = server.add_tasks("t", len(answers))
    with ApiClient(http_settings=HttpSettings(server.url)) as client:
        runner = TaskRunner(client, shutdown_timeout=ENDS_SOON, on_result_lost=lambda *told: lost.append(told))
        runner.start_worker("t", lambda task: None, batch_size=len(answers))
        eventually(lambda: server.accepted == dict.fromkeys(ids, "COMPLETED"))
        runner.shutdown()
        assert runner.wait_workers(timeout=ENDS_SOON)
    assert not lost
