"""The task that an update brings, the tasks that come too many, twice or wrong, and who gets which slot."""

import threading

import pytest

from support.raw_faults import Answer, Status, answer_soundly
from support.spelling import either_spelling
from support.waiting import eventually

COMPLETED = "COMPLETED"


@pytest.fixture
def held():
    """An action that answers soundly once ``held.release`` is set."""

    def held(exchange):
        held.release.wait(20)
        answer_soundly(exchange)

    held.release = threading.Event()
    yield held
    held.release.set()


MEANWHILE = {
    "paused": lambda runner: runner.pause("t"),
    "paused with all others": lambda runner: runner.pause(),
    "given no slots": lambda runner: runner.set_batch_size("t", 0),
    "given one slot less": lambda runner: runner.decrease_batch_size("t", 1),
    "stopped": lambda runner: runner.shutdown("t"),
    "stopped with all others": lambda runner: runner.shutdown(),
}


@either_spelling
@pytest.mark.parametrize("change", MEANWHILE.values(), ids=MEANWHILE)
def test_the_next_task_is_handed_back_by_a_worker_that_may_not_go_on(server, runner, held, spell, change):
    """And as it was: its output, though it never ran, and in the runner's name."""
    server.fault("update_v2", held, at=1)
    server.add_task("t")
    following = server.add_task("t", outputData={"kept": 1})
    executed = []
    runner.start_worker("t", spell(lambda task: executed.append(task.task_id)))
    eventually(lambda: server.counts["update_v2"] == 1)
    change(runner)
    held.release.set()
    eventually(lambda: server.requeues == {following: 1})
    assert executed == ["t1"]
    assert server.accepted == {"t1": COMPLETED}
    assert server.task(following)["outputData"] == {"kept": 1}
    handed_back = server.results()[-1]
    assert (handed_back["taskId"], handed_back["workerId"]) == (following, "worker-1")
    assert "callbackAfterSeconds" not in handed_back
    assert "reasonForIncompletion" not in handed_back


@either_spelling
def test_the_next_task_runs_if_its_worker_was_paused_only_for_a_moment(server, runner, held, spell):
    server.fault("update_v2", held, at=1)
    server.add_tasks("t", 2)
    runner.start_worker("t", spell(lambda task: None))
    eventually(lambda: server.counts["update_v2"] == 1)
    runner.pause("t")
    runner.resume("t")
    held.release.set()
    eventually(lambda: server.accepted == {"t1": COMPLETED, "t2": COMPLETED})
    assert server.requeues == {}


@either_spelling
@pytest.mark.parametrize("change", MEANWHILE.values(), ids=MEANWHILE)
def test_a_worker_that_may_not_go_on_asks_for_no_next_task(server, runner, gate, spell, change):
    server.add_tasks("t", 2)

    def worker(task):
        entered.set()
        released.wait(20)

    entered, released = threading.Event(), threading.Event()
    runner.start_worker("t", spell(worker))
    assert entered.wait(10)
    change(runner)
    released.set()
    eventually(lambda: server.accepted == {"t1": COMPLETED})
    assert (server.counts["update"], server.counts["update_v2"]) == (1, 0)


def test_a_lowered_limit_ends_as_many_lines_of_work_as_are_too_many(server, runner, gate):
    server.add_tasks("t", 3)
    runner.start_worker("t", gate, batch_size=3)
    for _ in range(3):
        gate.inside.get(timeout=5)
    runner.set_batch_size("t", 1)
    gate.opened.set()
    eventually(lambda: len(server.accepted) == 3)
    assert server.counts["update"] >= 2  # the third may ask for a next task if it comes last


def test_no_more_run_than_a_lowered_limit_allows_and_as_many_as_a_raised_one(server, runner):
    running, most, lock = 0, 0, threading.Lock()
    may_end = threading.Semaphore(0)

    def worker(task):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        may_end.acquire(timeout=20)
        with lock:
            running -= 1

    runner.start_worker("t", worker, batch_size=4)
    server.add_tasks("t", 12)
    eventually(lambda: running == 4)
    runner.set_batch_size("t", 2)
    may_end.release(2)
    eventually(lambda: len(server.accepted) == 2)
    most = 0
    may_end.release(4)
    eventually(lambda: len(server.accepted) == 6 and running == 2)
    assert most == 2
    runner.increase_batch_size("t", 3)
    eventually(lambda: running == 5)
    may_end.release(100)
    eventually(lambda: len(server.accepted) == 12)
    assert most == 5


def test_a_paused_worker_takes_no_task_when_its_limit_is_raised(server, runner):
    runner.start_worker("t", lambda task: None, poll_timeout=0.01)
    runner.pause("t")
    polls = eventually(lambda: settled(server, "poll"))
    server.add_task("t")
    runner.increase_batch_size("t", 5)
    runner.set_batch_size("t", 3)
    assert settled(server, "poll") == polls
    runner.resume("t")
    eventually(lambda: server.accepted)


def test_a_worker_with_no_slots_takes_no_task_when_it_is_resumed(server, runner):
    runner.start_worker("t", lambda task: None, poll_timeout=0.01)
    runner.set_batch_size("t", 0)
    polls = eventually(lambda: settled(server, "poll"))
    server.add_task("t")
    runner.pause("t")
    runner.resume("t")
    assert settled(server, "poll") == polls
    runner.set_batch_size("t", 1)
    eventually(lambda: server.accepted)


def settled(server, operation):
    """How many requests have come, if no more do for longer than a poll may be held."""
    number = server.counts[operation]
    threading.Event().wait(3 * server.longest_wait)
    return number if server.counts[operation] == number else 0


# Copies


@either_spelling
def test_an_update_that_brings_a_task_that_runs_already_starts_nothing(server, runner, gate, counted, caplog, spell):
    """And it is not handed back either, which would take it away from here."""

    def worker(task):
        executed.append(task.task_id)
        return gate(task) if task.task_id == "t1" and not gate.inside.qsize() else None

    executed = []
    copy = lambda exchange: exchange.apply() and exchange.send(Answer(body=server.task("t1")))  # noqa: E731
    server.fault("update_v2", copy, at=1)
    server.add_tasks("t", 2)
    runner.start_worker("t", worker, batch_size=2)
    eventually(lambda: counted("task_duplicate_total", taskType="t") == 1)
    last = server.add_task("t")  # the slot is free again
    eventually(lambda: server.accepted == {"t2": COMPLETED, last: COMPLETED})
    gate.opened.set()
    eventually(lambda: server.accepted == {"t1": COMPLETED, "t2": COMPLETED, last: COMPLETED})
    assert sorted(executed) == ["t1", "t2", last]
    assert server.requeues == {}
    assert "ignored a task that is running already (task_id='t1'" in caplog.text


def test_copies_of_running_tasks_take_no_slots(server, runner, gate, counted):
    server.add_tasks("t", 2)
    copies = lambda exchange: exchange.send(Answer(body=[server.task("t1"), server.task("t2")]))  # noqa: E731
    runner.start_worker("t", gate, batch_size=4)
    for _ in range(2):
        gate.inside.get(timeout=5)
    server.fault("poll", copies, at=1)
    eventually(lambda: counted("task_duplicate_total", taskType="t") == 2)
    server.add_tasks("t", 2)
    assert {gate.inside.get(timeout=5) for _ in range(2)} == {"t3", "t4"}
    gate.opened.set()
    eventually(lambda: len(server.accepted) == 4)
    assert server.requeues == {}


def test_a_copy_of_a_running_task_that_finds_no_slot_is_not_handed_back(server, runner, gate, counted):
    """It would be taken from the worker that runs it."""
    server.add_task("t")
    runner.start_worker("t", gate, batch_size=2)
    gate.inside.get(timeout=5)

    def another_and_a_copy(exchange):
        server.add_task("t")
        exchange.send(Answer(body=[*exchange.server.poll("t", number=1), server.task("t1")]))

    server.fault("poll", another_and_a_copy, at=1)
    eventually(lambda: counted("task_duplicate_total", taskType="t") == 1)
    gate.opened.set()
    eventually(lambda: server.accepted == {"t1": COMPLETED, "t2": COMPLETED})
    assert server.requeues == {}


def test_a_task_may_come_again_when_its_result_is_accepted(server, runner):
    """A retry that an operator asks for may have the same id."""
    executed = []
    server.add_task("t")
    runner.start_worker("t", lambda task: executed.append(task.task_id))
    eventually(lambda: server.accepted)
    server.requeue("t1")
    eventually(lambda: executed == ["t1", "t1"])


# Tasks of another type


@either_spelling
def test_an_update_that_brings_a_task_of_another_type_hands_it_back(server, runner, caplog, spell):
    stray = {"taskId": "stray", "workflowInstanceId": "w", "taskType": "other", "outputData": {"kept": 1}}
    server.fault("update_v2", Status(200, stray, after_effect=True), at=1)
    server.add_task("t")
    executed = []
    runner.start_worker("t", spell(lambda task: executed.append(task.task_id)))
    eventually(lambda: len(server.results()) == 2)
    handed_back = server.results()[-1]
    assert handed_back == {
        "taskId": "stray",
        "workflowInstanceId": "w",
        "status": "IN_PROGRESS",
        "outputData": {"kept": 1},
        "workerId": "worker-1",
    }
    assert executed == ["t1"]
    assert "t: handed back a task of type other (task_id='stray'" in caplog.text
    last = server.add_task("t")  # the slot is free again
    eventually(lambda: last in server.accepted)


# Repeating a hand-back


@pytest.mark.parametrize(("shown", "sent"), [({}, 2), ({"pollCount": 2}, 1), ({"status": "SCHEDULED"}, 1)])
def test_a_hand_back_is_repeated_only_if_the_task_is_still_as_it_was_delivered(
    server, runner, gate, caplog, shown, sent
):
    surplus = {"taskId": "surplus", "workflowInstanceId": "w", "pollCount": 1, "status": "IN_PROGRESS"}
    more = lambda exchange: exchange.send(Answer(body=[*server.poll("t"), surplus]))  # noqa: E731
    server.fault("poll", more, at=1)
    lost = server.fault("update", Status(503), at=1)
    server.fault("update", Status(200))
    server.fault("get_task", Status(200, {**surplus, **shown}))
    server.add_task("t")
    runner.start_worker("t", gate)
    gate.inside.get(timeout=5)
    eventually(lambda: lost.hits and server.counts["get_task"])
    runner.pause()
    gate.opened.set()

    def of_surplus():
        return [result for result in server.results() if result["taskId"] == "surplus"]

    # The result of t1 may go out before the hand-back is repeated.
    eventually(lambda: COMPLETED in [result["status"] for result in server.results()] and len(of_surplus()) >= sent)
    handed_back = of_surplus()
    assert len(handed_back) == sent
    assert handed_back == [handed_back[0]] * sent
    assert "discarded" not in caplog.text  # it has arrived, or the task is somebody else's by now
