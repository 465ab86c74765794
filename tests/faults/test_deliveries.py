"""What a server may hand out, and when: each row of faults S18…, and what holds all the same."""

import logging
import threading
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from conductor import process_pool, task_context
from support.process_functions import work
from support.raw_faults import Answer, Down, Duplicate, Edit, GzipBomb, Huge, Status, conductor_error
from support.spelling import as_coroutine
from support.waiting import eventually

COMPLETED = "COMPLETED"

# S18, S19: too much

MEGABYTE = 1_000_000


def test_s18_an_answer_without_end_is_not_read_to_its_end(server, runner, clock, counted):
    huge = Huge(200 * MEGABYTE)
    server.fault("poll", huge, at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED})
    assert counted("task_poll_error_total", taskType="t") == 1
    assert huge.sent < 60 * MEGABYTE  # what was read, and what the sockets hold


TWO_MIB = "x" * (2 * 2**20)


def test_s18_no_task_is_lost_because_several_are_too_large_for_one_answer(server, runner):
    ids = [server.add_task("t", inputData={"large": TWO_MIB}) for _ in range(21)]
    runner.start_worker("t", lambda task: None, batch_size=20)
    eventually(lambda: server.accepted == dict.fromkeys(ids, COMPLETED))
    assert server.deliveries == dict.fromkeys(ids, 1)


def test_s18_tasks_that_are_suddenly_large_cost_a_lease_each_once(server, runner, clock):
    """The size of an answer is known when its tasks are the worker's already."""
    server._clock = clock.now
    for input_data in [{}] * 2 + [{"large": TWO_MIB}] * 20:
        server.add_task("t", inputData=input_data)
    runner.start_worker("t", lambda task: None, batch_size=20)
    clock.run_until(lambda: len(server.accepted) == 22)
    assert set(server.accepted.values()) == {COMPLETED}
    assert max(server.expiries.values()) == 1


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ('"taskId": "alone", "inputData": {"large": "LARGE"}', "alone"),
        ('"outputData": {"taskId": "another", "a": [{"taskId": "a third"}]}, "taskId":"alone","x":"LARGE"', "alone"),
        ('"reason": "\\"taskId\\": \\"no\\" [{\\\\", "taskId" : "alone", "x": "LARGE"', "alone"),
        ('"inputData": {"taskId": "another", "large": "LARGE"}, "taskId": "alone"', None),
        ('"inputData": "LARGE\\"taskId\\"", "taskId": "alone"', None),
    ],
)
@pytest.mark.parametrize("operation", ["poll", "update_v2"])
def test_s18_a_task_that_is_too_large_by_itself_is_named_if_its_id_can_be_read(
    server, runner, clock, caplog, operation, members, named
):
    task = "{" + members.replace("LARGE", r"\"" * (17 * 2**20)) + "}"
    server.fault(operation, Status(200, f"[{task}]" if operation == "poll" else task), at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED})
    (record,) = [record for record in caplog.records if "a task alone is too large to be read" in record.getMessage()]
    assert record.levelname == "ERROR"
    assert vars(record).get("task_id") == named
    assert vars(record).get("task_name") == (named and ("t" if operation == "poll" else ""))


@pytest.mark.parametrize("layers", [1, 2, 6])
@pytest.mark.parametrize("operation", ["poll", "update_v2"])
def test_s18_a_bomb_is_not_inflated(server, runner, clock, operation, layers):
    bomb = GzipBomb(300 * MEGABYTE, layers)
    server.fault(operation, bomb, at=1)
    server.add_task("t")
    tracemalloc.start(1)
    try:
        runner.start_worker("t", lambda task: None)
        clock.run_until(lambda: server.accepted == {"t1": COMPLETED})
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 120 * MEGABYTE
    assert server.counts["poll"] + server.counts["any_update"] > 2


@pytest.mark.parametrize("body", ["[" * 100_000 + "]" * 100_000, '[{"a":' * 100_000, "[" * 2_000_000])
@pytest.mark.parametrize("operation", ["poll", "update_v2"])
def test_s19_an_answer_that_is_nested_too_deep_is_an_error_as_any_other(server, runner, clock, body, operation):
    server.fault(operation, Status(200, body), at=1)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: server.accepted == {"t1": COMPLETED})


# S20 to S24: odd tasks


PATH = "2026/\x1b[31m" + "x" * 300 + ".json"


@pytest.mark.parametrize("kind", ["Input", "Output"])
@pytest.mark.parametrize("where", ["a thread", "a coroutine", "a process"])
@pytest.mark.parametrize("operation", ["poll", "update_v2"])
def test_s21_no_function_runs_on_an_input_or_output_that_the_server_keeps_elsewhere(
    server, runner, kind, where, operation
):
    """Whichever request brings the task. It is failed for good, for it would be as large the next time."""
    if operation == "update_v2":
        server.add_task("t", inputData={"do": "echo"})
    elsewhere = server.add_task("t", inputData={}, **{f"external{kind}PayloadStoragePath": PATH})
    last = server.add_task("t", inputData={"do": "echo"})
    function = as_coroutine(work) if where == "a coroutine" else work
    runner.start_worker("t", function, executor=process_pool(1) if where == "a process" else None)
    eventually(lambda: last in server.accepted)
    assert server.accepted.pop(elsewhere) == "FAILED_WITH_TERMINAL_ERROR"
    assert set(server.accepted.values()) == {COMPLETED}
    reason = server.task(elsewhere)["reasonForIncompletion"]
    assert reason.startswith(
        f"PayloadElsewhereError: the task's {kind.lower()} lies in the server's external storage at"
    )
    assert "'2026/\\x1b[31mxxx" in reason
    assert f"conductor.app.task{kind}PayloadSizeThreshold, 3,072 KiB by default" in reason
    assert len(reason) < 500


def test_s23_a_task_that_is_handed_back_keeps_the_place_of_its_output(server, runner, gate):
    """The server would forget it: 3.32.3 does not, older ones do."""
    server.fault("poll", lambda exchange: exchange.send(Answer(body=server.poll("t", number=2))), at=1)
    server.add_task("t")
    surplus = server.add_task("t", externalOutputPayloadStoragePath="there.json")
    runner.start_worker("t", gate)
    (handed_back,) = eventually(server.results)
    assert (handed_back["taskId"], handed_back["status"]) == (surplus, "IN_PROGRESS")
    assert handed_back["externalOutputPayloadStoragePath"] == "there.json"


def test_an_answer_with_far_more_tasks_than_asked_for_is_refused_as_a_whole(server, runner, clock, counted):
    flood = [{"taskId": f"x{n}", "workflowInstanceId": "w"} for n in range(3000)]
    server.fault("poll", Status(200, flood), first=2)
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    clock.run_until(lambda: server.accepted)
    assert server.accepted == {"t1": COMPLETED}
    assert server.counts["any_update"] == 1
    assert counted("task_poll_error_total", taskType="t", exception="DecodeError") == 2


def tasks(*members):
    """An action: these tasks, whatever is in the queues."""
    ids = ({"taskId": f"x{n}", "workflowInstanceId": f"w{n}"} for n in range(len(members)))
    return Status(200, [{**known, **odd} for known, odd in zip(ids, members, strict=True)])


def odd_tasks(change):
    """An action: the tasks of a poll, each changed by a function of its number from 1."""
    return Edit(lambda found: [{**task, **change(n)} for n, task in enumerate(found, 1)])


def test_s20_an_unknown_enum_in_one_of_two_tasks_costs_neither(server, runner):
    workflow_task = {"name": "t", "taskReferenceName": "t", "type": "NEW", "workflowTaskType": "NEW"}
    odd = {"status": "PAUSED_BY_LAW", "workflowTask": workflow_task}
    server.fault("poll", odd_tasks(lambda n: odd if n == 1 else {}))
    server.add_tasks("t", 4)
    seen = []
    runner.start_worker("t", lambda task: seen.append(task.status), batch_size=2)
    eventually(lambda: len(server.accepted) == 4)
    assert set(server.accepted.values()) == {COMPLETED}
    assert "PAUSED_BY_LAW" in seen


@pytest.mark.parametrize(
    "odd",
    [
        {"new": {"x": [1, None]}, "workflowTask": {"name": "t", "taskReferenceName": "t", "new": 1}},
        {"inputData": None, "outputData": None, "taskDefinition": None, "workflowTask": None},
        {"retryCount": None, "pollCount": None, "responseTimeoutSeconds": None, "callbackAfterSeconds": None},
        {"status": None, "taskType": None, "domain": None, "workerId": None},
    ],
)
def test_s21_unknown_members_and_nulls_are_as_if_they_were_not_there(server, runner, odd):
    server.fault("poll", odd_tasks(lambda n: odd))
    server.add_task("t")
    runner.start_worker("t", lambda task: {"input": task.input_data})
    eventually(lambda: server.accepted == {"t1": COMPLETED})


@pytest.mark.parametrize(
    "bad", [{"taskId": None}, {"taskId": ""}, {"taskId": 5}, {"taskId": "x" * 257}, {"taskId": ["x"]}]
)
def test_s21_a_task_without_a_usable_id_is_skipped_with_a_warning(server, runner, caplog, bad):
    server.fault("poll", tasks(bad, {"taskId": "t1", "workflowInstanceId": "w1"}), at=1)
    server.add_task("other")  # t1 is known to the server
    executed = []
    runner.start_worker("t", lambda task: executed.append(task.task_id), batch_size=2)
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert executed == ["t1"]
    (said,) = [record for record in caplog.records if "skipped" in record.getMessage()]
    assert said.levelno == logging.WARNING
    assert len(said.getMessage()) < 250


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
MEMBERS = ["status", "inputData", "retryCount", "workflowTask", "pollCount", "taskDefinition", "taskType", "new"]
IDS = {"taskId": st.text(max_size=9), "workflowInstanceId": st.text(max_size=9)}
ODD_TASK = (
    JSON
    | st.dictionaries(st.sampled_from(list(IDS)), JSON)
    | st.fixed_dictionaries(IDS, optional=dict.fromkeys(MEMBERS, JSON))
)


@pytest.fixture
def extra():
    """What comes with the next task, before it."""
    return []


@settings(
    max_examples=60,
    phases=[Phase.generate],  # a failure takes its time: too long to look for a smaller one
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(odd=st.lists(ODD_TASK, max_size=4))
def test_s21_whatever_comes_with_a_good_task_that_one_runs(server, runner, extra, odd):
    extra[:] = odd
    if not runner.get_batch_size_for_task("t"):
        server.longest_wait = 0.01
        server.fault("update_v2", conductor_error(405, "not supported"))  # so that all tasks come by polls
        server.fault("poll", Edit(lambda found: [extra.pop() for _ in extra[:]] + found if found else found))
        runner.start_worker("t", lambda task: None, poll_interval=0.001)
    task_id = server.add_task("t")
    eventually(lambda: server.accepted.get(task_id) == COMPLETED)
    assert extra == []


def test_s21_a_server_that_repeats_what_is_no_task_is_not_hurried(server, runner, clock, caplog):
    server.fault("poll", Status(200, [{}, 1, []]))
    runner.start_worker("t", lambda task: None, poll_interval=0.01)
    clock.run_until(lambda: len(clock.poll_waits()) >= 12)
    assert clock.poll_waits()[11] == 1
    assert set(caplog.messages) == {"skipped 3 polled tasks without usable ids: they come back when their leases end"}


def test_s22_a_task_that_is_twice_in_an_answer_runs_once(server, runner, gate, counted):
    """And it is not handed back either: it runs here, and would run a second time elsewhere."""
    server.fault("poll", Duplicate(), at=1)
    server.add_task("t")
    runner.start_worker("t", gate)
    gate.inside.get(timeout=10)
    eventually(lambda: server.requeues or counted("task_duplicate_total", taskType="t") == 1)
    gate.opened.set()
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert gate.inside.empty()
    assert (server.requeues, server.deliveries) == ({}, {"t1": 1})


def test_s22_a_task_that_is_delivered_again_while_it_runs_runs_once(server, runner, gate, counted):
    server.add_task("t")
    runner.start_worker("t", gate, batch_size=2)
    gate.inside.get(timeout=10)
    server.requeue("t1")
    eventually(lambda: counted("task_duplicate_total", taskType="t") == 1)
    gate.opened.set()
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert gate.inside.empty()
    assert server.requeues == {}


def test_s23_what_is_more_than_asked_for_is_handed_back_as_it_was(server, runner, gate, counted):
    def more(exchange):
        exchange.send(Answer(body=exchange.server.poll("t", number=3)))

    server.fault("poll", more, at=1)
    for kept in range(3):
        server.add_task("t", outputData={"kept": kept})
    runner.start_worker("t", gate)
    eventually(lambda: server.requeues == {"t2": 1, "t3": 1})
    assert [server.task(task_id)["outputData"] for task_id in ("t2", "t3")] == [{"kept": 1}, {"kept": 2}]
    assert counted("task_handed_back_total", taskType="t") == 2
    gate.opened.set()
    eventually(lambda: len(server.accepted) == 3)
    assert server.deliveries == {"t1": 1, "t2": 2, "t3": 2}


def test_s24_a_task_of_another_type_is_handed_back_and_not_run(server, runner, caplog):
    stray = {"taskType": "other", "taskDefName": "other"}
    server.fault("poll", odd_tasks(lambda n: stray), first=2)
    executed = []
    server.add_task("t", outputData={"kept": 1})
    runner.start_worker("t", lambda task: executed.append(task.poll_count))
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert executed == [server.deliveries["t1"]]  # the first that came under its name
    assert server.requeues == {"t1": 2}
    said = [record for record in caplog.records if "other" in record.getMessage()]
    assert [record.levelno for record in said] == [logging.ERROR] * 2


@pytest.mark.parametrize("names", [{"taskType": "other"}, {"taskDefName": "other"}, {"taskType": "SIMPLE"}])
def test_s24_one_of_its_two_names_is_enough(server, runner, names):
    server.fault("poll", odd_tasks(lambda n: names))
    server.add_task("t")
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert server.requeues == {}


# S25 to S28: time and leases


def run_for_a_lease(server, runner, **members):
    """Run a task until its lease of 4 s was extended once; when, in seconds after its poll."""
    server.add_task("t", responseTimeoutSeconds=4, **members)
    runner.start_worker("t", lambda task: eventually(lambda: server.extensions) and None, lease_extension=True)
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert (server.extensions, server.expiries) == ({"t1": 1}, {})
    (extension,) = server.of("extend")
    return extension.at - server.of("poll")[0].at


@pytest.mark.parametrize("jump", [3600, -3600])
def test_s25_a_jump_of_this_machines_clock_moves_no_lease(server, runner, monkeypatch, jump):
    real, jumped = time.time, threading.Event()
    monkeypatch.setattr(time, "time", lambda: real() + (jump if jumped.is_set() else 0))
    server.fault("poll", lambda exchange: jumped.set() or exchange.send(exchange.apply()))
    assert run_for_a_lease(server, runner) >= 4 / 3


@pytest.mark.parametrize("skew", [86_400_000, -86_400_000])
def test_s26_a_server_whose_clock_is_wrong_moves_no_lease(server, runner, skew):
    now = time.time() * 1000 + skew
    times = dict.fromkeys(("scheduledTime", "startTime", "updateTime", "firstStartTime"), round(now))
    assert run_for_a_lease(server, runner, **times) >= 4 / 3


def test_s27_a_result_that_comes_after_its_lease_is_ignored_and_counted(server, runner, clock, gate, counted):
    server.add_task("t", responseTimeoutSeconds=60)
    runner.start_worker("t", gate)
    gate.inside.get(timeout=10)
    clock.advance(61)
    server.expire("t1")
    gate.opened.set()
    eventually(lambda: server.accepted == {"t1.1": COMPLETED})
    assert server.repeated == {"t1": 1}
    assert counted("task_result_late_total", taskType="t") == 1


def test_s28_a_task_that_was_cancelled_while_it_ran_is_not_told_by_its_lease(server, runner, counted, lost):
    told = []

    def worker(task):
        if task.task_id == "t1":
            server.cancel("t1")
            eventually(lambda: server.extensions["t1"])
            eventually(lambda: counted("task_lease_extension_total", taskType="t") == 1)
            told.append(bool(task_context().lost))

    server.add_task("t", responseTimeoutSeconds=2)
    server.add_task("t")
    runner.start_worker("t", worker, lease_extension=True)
    eventually(lambda: server.accepted == {"t2": COMPLETED})
    assert told == [False]
    assert (server.repeated, lost) == ({"t1": 1}, [])


# S29: restart


def test_s29_a_server_that_restarts_during_polls_loses_no_more_than_what_it_had_handed_out(server, runner):
    server.fault("poll", Down(0.3), at=2)
    server.fault("poll", Down(0.3, after_effect=True), at=4)
    server.add_tasks("t", 30)
    executed = []
    runner.start_worker("t", lambda task: executed.append(task.task_id), batch_size=3)
    eventually(lambda: server.counts["poll"] > 4)  # both restarts are over
    eventually(lambda: server.waiting("t") == 0 and len(server.accepted) + len(in_hand(server, executed)) >= 30)
    expired = in_hand(server, executed)
    for task_id in expired:
        server.expire(task_id)
    eventually(lambda: len(server.accepted) >= 30)
    assert {server.original(task_id) for task_id in server.accepted} == {f"t{n}" for n in range(1, 31)}
    again = [task_id for task_id in executed if server.original(task_id) != task_id]
    assert {server.original(task_id) for task_id in again} <= set(expired)  # one may have been on its way here
    assert len(set(executed)) == len(executed)
    assert server.requeues == {}


def in_hand(server, executed):
    """What was handed out and never reached the worker."""
    return [task_id for task_id in server.deliveries if task_id not in executed]
