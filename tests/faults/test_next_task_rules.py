"""When results go out by update-v2, whose answer may bring the next task, and when by the plain update."""

import threading

import pytest

from conductor import ApiClient, AuthenticationError, AuthenticationSettings, HttpSettings, TaskExecutor, TaskRunner
from support.raw_faults import Reset, Status, answer_soundly, conductor_error
from support.raw_server import RawServer
from support.waiting import Gate, eventually

MISSING = conductor_error(404, "No static resource api/tasks/update-v2.")
ENDS_SOON = 20


def test_when_a_missing_update_v2_is_due_to_be_tried_again_one_result_tries_it(server, runner, clock, gate):
    release = threading.Event()

    def hold(exchange):
        release.wait(ENDS_SOON)
        answer_soundly(exchange)

    server.fault("update_v2", MISSING, at=1)
    tried = server.fault("update_v2", hold, at=2)
    server.add_task("t")
    runner.start_worker("t", lambda task: None if task.task_id == "t1" else gate(task), batch_size=3)
    eventually(lambda: server.accepted == {"t1": "COMPLETED"})
    server.add_tasks("t", 3)
    clock.run_until(lambda: gate.inside.qsize() == 3, step=0.1)  # a poll in vain is followed by a pause
    clock.advance(300)
    gate.opened.set()
    eventually(lambda: len(server.accepted) == 3)
    assert (server.counts["update_v2"], tried.seen) == (2, 2)
    release.set()
    eventually(lambda: len(server.accepted) == 4)


def test_once_it_is_there_every_result_goes_by_it(server, runner, clock):
    server.fault("update_v2", MISSING, at=1)
    runner.start_worker("t", lambda task: None)
    server.add_task("t")
    eventually(lambda: len(server.accepted) == 1)
    clock.advance(300)
    for number in (2, 3, 4):
        server.add_task("t")
        eventually(lambda: len(server.accepted) == number)  # noqa: B023 - it is asked at once
    assert server.counts["update_v2"] == 4


def test_once_its_answers_arrive_again_every_result_goes_by_it(server, runner, clock):
    server.fault("update_v2", Reset(after_effect=True), at=1)
    runner.start_worker("t", lambda task: None)
    server.add_task("t")
    eventually(lambda: server.repeated)
    clock.advance(0.5)
    for number in (2, 3, 4):
        server.add_task("t")
        eventually(lambda: len(server.accepted) == number)  # noqa: B023 - it is asked at once
    assert server.counts["update_v2"] == 4


def test_while_its_answers_are_lost_its_pauses_grow_and_are_short_again_afterwards(server, runner, clock):
    lost = server.fault("update_v2", Reset(after_effect=True), first=8)
    runner.start_worker("t", lambda task: None)

    def seconds_until_the_next():
        before, began = server.counts["update_v2"], clock.now()
        while server.counts["update_v2"] == before:
            clock.advance(0.1)
            task_id = server.add_task("t")
            eventually(lambda: task_id in server.accepted)  # noqa: B023 - it is asked at once
        return clock.now() - began

    pauses = [seconds_until_the_next() for _ in range(9)]
    assert lost.hits == 8
    assert max(pauses[:2]) <= 0.7
    assert pauses[7] >= 4
    server.fault("update_v2", Reset(after_effect=True), at=1)
    seconds_until_the_next()
    assert seconds_until_the_next() <= 0.7


@pytest.fixture
def guarded():
    """A server whose calls need a token."""
    with RawServer(key=("key", "secret"), longest_wait=0.05) as server:
        yield server


@pytest.fixture
def guarded_client(guarded):
    settings = AuthenticationSettings("key", "secret"), HttpSettings(guarded.url, read_timeout=5)
    with ApiClient(*settings) as client:
        yield client


def test_a_404_of_the_token_call_does_not_mean_that_update_v2_is_missing(guarded, guarded_client, caplog):
    gate = Gate()
    with TaskRunner(guarded_client) as runner:
        guarded.add_task("t")
        runner.start_worker("t", gate)
        gate.inside.get(timeout=ENDS_SOON)
        refused = guarded.fault("token", Status(404, "<html>", {"Content-Type": "text/html"}))
        guarded.expire_tokens()
        gate.opened.set()
        eventually(lambda: refused.hits and guarded.counts["update_v2"])
        guarded.clear_faults()
        eventually(lambda: guarded.accepted == {"t1": "COMPLETED"})
    assert "update-v2" not in caplog.text


def test_tokens_that_end_soon_but_work_are_renewed_at_once_each_time(guarded, guarded_client):
    """A renewed token that never worked is not; the pause after it is short, whatever came before."""
    task_id, tasks = guarded.add_task("t"), TaskExecutor(guarded_client)
    for _ in range(6):
        guarded.expire_tokens()
        assert tasks.get_task(task_id).task_id == task_id
    assert guarded.tokens_issued == 6
    guarded.expire_tokens()
    guarded.fault("get_task", Status(401), first=2)
    with pytest.raises(AuthenticationError):
        tasks.get_task(task_id)

    def works_again():
        try:
            return tasks.get_task(task_id)
        except AuthenticationError:
            return None

    guarded.expire_tokens()
    eventually(works_again, timeout=5)
