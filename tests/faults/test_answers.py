"""What a server, or what stands before it, may answer: each row of faults S…, and what holds all the same."""

import json
import logging
import threading
import time
from dataclasses import replace
from email.utils import formatdate

import pytest

from conductor import (
    ApiClient,
    AuthenticationError,
    AuthenticationSettings,
    ConflictError,
    HttpSettings,
    NotFoundError,
    TaskRunner,
)
from support.raw_faults import Answer, Html, Status, conductor_error
from support.raw_server import RawServer
from support.waiting import eventually

COMPLETED = "COMPLETED"
FAILED = "FAILED"
FAILED_FOR_GOOD = "FAILED_WITH_TERMINAL_ERROR"
MISSING_ROUTE = Status(404, {"timestamp": 0, "status": 404, "error": "Not Found", "path": "/api/tasks/update-v2"})


# S1, S2: 500


def check_kept(server, runner, clock, lost, answer):
    server.fault("any_update", answer, first=5)
    executed = []
    server.add_task("t")
    runner.start_worker("t", lambda task: executed.append(task.task_id))
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED})
    assert server.counts["any_update"] == 6
    assert (executed, lost) == (["t1"], [])


def check_replaced(server, runner, lost, answer, status, output):
    """The answer is the last word on the result, but not on the task."""
    server.fault("any_update", answer, at=1)
    server.add_tasks("t", 2)
    runner.start_worker("t", lambda task: output if task.task_id == "t1" else {})
    eventually(lambda: server.accepted == {"t1": FAILED_FOR_GOOD, "t2": COMPLETED})
    assert server.counts["any_update"] == 3
    (result, error), *more = lost
    assert (result.task_id, result.output_data, error.status, more) == ("t1", output, status, [])
    told = server.task("t1")
    assert told["outputData"] == {}
    return told["reasonForIncompletion"]


def test_s1_a_result_is_kept_through_500_with_retryable_true(server, runner, clock, lost):
    check_kept(server, runner, clock, lost, conductor_error(500, "Error acquiring lock", retryable=True))


def test_s2_a_result_is_kept_through_500_with_retryable_false(server, runner, clock, lost):
    """A database that is away for a moment looks like that."""
    check_kept(server, runner, clock, lost, conductor_error(500, "[SQLITE_BUSY] The database file is locked"))


def test_s2_a_result_that_the_server_cannot_read_is_replaced_by_a_failure(server, runner, lost):
    answer = conductor_error(500, "JSON parse error: String value length (20054016) exceeds the maximum allowed")
    reason = check_replaced(server, runner, lost, answer, 500, {"text": "x"})
    assert "JSON parse error" in reason


# S3, S4: Retry-After


@pytest.mark.parametrize(
    ("retry_after", "shortest", "longest"),
    [
        ("7", 7, 7),
        ("3600", 60, 60),
        ("0", 0.4, 0.5),
        ("-5", 0.4, 0.5),
        ("soon", 0.4, 0.5),
        ("1e3", 0.4, 60),
        ("9" * 400, 0.4, 60),
        (None, 0.4, 0.5),
    ],
)
def test_s3_a_poll_waits_as_long_as_a_429_asks_for_within_reason(server, runner, clock, retry_after, shortest, longest):
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    server.fault("poll", Status(429, headers=headers), at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    assert shortest <= eventually(clock.poll_waits)[0] <= longest
    assert server.counts["poll"] == 1
    clock.run_until(lambda: server.accepted)


def test_s3_a_retry_after_of_nothing_does_not_keep_the_pauses_short(server, runner, clock):
    server.fault("poll", Status(429, headers={"Retry-After": "0"}))
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: len(clock.poll_waits()) >= 12)
    assert clock.poll_waits()[11] > 20


def test_s14_each_kind_of_error_is_said_once_in_an_outage(server, runner, clock, caplog):
    server.fault("poll", Html(502), every=2)
    server.fault("poll", conductor_error(503, "away"))
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: server.counts["poll"] >= 8)
    assert [message.count("polls fail") for message in caplog.messages] == [1, 1]


@pytest.mark.parametrize(("seconds_ahead", "shortest", "longest"), [(40, 30, 41), (-3600, 0.4, 0.5), (7200, 60, 60)])
def test_s3_retry_after_may_be_a_date(server, runner, clock, seconds_ahead, shortest, longest):
    def answer(exchange):
        date = formatdate(time.time() + seconds_ahead, usegmt=True)
        exchange.send(Answer(429, headers={"Retry-After": date}))

    server.fault("poll", answer, at=1)
    runner.start_worker("t", lambda task: None)
    assert shortest <= eventually(clock.poll_waits)[0] <= longest


def test_s3_a_shutdown_does_not_wait_for_retry_after(server, runner):
    server.fault("poll", Status(429, headers={"Retry-After": "3600"}))
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.counts["poll"])
    runner.shutdown()
    assert runner.wait_workers(timeout=5)


@pytest.mark.parametrize(("retry_after", "wait"), [("12", 12), ("3600", 60)])
@pytest.mark.parametrize("status", [429, 503])
def test_s4_a_result_waits_as_long_as_the_server_asks_for_within_reason(
    server, runner, clock, lost, status, retry_after, wait
):
    server.fault("any_update", Status(status, headers={"Retry-After": retry_after}), at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    waits = eventually(lambda: [seconds for name, seconds in clock.waits if "work" in name and seconds])
    assert waits == [wait]
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED})
    assert (server.counts["any_update"], lost) == (2, [])


# S5, S6: tokens and permissions

KEY = ("key", "secret")


@pytest.fixture
def locked_server():
    with RawServer(KEY) as server:
        yield server


@pytest.fixture
def locked_runner(locked_server):
    with (
        ApiClient(AuthenticationSettings(*KEY), HttpSettings(locked_server.url, read_timeout=5)) as client,
        TaskRunner(client, worker_id="worker-1", shutdown_timeout=5) as runner,
    ):
        yield runner


def test_s5_an_expired_token_is_renewed_once_for_twenty_threads(locked_server, locked_runner):
    server, together = locked_server, threading.Barrier(20, action=locked_server.expire_tokens)
    server.add_tasks("t", 20)
    locked_runner.start_worker("t", lambda task: together.wait(10) and None, batch_size=20)
    eventually(lambda: len(server.accepted) == 20)
    assert server.tokens_issued == 2
    assert (server.repeated, max(server.deliveries.values())) == ({}, 1)


def test_s6_a_missing_permission_is_backed_off_from_and_no_reason_for_a_new_token(
    locked_server, locked_runner, caplog, counted
):
    locked_server.fault("poll", conductor_error(403, "no permission to poll"), first=2)
    locked_server.add_task("secret_task")
    locked_runner.start_worker("secret_task", lambda task: None)
    eventually(lambda: locked_server.accepted)
    assert locked_server.tokens_issued == 1
    first, _, last = locked_server.of("poll")[:3]
    assert last.at - first.at >= 0.8 * (0.5 + 0.75)
    (said,) = [record for record in caplog.records if "polls fail" in record.getMessage()]
    assert "secret_task" in said.getMessage()
    assert "403: no permission to poll" in said.getMessage()
    assert counted("task_poll_error_total", exception=AuthenticationError.__name__) == 2


# S7 to S10: is it the route that is missing, or the task?


def check_plain_update(server, runner, clock, lost, answer):
    """update-v2 is asked once, again five minutes later, and no result suffers."""
    server.fault("update_v2", answer, first=2)
    runner.start_worker("t", lambda task: None)
    for done, v2, plain in ((1, 1, 1), (2, 1, 2)):
        server.add_task("t")
        clock.run_until(lambda: len(server.accepted) == done)  # noqa: B023 - it is called here
        assert (server.counts["update_v2"], server.counts["update"]) == (v2, plain)
    clock.advance(300)
    server.add_task("t")
    clock.run_until(lambda: len(server.accepted) == 3)
    assert (server.counts["update_v2"], server.counts["update"]) == (2, 3)
    clock.advance(300)
    server.add_task("t")
    clock.run_until(lambda: len(server.accepted) == 4)
    assert (server.counts["update_v2"], server.counts["update"]) == (3, 3)
    assert (lost, server.repeated) == ([], {})


def test_s7_without_the_route_update_v2_a_result_goes_by_the_plain_update(server, runner, clock, lost):
    check_plain_update(server, runner, clock, lost, MISSING_ROUTE)


def test_s7_the_same_where_the_route_is_missing_in_conductors_own_words(server, runner, clock, lost):
    answer = conductor_error(404, "No static resource api/tasks/update-v2.")
    check_plain_update(server, runner, clock, lost, answer)


def test_s9_the_same_where_the_method_is_not_allowed(server, runner, clock, lost):
    answer = conductor_error(405, "Request method 'POST' is not supported")
    check_plain_update(server, runner, clock, lost, answer)


def test_s10_the_same_where_the_missing_method_is_called_a_server_error(server, runner, clock, lost):
    answer = conductor_error(500, "Request method 'POST' is not supported")
    check_plain_update(server, runner, clock, lost, answer)


def test_s8_the_result_of_a_task_that_the_server_does_not_know_is_discarded_aloud(
    server, runner, caplog, lost, counted
):
    def worker(task):
        if task.task_id == "t1":
            server.forget("t1")

    server.add_tasks("t", 2)
    runner.start_worker("t", worker)
    eventually(lambda: server.accepted == {"t2": COMPLETED})
    assert (server.counts["update_v2"], server.counts["update"]) == (2, 0)  # the route is there, and is used further
    (result, error), *more = lost
    assert (result.task_id, type(error), more) == ("t1", NotFoundError, [])
    assert counted("task_result_lost_total", taskType="t", reason="discarded") == 1
    (said,) = [record for record in caplog.records if "No such task found by id: t1" in record.getMessage()]
    assert said.levelno == logging.WARNING


# S11 to S13: refused


def test_s11_a_conflict_discards_the_result_aloud(server, runner, caplog, lost):
    server.fault("any_update", conductor_error(409, "the workflow has ended"), at=1)
    server.add_tasks("t", 2)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.accepted == {"t2": COMPLETED})
    assert server.counts["any_update"] == 2
    (result, error), *more = lost
    assert (result.task_id, type(error), more) == ("t1", ConflictError, [])
    (said,) = [record for record in caplog.records if "the workflow has ended" in record.getMessage()]
    assert said.levelno == logging.WARNING


def test_s11_a_conflict_in_other_words_than_conductors_does_so_too(server, runner, lost):
    server.fault("any_update", Html(409), at=1)
    server.add_tasks("t", 2)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.accepted == {"t2": COMPLETED})
    assert [type(error) for _, error in lost] == [ConflictError]


def test_s12_a_result_that_is_too_large_is_replaced_by_a_failure_that_names_its_size(server, runner, lost):
    output = {"text": "x" * 100_000}
    reason = check_replaced(server, runner, lost, Html(413), 413, output)
    assert "413" in reason
    (size,) = [word for word in reason.split() if word.isdigit() and int(word) > 1000]
    assert 100_000 < int(size) < 101_000


def test_s12_a_gateway_that_refuses_by_size_takes_the_small_failure(server, runner):
    server.fault("any_update", Html(413), only=lambda request: len(request.body) > 50_000)
    server.add_task("t")
    runner.start_worker("t", lambda task: {"text": "x" * 100_000})
    eventually(lambda: server.accepted == {"t1": FAILED_FOR_GOOD})


@pytest.mark.parametrize("status", [400, 410, 422])
def test_s13_a_result_that_is_refused_is_replaced_by_a_failure_with_the_servers_reason(server, runner, lost, status):
    answer = conductor_error(status, "Validation failed")
    reason = check_replaced(server, runner, lost, answer, status, {"n": 1})
    assert "Validation failed" in reason


@pytest.mark.parametrize("status", [405, 407, 410, 421, 425])
def test_s13_a_refusal_that_is_not_conductors_own_comes_from_something_in_between_and_keeps_the_result(
    server, runner, clock, lost, status
):
    server.fault("any_update", Html(status), first=3)
    server.add_task("t")
    runner.start_worker("t", lambda task: {"n": 1})
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED})
    assert lost == []


def test_s13_a_failure_that_is_refused_too_is_an_error_in_the_log_and_no_loop(server, runner, caplog, lost):
    server.fault("any_update", conductor_error(400, "not this one"), only=lambda request: b'"t1"' in request.body)
    server.add_tasks("t", 2)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.accepted == {"t2": COMPLETED})
    assert server.counts["any_update"] == 3
    assert [result.task_id for result, _ in lost] == ["t1"]
    said = [record for record in caplog.records if "not this one" in record.getMessage()]
    assert {record.levelno for record in said} == {logging.ERROR}


# S14 to S17: a 200 that is none

LATIN = '[{"taskId": "t1", "workflowInstanceId": "w1", "workerId": "é"}]'


def check_backed_off_from(server, runner, clock, counted, answer):
    server.fault("poll", answer, first=2)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    assert 0.4 <= eventually(clock.poll_waits)[0] <= 0.5
    assert counted("task_poll_error_total", taskType="t") == 1
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED}, step=0.1)
    assert counted("task_poll_error_total", taskType="t") == 2


def check_not_accepted(server, runner, clock, lost, answer):
    server.fault("update_v2", answer, at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED})
    assert (server.counts["any_update"], lost) == (2, [])


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "60"}])
def test_s4_a_result_in_hand_is_tried_until_the_last_seconds_of_a_drain(server, runner, clock, headers):
    server.fault("any_update", Status(503, headers=headers))
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: server.counts["any_update"] >= 6)
    runner._setup.shutdown_timeout = 30
    runner.shutdown()
    tried = server.counts["any_update"]
    clock.run_until(lambda: server.counts["any_update"] > tried)
    # Of a wait that begins only after the clock has moved, the end would not come.
    eventually(lambda: len([name for name, _ in clock.waits if "work" in name]) == server.counts["any_update"])
    clock.advance(23)
    eventually(lambda: server.counts["any_update"] > tried + 1)
    server.clear_faults()
    passed = clock.run_until(lambda: server.accepted == {"t1": COMPLETED}, step=0.05)
    assert passed <= 6


@pytest.mark.parametrize("answer", [Html(), Status(200, "<html><body>Please log in")])
def test_s14_a_login_page_is_no_tasks_and_an_error_said_once(server, runner, clock, counted, caplog, answer):
    check_backed_off_from(server, runner, clock, counted, answer)
    assert caplog.text.count("polls fail") == 1
    assert "log in" not in caplog.text


def test_s14_a_login_page_does_not_mean_that_a_result_is_accepted(server, runner, clock, lost):
    check_not_accepted(server, runner, clock, lost, Html())


@pytest.mark.parametrize("page", ["<!DOCTYPE html>Please log in", "\n<html>", "Please log in. " * 50])
def test_s14_a_page_of_another_type_does_not_mean_so_either(server, runner, clock, lost, page):
    server.fault("update_v2", MISSING_ROUTE)
    server.fault("update", Status(200, page, {"Content-Type": "text/plain"}), first=2)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED})
    assert (server.counts["update"], lost) == (3, [])


def test_s14_a_task_id_that_is_called_html_means_that_a_result_is_accepted(server, runner, lost):
    """Flask calls everything so."""

    def mislabel(exchange):
        exchange.send(replace(exchange.apply(), headers={"Content-Type": "text/html; charset=utf-8"}))

    server.fault("update_v2", MISSING_ROUTE)
    server.fault("update", mislabel)
    server.add_tasks("t", 2)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.accepted == {"t1": COMPLETED, "t2": COMPLETED})
    assert (server.counts["update"], server.repeated, lost) == (2, {}, [])


@pytest.mark.parametrize("body", ['{"tasks": []}', "{}", "true", '"[]"', "7"])
def test_s15_another_json_than_a_list_is_an_error(server, runner, clock, counted, body):
    check_backed_off_from(server, runner, clock, counted, Status(200, body))


def test_s15_another_json_than_a_task_does_not_mean_that_a_result_is_accepted(server, runner, clock, lost):
    check_not_accepted(server, runner, clock, lost, Status(200, {"error": "please log in"}))


EMPTY = [(204, ""), *((200, body) for body in ("", "\n", "\r\n", "null", "null\n"))]
TYPES = ["application/json", "text/html; charset=utf-8"]


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize(("status", "body"), [*EMPTY, (200, " [] ")])
def test_s16_an_empty_answer_means_no_tasks(server, runner, status, body, content_type, caplog, counted):
    server.fault("poll", Status(status, body, {"Content-Type": content_type}), first=3)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.accepted)
    assert counted("task_poll_error_total", taskType="t") == 0
    assert "polls fail" not in caplog.text


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize(("status", "body"), EMPTY)
def test_s16_an_empty_answer_to_a_result_means_that_it_is_accepted(server, runner, lost, status, body, content_type):
    server.fault("update_v2", Status(status, body, {"Content-Type": content_type}, after_effect=True))
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    server.add_task("t")  # for which there is a slot once the first result is accepted
    eventually(lambda: server.accepted == {"t1": COMPLETED, "t2": COMPLETED})
    assert (server.counts["any_update"], server.repeated, lost) == (2, {}, [])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Status(200, '[{"taskId": '), id="half"),
        pytest.param(Status(200, "[]]"), id="more"),
        pytest.param(Status(200, b"\xef\xbb\xbf[]"), id="byte_order_mark"),
        pytest.param(Status(200, LATIN.encode("utf-16")), id="utf_16"),
        pytest.param(Status(200, b"\x00\xff\xfe"), id="bytes"),
        pytest.param(Status(200, b"[]", {"Content-Encoding": "gzip"}), id="not_gzip"),
    ],
)
def test_s17_json_that_is_none_is_an_error(server, runner, clock, counted, answer):
    check_backed_off_from(server, runner, clock, counted, answer)


def test_s17_bytes_that_are_no_json_do_not_mean_that_a_result_is_accepted(server, runner, clock, lost):
    check_not_accepted(server, runner, clock, lost, Status(200, b"\xff\xfe"))


def test_s17_a_text_that_is_not_utf_8_costs_no_more_than_its_task(server, runner):
    server.fault("poll", Status(200, LATIN.encode("latin-1")), at=1)
    server.add_task("t", taskId="good")
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.accepted == {"good": COMPLETED})


@pytest.mark.parametrize(
    "headers",
    [
        {"Location": "http://[oops/"},
        {"Retry-After": "Fri, 31 Dec 99999 23:59:59 GMT"},
        {"Retry-After": "Fri, 31 Dec 9999 23:59:59 -9999999"},
    ],
)
def test_s4_a_header_that_cannot_be_read_costs_no_result(server, runner, headers):
    server.fault("any_update", Status(302 if "Location" in headers else 503, b"\xff", headers), at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.accepted == {"t1": "COMPLETED"})


def test_s17_a_task_that_is_no_utf8_costs_the_others_of_its_answer_nothing(server, runner):
    def two_more_than_asked_for(exchange):
        tasks = [*exchange.apply().body, *server.poll("t", 2)]
        exchange.send(Answer(200, json.dumps(tasks).encode().replace(b'"t1"', b'"\xff"', 1)))

    server.fault("poll", two_more_than_asked_for, at=1)
    server.add_tasks("t", 3)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: set(server.accepted) >= {"t2", "t3"})


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(b'{}, "pollCount": null, "inputData": {"n": "\xff"}', id="no_utf8_after_a_null"),
        pytest.param(b'{"n": "\\ud800"}', id="half_a_surrogate_pair"),
        pytest.param(b'{"n": NaN}', id="nan"),
    ],
)
def test_s17_a_task_that_is_odd_json_fails_and_costs_no_other(server, runner, lost, odd, batch_size):
    def spoil(exchange):
        answer = exchange.apply()
        exchange.send(replace(answer, body=answer.content.replace(b'"ODD"', odd)))

    server.fault("poll", spoil)
    server.fault("update_v2", spoil)
    ids = server.add_tasks("t", 1)
    bad = server.add_task("t", inputData="ODD")
    ids += server.add_tasks("t", 1)
    runner.start_worker("t", lambda task: None, batch_size=batch_size)
    eventually(lambda: server.accepted.keys() == {*ids, bad})
    assert server.accepted == {**dict.fromkeys(ids, COMPLETED), bad: FAILED}
    assert "the worker cannot read this task" in server.task(bad)["reasonForIncompletion"]
    assert (server.repeated, lost) == ({}, [])
