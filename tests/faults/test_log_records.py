"""Each record about a task has its ids as attributes, whatever has gone wrong, and says whether the task is retried."""

import logging
import threading

import pytest

from conductor import MetricsCollector, NonRetryableError, TaskResult, TaskResultStatus, TaskRunner, TransportError
from conductor.testing import FakeTaskClient
from support.raw_faults import Duplicate, Edit, Status, conductor_error
from support.waiting import eventually

COMPLETED, FAILED, FINAL = "COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR"


@pytest.fixture
def records(caplog):
    """A function: the records so far whose text holds this."""
    caplog.set_level(logging.DEBUG, "conductor")
    return lambda text: [record for record in caplog.records if text in record.getMessage()]


def check_ids(record, retry_count=3):
    """They are those of the first task in the queue, under the worker's own name for it."""
    assert (record.task_id, record.workflow_instance_id) == ("t1", "w1")
    assert (record.task_name, record.retry_count) == ("ship", retry_count)
    assert "task_id='t1'" in record.getMessage()


def raises(error):
    def worker(task):
        raise error

    return worker


def returns(status, reason=None):
    def worker(task):
        result = TaskResult.from_task(task)
        result.status, result.reason_for_incompletion = status, reason
        return result

    return worker


@pytest.mark.parametrize(
    ("worker", "level", "fate"),
    [
        (
            raises(ValueError("no 'stock'\nleft")),
            "WARNING",
            "and the server may retry it: ValueError: no 'stock'\\nleft",
        ),
        (raises(NonRetryableError("no such thing")), "ERROR", "and is not retried: NonRetryableError: no such thing"),
        (raises(MemoryError()), "CRITICAL", "and the server may retry it: MemoryError"),
        (returns(TaskResultStatus.FAILED, "later"), "WARNING", "and the server may retry it: later"),
        (returns(TaskResultStatus.FAILED), "WARNING", "and the server may retry it: no reason given"),
        (returns(TaskResultStatus.FAILED_WITH_TERMINAL_ERROR, "never"), "ERROR", "and is not retried: never"),
        (
            lambda task: object(),
            "ERROR",
            "and is not retried: the result cannot be sent: output: object has no JSON form",
        ),
    ],
)
def test_a_failure_says_whether_the_server_may_retry_and_the_reason_as_it_is(
    server, runner, records, worker, level, fate
):
    server.add_task("ship", retryCount=3)
    runner.start_worker("ship", worker)
    eventually(lambda: server.accepted)
    (record,) = records("ship failed")
    assert record.levelname == level
    assert record.getMessage() == f"ship failed, {fate} (task_id='t1' workflow_instance_id='w1')"
    check_ids(record)


def test_the_traceback_goes_with_the_record_of_what_a_function_raised(server, runner, records):
    error = ValueError("no")
    server.add_task("ship")
    runner.start_worker("ship", raises(error))
    eventually(lambda: server.accepted)
    (record,) = records("ship failed")
    assert record.exc_info[1] is error


@pytest.mark.parametrize("spelling", ["def", "async def"])
def test_at_debug_a_task_has_a_line_of_its_begin_and_one_of_its_end(server, runner, records, spelling):
    async def coroutine(task):
        return None

    server.add_task("ship", retryCount=3)
    runner.start_worker("ship", coroutine if spelling == "async def" else lambda task: None)
    eventually(lambda: server.accepted)
    begun, ended = [*records("ship: begun"), *records("ship: COMPLETED after 0.0")]
    for record in (begun, ended):
        assert record.levelno == logging.DEBUG
        check_ids(record)


def test_at_info_a_task_that_goes_well_has_none(server, runner, caplog):
    caplog.set_level(logging.INFO, "conductor")
    server.add_tasks("ship", 5)
    runner.start_worker("ship", lambda task: None, batch_size=5)
    eventually(lambda: len(server.accepted) == 5)
    assert not [record for record in caplog.records if "t1" in record.getMessage()]


# Each fault: (what goes wrong, the worker's function or None for a sound one, options of the worker, what is said).
FAULTS = {
    "a copy in the same answer": (lambda s: s.fault("poll", Duplicate(), at=1), None, {}, "a copy of a task"),
    "another type": (
        lambda s: s.fault(
            "poll", Edit(lambda tasks: [{**t, "taskType": "a", "taskDefName": "b"} for t in tasks]), at=1
        ),
        None,
        {},
        "handed back a task of type a, b",
    ),
    "a large output": (lambda s: None, lambda task: "x" * 2_000_000, {}, "an output of 2000013 bytes"),
    "a time limit": (
        lambda s: None,
        lambda task: threading.Event().wait(1),
        {"timeout": 0.05},
        "limit of 0.05 s has passed",
    ),
    "a result that is refused": (
        lambda s: s.fault("any_update", conductor_error(400, "not this one"), at=1),
        None,
        {},
        "the COMPLETED result was refused",
    ),
    "a result that nobody waits for": (
        lambda s: s.fault("any_update", conductor_error(404, "No such task found by id: t1"), at=1),
        None,
        {},
        "the COMPLETED result was discarded",
    ),
    "a task that cannot be read": (
        lambda s: s.fault("poll", Edit(lambda tasks: [{**t, "inputData": 5} for t in tasks]), at=1),
        None,
        {},
        "the worker cannot read this task",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_record_about_a_task_has_its_ids(server, runner, records, fault):
    goes_wrong, worker, options, said = FAULTS[fault]
    goes_wrong(server)
    server.add_task("ship", retryCount=3)
    runner.start_worker("ship", worker or (lambda task: None), batch_size=2, **options)
    (record,) = eventually(lambda: records(said))
    check_ids(record, None if "cannot be read" in fault else 3)


def test_so_has_that_of_a_copy_that_comes_while_the_task_runs(server, runner, records, gate):
    server.add_task("ship", retryCount=3)
    again = server.fault("poll", Edit(lambda tasks: tasks or [delivered]), only=lambda request: gate.inside.qsize())
    delivered = {"taskId": "t1", "workflowInstanceId": "w1", "taskType": "ship", "retryCount": 3}
    runner.start_worker("ship", gate, batch_size=2)
    check_ids(eventually(lambda: records("ignored a task that is running already"))[0])
    again.times = 0


def test_so_have_those_of_a_lease_that_cannot_be_extended(server, runner, records, gate):
    server.fault("extend", Status(503), first=2)
    server.fault("extend", conductor_error(404, "No such task found by id: t1"))
    server.add_task("ship", retryCount=3, responseTimeoutSeconds=1)
    runner.start_worker("ship", gate, lease_extension=True)
    check_ids(eventually(lambda: records("extensions of a lease fail"))[0])
    check_ids(eventually(lambda: records("the server does not know a running task"))[0])


def test_so_has_that_of_a_result_that_comes_after_its_lease(server, runner, clock, records, gate):
    server.add_task("ship", retryCount=3, responseTimeoutSeconds=30)
    runner.start_worker("ship", gate)
    gate.inside.get(timeout=10)
    clock.advance(31)
    gate.opened.set()
    check_ids(eventually(lambda: records("finished after its lease"))[0])


def test_so_have_those_at_the_end_of_a_drain(server, api_client, records, gate):
    server.add_task("ship", retryCount=3)
    runner = TaskRunner(api_client, shutdown_timeout=0)
    runner.start_worker("ship", gate)
    gate.inside.get(timeout=10)
    runner.shutdown()
    assert not runner.wait_workers()
    (record,) = records("left behind at the end of the drain")
    check_ids(record)
    assert record.levelno == logging.ERROR


def test_so_have_those_of_a_result_that_is_given_up_and_of_a_hook_that_fails(server, runner, records, tmp_path):
    def hook(result, error):
        raise ValueError("in the hook")

    class Away(FakeTaskClient):
        def update(self, result, timeout):
            raise TransportError("down")

        update_and_poll = update

    for outbox, said in ((None, "was given up"), (tmp_path / "outbox.db", "stays in the outbox")):
        client = Away()
        task_id = client.add_task("ship", retry_count=3)
        runner = TaskRunner(client, shutdown_timeout=0.05, outbox=outbox, on_result_lost=hook)
        runner.start_worker("ship", lambda task: None, poll_timeout=0.01)
        eventually(lambda client=client: not client._queues["ship", None])
        runner.shutdown()
        assert not runner.wait_workers()
        (record,) = eventually(lambda said=said: records(said))
        assert (record.task_id, record.workflow_instance_id, record.retry_count) == (task_id, "workflow-1", 3)
    (record,) = eventually(lambda: records("on_result_lost failed"))
    assert (record.task_id, record.task_name, record.retry_count) == ("task-1", "ship", 3)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("one\ntwo\x1b[2J\u202e" + "x" * 80, "the task is one\\ntwo\\x1b[2J\\u202exxx"),
        ("x" * 100_000, "the task is in a state that cannot be read"),
    ],
)
def test_a_status_that_a_server_invents_stays_on_its_line_and_is_cut(
    status, said, server, runner, clock, lost, records
):
    def puts_off(task):
        result = TaskResult.from_task(task)
        result.status = TaskResultStatus.IN_PROGRESS
        return result

    server.fault("any_update", Status(503))
    server.fault("get_task", Edit(lambda task: task | {"status": status}))
    server.add_task("ship", retryCount=3)
    runner.start_worker("ship", puts_off)
    clock.run_until(lambda: lost)
    (record,) = records(said)
    check_ids(record)
    assert len(record.getMessage()) < 500
    assert str(lost[0][1]).isprintable()


def test_names_and_statuses_that_a_server_invents_make_no_series(server, runner, clock, gate):
    def invented(tasks):
        return [{**task, "taskDefName": f"N-{task['taskId']}", "status": f"S-{task['taskId']}"} for task in tasks]

    MetricsCollector()
    server.fault("poll", Edit(invented))
    server.fault("extend", Status(503), first=50)
    server.add_tasks("ship", 200, responseTimeoutSeconds=60)
    runner.start_worker("ship", gate, batch_size=200, lease_extension=True)
    for _ in range(200):
        gate.inside.get(timeout=10)
    clock.run_until(lambda: len(server.extensions) == 200)
    gate.opened.set()
    clock.run_until(lambda: len(server.accepted) == 200)
    values = {value for metric in MetricsCollector().collect() for s in metric.samples for value in s.labels.values()}
    assert "ship" in values
    assert not [value for value in values if value.startswith(("N-", "S-"))]


def test_extensions_of_leases_are_counted_under_the_workers_own_name(server, runner, gate, counted):
    server.fault("extend", Status(503), at=1)
    server.fault("poll", Edit(lambda tasks: [{**task, "taskDefName": "invented"} for task in tasks]))
    server.add_task("ship", responseTimeoutSeconds=1)
    runner.start_worker("ship", gate, lease_extension=True)
    eventually(lambda: counted("task_lease_extension_total", taskType="ship"))
    assert counted("task_lease_extension_error_total", taskType="ship") == 1
    assert counted("task_lease_extension_total", taskType="invented") == 0
