"""What a runner says of what goes wrong, once and no more, and that what it cannot say costs nothing."""

import asyncio
import logging

import pytest

from conductor import TaskResultStatus, TaskRunner
from support.raw_faults import HalfOpen, Status, conductor_error
from support.waiting import eventually

COMPLETED, FINAL = TaskResultStatus.COMPLETED, TaskResultStatus.FAILED_WITH_TERMINAL_ERROR
MISSING_ROUTE = Status(404, {"timestamp": 0, "status": 404, "error": "Not Found", "path": "/api/tasks/update-v2"})


def said(caplog, text):
    return [record for record in caplog.records if text in record.getMessage()]


def test_an_outage_of_updates_is_said_once_and_so_is_its_end(server, runner, clock, caplog):
    caplog.set_level(logging.INFO, "conductor")
    server.fault("any_update", conductor_error(503, "down"))
    server.add_tasks("t", 3)
    runner.start_worker("t", lambda task: None, batch_size=3)
    clock.run_until(lambda: server.counts["any_update"] > 12)
    eventually(lambda: len([name for name, _ in clock.waits if "work" in name]) == server.counts["any_update"])
    server.clear_faults()
    clock.run_until(lambda: len(server.accepted) == 3)
    (warning,) = said(caplog, "t: results are not accepted, and are sent again")
    assert warning.levelno == logging.WARNING
    assert "503: down" in warning.getMessage()
    (info,) = said(caplog, "t: results are accepted again")
    assert info.levelno == logging.INFO


def test_one_result_that_is_never_taken_beside_many_that_are_is_said_once(server, runner, clock, lost, caplog):
    caplog.set_level(logging.INFO, "conductor")
    server.fault("any_update", Status(500), only=lambda request: b'"t1"' in request.body)
    server.add_tasks("t", 20)
    runner.start_worker("t", lambda task: None, batch_size=2)
    clock.run_until(lambda: len(server.accepted) == 19)
    clock.run_until(lambda: len(server.results()) > 24)
    assert len([record for record in caplog.records if record.levelno > logging.INFO]) == 1


def test_a_line_names_the_place_that_wrote_it(server, runner, caplog):
    server.fault("poll", Status(500), at=1)
    runner.start_worker("t", lambda task: None)
    (warning,) = eventually(lambda: said(caplog, "polls fail"))
    assert (warning.name, warning.filename) == ("conductor.delivery.failure_log", "failure_log.py")


def test_a_result_that_arrives_at_its_second_attempt_is_not_worth_a_word(server, runner, clock, caplog):
    server.fault("any_update", Status(503), at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: server.accepted)
    assert caplog.records == []


def test_s7_that_update_v2_is_missing_is_said_once_for_all_workers_of_a_runner(server, runner, gate, caplog):
    server.fault("update_v2", MISSING_ROUTE)
    server.add_tasks("t", 10)
    runner.start_worker("t", gate, batch_size=10)
    for _ in range(10):
        gate.inside.get(timeout=5)
    gate.opened.set()
    eventually(lambda: len(server.accepted) == 10)
    asked = server.counts["update_v2"]
    server.add_tasks("u", 3)
    runner.start_worker("u", lambda task: None)
    eventually(lambda: len(server.accepted) == 13)
    assert server.counts["update_v2"] == asked
    assert len(said(caplog, "the server has no update-v2")) == 1


@pytest.mark.parametrize("output", [{"n": float("nan")}, {"text": "x" * 11_000_000}, {"o": object()}])
def test_w11_an_output_that_is_refused_here_is_logged_and_counted_as_an_error(server, runner, caplog, counted, output):
    server.add_task("t")
    runner.start_worker("t", lambda task: output)
    eventually(lambda: server.accepted == {"t1": FINAL})
    (error,) = said(caplog, "t failed, and is not retried: the result cannot be sent: ")
    assert (error.levelno, error.task_id) == (logging.ERROR, "t1")
    assert counted("task_execute_error_total", taskType="t") == 1
    if "text" in output:
        assert counted("task_result_size_bytes_sum", taskType="t") > 11_000_000


def test_l6_a_poll_that_is_left_without_an_answer_is_said(server, api_client, caplog):
    server.fault("poll", HalfOpen())
    runner = TaskRunner(api_client, shutdown_timeout=0)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.counts["poll"])
    runner.shutdown()
    assert not runner.wait_workers()
    (error,) = said(caplog, "t: requests have no answer")
    assert error.levelno == logging.ERROR
    assert caplog.messages[-1] == "stopped: not all was delivered or ended in time, see above"


class Broken(logging.Handler):
    """Against logging's own rule that a handler keeps its errors to itself."""

    def __init__(self, error):
        super().__init__()
        self._error = error

    def emit(self, record):
        raise self._error


@pytest.fixture(params=[OSError("the disk is full"), SystemExit(1), asyncio.CancelledError()], ids=repr)
def broken_log(request):
    handler = Broken(request.param)
    logger = logging.getLogger("conductor")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


@pytest.mark.usefixtures("broken_log")
def test_a_log_handler_that_raises_loses_no_result_and_ends_no_worker(server, runner, clock, lost):
    def worker(task):
        if task.task_id == "t1":
            raise ValueError("so that there is something to log")
        if task.task_id == "t3":
            server.forget("t3")

    server.fault("poll", Status(500), first=2)
    server.fault("any_update", Status(503), first=4)
    server.add_tasks("t", 3)
    runner.start_worker("t", worker)
    clock.run_until(lambda: server.accepted == {"t1": TaskResultStatus.FAILED, "t2": COMPLETED})
    eventually(lambda: [result.task_id for result, _ in lost] == ["t3"])
