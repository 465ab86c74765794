"""What the network does to a worker: each row of faults N…, and what holds all the same."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conductor import TaskExecutor, TaskResult, TaskResultStatus, TaskRunner, TransportError
from conductor.task_client import HttpTaskClient
from support.raw_faults import (
    ChunkedAbort,
    Close,
    CloseAfterAnswer,
    Delay,
    Down,
    HeaderCut,
    Html,
    Http10Cut,
    Raw,
    Reset,
    Truncate,
    conductor_error,
)
from support.waiting import eventually

COMPLETED = "COMPLETED"


def put_back_once(task):
    """A worker function."""
    result = TaskResult.from_task(task)
    if task.poll_count == 1:
        result.status = TaskResultStatus.IN_PROGRESS
    return result


def retried(server, task_id):
    """End a lost task's lease; the id of the task that takes its place."""
    server.expire(task_id)
    return f"{task_id}.1"


# N1, N2: refused


def test_n1_a_server_that_is_down_at_first_is_polled_as_soon_as_it_is_up(server, runner, caplog, counted):
    server.down()
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(lambda: counted("task_poll_error_total", taskType="t") >= 2)
    server.up()
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert caplog.text.count("polls fail") == 1


def test_n1_however_long_a_server_was_down_it_is_polled_within_30_seconds(server, runner, clock):
    server.down()
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: len(clock.poll_waits()) >= 20, step=10)
    waits = clock.poll_waits()
    assert max(waits) <= 30
    assert min(waits[15:]) >= 24  # the cap, less a fifth of jitter
    server.up()
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED})


def test_n2_a_result_outlives_an_outage_of_75_seconds(server, runner, clock, lost):
    outage = server.fault("update_v2", Down(), at=1)
    executed = []
    server.add_task("t")
    runner.start_worker("t", lambda task: executed.append(task.task_id))
    eventually(lambda: outage.hits)
    started = clock.now()
    clock.run_until(lambda: clock.now() - started >= 75)
    server.up()
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED})
    assert executed == ["t1"]
    assert lost == []


@pytest.mark.parametrize(("response_timeout", "kept"), [(60, 15 * 60), (30 * 60, 30 * 60)])
def test_n2_a_result_is_kept_for_15_minutes_or_its_lease_and_then_named_as_lost(
    server, runner, clock, lost, response_timeout, kept
):
    outage = server.fault("update_v2", Down(), at=1)
    server.add_task("t", responseTimeoutSeconds=response_timeout)
    started = clock.now()
    runner.start_worker("t", lambda task: {"n": 1})
    eventually(lambda: outage.hits)
    clock.run_until(lambda: lost or clock.now() - started >= kept - 31, step=10)
    assert lost == []
    clock.run_until(lambda: lost, step=10)
    assert clock.now() - started >= kept
    (result, error), *more = lost
    assert (result.task_id, result.output_data, type(error), more) == ("t1", {"n": 1}, TransportError, [])


# N3 to N5: reset


def test_n3_a_poll_whose_answer_was_reset_is_one_error_and_not_sent_again(server, runner, clock, counted):
    server.fault("poll", Reset(after_effect=True), at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(clock.poll_waits)  # it backs off, on a clock that stands still
    assert server.counts["poll"] == 1
    assert counted("task_poll_error_total", taskType="t") == 1
    again = retried(server, "t1")
    clock.run_until(lambda: server.accepted == {again: COMPLETED})
    assert server.deliveries == {"t1": 1, again: 1}


def test_n4_a_result_whose_answer_was_reset_is_sent_again_at_once(server, runner, clock):
    server.fault("any_update", Reset(after_effect=True), at=1)
    executed = []
    server.add_task("t")
    runner.start_worker("t", lambda task: executed.append(task.task_id))
    eventually(lambda: server.repeated == {"t1": 1})  # though no time has passed
    assert server.accepted == {"t1": COMPLETED}
    assert (server.counts["any_update"], server.deliveries, executed) == (2, {"t1": 1}, ["t1"])


def test_n4_only_the_first_reset_is_answered_at_once(server, runner, clock):
    server.fault("any_update", Reset(), first=2)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(lambda: [seconds for name, seconds in clock.waits if "poll" not in name and seconds])
    assert server.counts["any_update"] == 2
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED})
    assert server.counts["any_update"] == 3


def test_n4_a_lost_answer_to_a_hand_back_does_not_put_the_task_back_twice(server, runner):
    """Sent again blindly it could pull the task away from whoever runs it by then."""
    server.fault("any_update", Reset(after_effect=True), at=1)

    server.add_task("t")
    runner.start_worker("t", put_back_once)
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert server.requeues == {"t1": 1}
    assert server.deliveries == {"t1": 2}


def test_n4_a_hand_back_that_did_not_arrive_is_sent_again(server, runner):
    server.fault("any_update", Reset(), at=1)

    server.add_task("t")
    runner.start_worker("t", put_back_once)
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert server.requeues == {"t1": 1}
    assert server.counts["get_task"] == 1


@pytest.mark.parametrize(
    ("status", "told"), [("CANCELED", "CANCELED"), ("X" * 1_000, "in a state that cannot be read")]
)
def test_n4_a_hand_back_that_did_not_arrive_before_its_task_ended_is_named_as_lost(server, runner, lost, status, told):
    def reset_and_end(exchange):
        server._set_status(server._known("t1"), status)
        exchange.reset()

    def worker(task):
        result = TaskResult.from_task(task)
        result.status = TaskResultStatus.IN_PROGRESS
        return result

    server.fault("any_update", reset_and_end, at=1)
    server.add_task("t")
    runner.start_worker("t", worker)
    eventually(lambda: lost)
    ((result, error),) = lost
    assert result.status == "IN_PROGRESS"
    assert str(error) == f"the task is {told} by now"
    assert server.counts["any_update"] == 1


def test_n5_a_lost_answer_with_the_next_task_costs_that_one_its_lease_and_no_result(server, runner, counted):
    server.fault("update_v2", Reset(after_effect=True), at=1)
    server.add_tasks("t", 2)
    executed = []
    runner.start_worker("t", lambda task: executed.append(task.task_id))
    eventually(lambda: server.repeated == {"t1": 1})
    assert counted("task_update_error_total", taskType="t") == 1
    again = retried(server, "t2")
    eventually(lambda: server.accepted == {"t1": COMPLETED, again: COMPLETED})
    assert executed == ["t1", again]


def test_n5_a_result_that_is_sent_again_asks_for_no_other_task(server, runner):
    """Each answer that is lost could hold one."""
    server.fault("any_update", Reset(after_effect=True), first=3)
    server.add_tasks("t", 5)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: len(server.accepted) >= 2)
    sent = [request.operation for request in server.requests if request.operation in ("poll", "update", "update_v2")]
    assert sent[:6] == ["poll", "update_v2", "update", "update", "update", "poll"]


def test_n5_while_answers_with_next_tasks_are_lost_the_plain_update_takes_their_place(server, runner, clock):
    """The clock stands still: no pause is over."""
    server.fault("update_v2", Reset(after_effect=True))
    server.add_tasks("t", 5)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.accepted.keys() == {"t1", "t3", "t4", "t5"})
    assert server.counts["update_v2"] == 1
    clock.run_until(lambda: server.add_task("t") and server.counts["update_v2"] == 2)


def test_n5_a_result_that_is_refused_for_its_own_sake_shows_that_update_v2_works_again(server, runner, clock):
    server.fault("update_v2", Reset(after_effect=True), at=1)
    server.fault("update_v2", conductor_error(400, "too long"), at=2)
    runner.start_worker("t", lambda task: None)
    server.add_task("t")
    clock.run_until(lambda: server.repeated == {"t1": 1})  # it was sent again: the rest of update-v2 has begun
    clock.advance(60)
    server.add_tasks("t", 2)
    clock.run_until(lambda: len(server.accepted) == 3, step=0.02)
    assert (server.counts["update_v2"], server.counts["update"]) == (3, 2)  # one of these replaces the refused one


# N9 to N11: cut short


def check_half_an_answer_to_a_poll(server, runner, counted, cut):
    server.fault("poll", cut, at=1)
    server.add_tasks("t", 2)
    executed = []
    runner.start_worker("t", lambda task: executed.append(task.task_id))
    eventually(lambda: counted("task_poll_error_total", taskType="t") == 1)
    again = retried(server, "t1")
    eventually(lambda: server.accepted == {again: COMPLETED, "t2": COMPLETED})
    assert sorted(executed) == [again, "t2"]


def check_half_an_answer_to_an_update(server, runner, lost, cut):
    server.fault("update_v2", cut, at=1)
    server.add_tasks("t", 2)  # so that the answer has a body
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.repeated == {"t1": 1})
    assert server.accepted["t1"] == COMPLETED
    again = retried(server, "t2")
    eventually(lambda: server.accepted == {"t1": COMPLETED, again: COMPLETED})
    assert lost == []


@pytest.mark.parametrize("size", [0, 20])
def test_n9_tasks_in_a_body_shorter_than_it_says_come_back(server, runner, counted, size):
    check_half_an_answer_to_a_poll(server, runner, counted, Truncate(size))


@pytest.mark.parametrize("size", [0, 20])
def test_n9_a_result_outlives_an_answer_shorter_than_it_says(server, runner, lost, size):
    check_half_an_answer_to_an_update(server, runner, lost, Truncate(size))


HEADERS = [b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Type: appl", b"HTTP/1.1 200 OK\r\nServer: x\r\n"]


@pytest.mark.parametrize("start", HEADERS)
def test_n9_tasks_behind_a_header_that_breaks_off_come_back(server, runner, counted, caplog, start):
    check_half_an_answer_to_a_poll(server, runner, counted, HeaderCut(start))
    assert "Failed to parse headers" not in caplog.text


@pytest.mark.parametrize("start", HEADERS)
def test_n9_a_result_outlives_a_header_that_breaks_off(server, runner, lost, start):
    check_half_an_answer_to_an_update(server, runner, lost, HeaderCut(start))


def test_n10_tasks_in_a_chunked_body_that_breaks_off_come_back(server, runner, counted):
    check_half_an_answer_to_a_poll(server, runner, counted, ChunkedAbort())


def test_n10_a_result_outlives_a_chunked_answer_that_breaks_off(server, runner, lost):
    check_half_an_answer_to_an_update(server, runner, lost, ChunkedAbort())


def negative_chunk(exchange):
    exchange.apply()
    Raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n[]")(exchange)


def test_n10_tasks_behind_a_chunk_of_a_negative_size_come_back(server, runner, counted):
    check_half_an_answer_to_a_poll(server, runner, counted, negative_chunk)


def test_n10_a_result_outlives_an_answer_with_such_a_chunk(server, runner, lost):
    check_half_an_answer_to_an_update(server, runner, lost, negative_chunk)


@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_an_interim_answer_is_passed_over(server, runner, api_client, status, caplog):
    """If it were taken for the answer, the next request would get this one's."""

    def hint_first(exchange):
        exchange.send_bytes(f"HTTP/1.1 {status}\r\nLink: </style.css>\r\n\r\n".encode())
        exchange.send(exchange.apply())

    for operation in ("poll", "any_update", "get_task"):
        server.fault(operation, hint_first)
    ids = server.add_tasks("t", 5)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: len(server.accepted) == 5)
    tasks = TaskExecutor(api_client)
    assert [tasks.get_task(task_id).task_id for task_id in ids] == ids
    assert caplog.messages == []


def test_n11_tasks_in_a_body_without_a_length_that_breaks_off_come_back(server, runner, counted):
    check_half_an_answer_to_a_poll(server, runner, counted, Http10Cut())


def test_n11_a_result_outlives_an_answer_without_a_length_that_breaks_off(server, runner, lost):
    check_half_an_answer_to_an_update(server, runner, lost, Http10Cut())


# N14: a gateway's pages


@pytest.mark.parametrize("status", [502, 503, 504])
def test_n14_a_gateways_error_page_is_waited_out_by_polls_and_results(server, runner, clock, status, caplog, lost):
    server.fault("poll", Html(status), first=4)
    server.fault("any_update", Html(status), first=4)
    executed = []
    server.add_task("t")
    runner.start_worker("t", lambda task: executed.append(task.task_id))
    took = clock.run_until(lambda: server.accepted == {"t1": COMPLETED}, step=0.25)
    assert took >= 2 * 0.8 * (0.5 + 0.75 + 1.125)
    assert (executed, lost) == (["t1"], [])
    assert caplog.text.count("polls fail") == 1
    assert f"answered {status}" in caplog.text


# N16 to N19: connections


def test_n16_a_kept_connection_that_the_server_closed_is_replaced_without_an_error(server, api_client, caplog):
    server.fault("poll", CloseAfterAnswer(), at=1)
    server.add_task("t")
    with TaskRunner(HttpTaskClient(api_client)) as runner:  # its polls and updates are all that it sends
        runner.start_worker("t", lambda task: eventually(lambda: server.open_connections == 0))
        eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert (server.counts["any_update"], server.repeated) == (1, {})
    assert caplog.text == ""


def test_n16_the_same_outside_of_a_worker(server, api_client):
    server.fault("get_task", CloseAfterAnswer())
    executor = TaskExecutor(api_client)
    task_id = server.add_task("t")
    for connections in range(1, 4):
        assert executor.get_task(task_id).task_id == task_id
        eventually(lambda: server.open_connections == 0)
        assert server.connections == server.counts["get_task"] == connections


@pytest.mark.parametrize("after_effect", [True, False])
@pytest.mark.parametrize("end", [Close, Reset])
def test_n17_a_result_that_met_the_end_of_a_kept_connection_is_sent_again_at_once(
    server, runner, clock, end, after_effect
):
    server.fault("update_v2", end(after_effect), at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    # Though no time has passed.
    eventually(lambda: (server.accepted, server.repeated) == ({"t1": COMPLETED}, {"t1": 1} if after_effect else {}))
    assert server.counts["any_update"] == 2


@pytest.mark.parametrize("end", [Close, Reset])
def test_n17_an_update_from_outside_of_a_worker_is_sent_once_and_an_error(server, api_client, end):
    server.fault("update", end(after_effect=True), at=1)
    task_id = server.add_task("t")
    with pytest.raises(TransportError, match="POST /tasks"):
        TaskExecutor(api_client).update_task(task_id, "w1", TaskResultStatus.COMPLETED)
    assert (server.counts["update"], server.accepted) == (1, {"t1": COMPLETED})


def test_n18_a_connection_that_breaks_costs_the_other_calls_nothing(server, api_client):
    server.fault("get_task", Reset(), at=3)
    server.fault("get_task", Delay(0.2))
    task_ids = server.add_tasks("t", 8)
    executor = TaskExecutor(api_client)
    start = threading.Barrier(8)

    def get(task_id):
        start.wait(10)
        try:
            return executor.get_task(task_id).task_id
        except TransportError as error:
            return error

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(get, task_ids))
    failed = [answer for answer in answers if isinstance(answer, TransportError)]
    assert len(failed) == 1
    assert all(answer in (task_id, failed[0]) for answer, task_id in zip(answers, task_ids, strict=True))
    assert server.counts["get_task"] == 8


def test_n18_a_connection_that_breaks_under_one_result_leaves_the_others_alone(server, runner):
    server.fault("any_update", Reset(after_effect=True), at=3)
    together = threading.Barrier(6)
    server.add_tasks("t", 6)
    runner.start_worker("t", lambda task: together.wait(10) and None, batch_size=6)
    eventually(lambda: len(server.accepted) == 6 and server.repeated.total() == 1)
    assert server.counts["any_update"] == 7
    assert max(server.deliveries.values()) == 1


def test_n19_twenty_threads_keep_their_connections(server, runner, caplog):
    together = threading.Barrier(20)
    server.add_tasks("t", 60)
    runner.start_worker("t", lambda task: together.wait(10) and None, batch_size=20)
    eventually(lambda: len(server.accepted) == 60)
    assert server.connections <= 21  # one more for polls
    assert server.open_connections == server.connections
    assert "pool is full" not in caplog.text
