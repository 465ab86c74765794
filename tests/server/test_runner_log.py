"""What the log says of a runner: that it polls, drains and has stopped; and what it finds out about its task types."""

import logging
import os
import re
import signal
import socket
import threading

import pytest

from conductor import TaskResult, TaskResultStatus, TaskRunner
from conductor.task_client import HttpTaskClient
from conductor.testing import DevServer, FakeTaskClient, pytest_plugin
from support.stub import POLL, Answer, error
from support.waiting import Gate, eventually

DEFINITION = "GET /metadata/taskdefs/"


@pytest.fixture
def said(caplog):
    """A function: (level, text) of the records so far of the runner as a whole."""
    caplog.set_level(logging.INFO, "conductor")
    ours = ("conductor.runner.runner_log", "conductor.runner.definitions")
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records if record.name in ours]


@pytest.fixture
def client():
    return FakeTaskClient()


def start(runner, *names, domain=None, execute=lambda task: None):
    for name in names:
        runner.start_worker(name, execute, poll_interval=0.02, poll_timeout=0.02, domain=domain)


def test_workers_that_are_started_together_share_a_line_when_the_program_waits(said, stub, api_client):
    stub.answers[POLL].extend([Answer(503, delay=0.5)] * 2)
    runner = TaskRunner(api_client)
    start(runner, "simple_task")
    start(runner, "ship", domain="blue")
    runner.wait_workers(0.01)
    assert said()[0][0] == "INFO"
    worker_id = re.escape(socket.gethostname())
    assert re.fullmatch(
        rf"polling simple_task, ship \(domain blue\) at {re.escape(stub.url)} as {worker_id}(-\d+)?", said()[0][1]
    )
    runner.wait_workers(0.01)
    assert len(said()) == 1
    runner.shutdown()
    runner.wait_workers()


def test_without_a_wait_they_are_named_when_the_first_poll_is_answered(said, client):
    runner = TaskRunner(client, worker_id="me")
    start(runner, "a")
    eventually(said)
    assert said() == [("INFO", "polling a at fake as me")]
    start(runner, "b")
    eventually(lambda: len(said()) == 2)
    assert said()[1] == ("INFO", "polling b at fake as me")
    runner.shutdown()
    runner.wait_workers()


def test_one_that_is_started_while_the_program_waits_is_named_then(said, client):
    runner = TaskRunner(client, worker_id="me")
    start(runner, "a")
    waiting = threading.Thread(target=runner.wait_workers)
    waiting.start()
    start(runner, "b")
    eventually(lambda: [text for _, text in said() if "b at fake" in text])
    runner.shutdown()
    waiting.join(10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("tasks", "running"), [(0, "0 tasks run"), (1, "1 task runs"), (3, "3 tasks run")])
def test_a_signal_drains_and_the_end_is_said(said, client, number, tasks, running):
    gate = Gate()
    for _ in range(tasks):
        client.add_task("t")
    runner = TaskRunner(client, worker_id="me", shutdown_timeout=30)
    runner.start_worker("t", gate, batch_size=5, poll_timeout=0.02)
    for _ in range(tasks):
        gate.inside.get(timeout=10)
    name = signal.Signals(number).name
    eventually(said)
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    opening = threading.Thread(target=lambda: (eventually(lambda: len(said()) >= 2), gate.opened.set()))
    opening.start()
    assert runner.wait_workers()
    opening.join()
    assert said() == [
        ("INFO", "polling t at fake as me"),
        ("INFO", f"{name}: draining, {running}, up to 30 s"),
        ("INFO", "stopped: nothing left behind"),
    ]


def test_a_shutdown_says_the_same_without_a_signal_and_names_the_worker_if_it_is_one(said, client):
    with TaskRunner(client, worker_id="me", shutdown_timeout=2.5) as runner:
        start(runner, "a", "b")
        start(runner, "c", domain="blue")
        eventually(said)
        runner.shutdown("c", "blue")
        runner.shutdown("c", "blue")
    texts = [text for _, text in said() if not text.startswith("polling")]
    assert texts == [
        "shutdown of c (domain blue): draining, 0 tasks run, up to 2.5 s",
        "shutdown: draining, 0 tasks run, up to 2.5 s",
        "stopped: nothing left behind",
    ]


def test_tasks_that_are_left_behind_are_counted_at_the_end(said, client):
    gate = Gate()
    for _ in range(2):
        client.add_task("t")
    runner = TaskRunner(client, shutdown_timeout=0)
    runner.start_worker("t", gate, batch_size=2, poll_timeout=0.02)
    for _ in range(2):
        gate.inside.get(timeout=10)
    runner.shutdown()
    assert not runner.wait_workers()
    assert said()[-1] == ("ERROR", "stopped: 2 tasks left behind; the server waits until the lease ends")
    gate.opened.set()
    eventually(lambda: all(running.capacity.has_ended for running in runner._workers._workers.values()))
    start(runner, "u")
    assert [text for _, text in said() if text.startswith("stopped")] == [said()[-1][1]]
    runner.shutdown()
    runner.wait_workers()


def test_that_not_all_was_delivered_is_said_though_all_has_ended(said):
    class Broken(FakeTaskClient):
        def update(self, result, timeout):
            raise ValueError("a bug")

        update_and_poll = update

    def puts_off(task):
        result = TaskResult.from_task(task)
        result.status = TaskResultStatus.IN_PROGRESS
        return result

    client = Broken()
    client.add_task("t")
    runner = TaskRunner(client)
    runner.start_worker("t", puts_off, poll_timeout=0.02)
    eventually(runner._workers.work_was_left.is_set)
    runner.shutdown()
    assert not runner.wait_workers()
    assert said()[-1] == ("WARNING", "stopped: not all was delivered or ended in time, see above")


def test_that_nothing_is_left_is_said_though_the_time_to_drain_was_over_at_once(said, client):
    runner = TaskRunner(client, shutdown_timeout=0)
    runner.start_worker("t", print, poll_timeout=0.2)
    eventually(said)
    runner.shutdown()
    runner.wait_workers()
    assert said()[-1] == ("INFO", "stopped: nothing left behind")


def test_a_second_signal_is_said(said, client):
    gate = Gate()
    client.add_task("t")
    runner = TaskRunner(client)
    runner.start_worker("t", gate, poll_timeout=0.02)
    gate.inside.get(timeout=10)
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    threading.Thread(
        target=lambda: (eventually(lambda: len(said()) == 2), os.kill(os.getpid(), signal.SIGTERM))
    ).start()
    assert not runner.wait_workers()
    assert said()[2] == ("WARNING", "SIGTERM: the second request to stop, so the drain is over")
    gate.opened.set()


# Task definitions: what they are found to be is in tests/contract


@pytest.mark.parametrize(
    "answer",
    [
        error(403, "not allowed"),
        error(404, "No static resource api/metadata/taskdefs/t."),
        Answer(404, "<html>not found</html>", "text/html"),
        error(500, "database"),
        Answer(200, "<html>log in</html>", "text/html"),
        Answer(200, b""),
        Answer(204),
        Answer(200, {"name": "t", "responseTimeoutSeconds": "an hour"}),
    ],
)
def test_a_server_that_does_not_tell_is_not_worth_a_word_and_is_not_asked_again(said, stub, runner, answer):
    stub.answers[DEFINITION].extend([answer] * 2)
    start(runner, "t")
    start(runner, "t", domain="blue")
    eventually(lambda: len(stub.of(DEFINITION)) == 2)
    polls = len(stub.of(POLL))
    eventually(lambda: len(stub.of(POLL)) > polls + 6)
    assert len(stub.of(DEFINITION)) == 2
    assert [level for level, _ in said() if level != "INFO"] == []
    stub.add_task("t")
    eventually(stub.results)


def test_it_is_not_asked_before_a_poll_is_answered(stub, runner):
    stub.answers[POLL].extend([Answer(503)] * 2)
    start(runner, "t")
    eventually(lambda: stub.of(DEFINITION))
    operations = [request.operation for request in stub.requests]
    assert operations.index(f"{DEFINITION}t") >= 3


def test_a_server_that_never_answers_it_holds_up_neither_tasks_nor_the_end(said, stub, api_client):
    held = threading.Event()

    def hang(request):
        held.wait(20)

    stub.answers[DEFINITION].append(hang)
    runner = TaskRunner(api_client)
    start(runner, "t", "u")
    eventually(lambda: stub.of(DEFINITION))
    for name in ("t", "u"):
        stub.add_task(name)
    eventually(lambda: len(stub.results()) == 2)
    runner.shutdown()
    assert runner.wait_workers(2)
    assert said()[-1] == ("INFO", "stopped: nothing left behind")
    held.set()
    asking = [thread for thread in threading.enumerate() if thread.name == "conductor-definitions"]
    for thread in asking:
        thread.join(10)
    assert len(stub.of(DEFINITION)) == 1  # nothing more was asked after the end


def test_a_runner_on_a_task_client_asks_nothing(stub, api_client):
    with TaskRunner(HttpTaskClient(api_client)) as runner:
        start(runner, "t")
        eventually(lambda: len(stub.of(POLL)) > 5)
    assert stub.of(DEFINITION) == []


def test_the_fixtures_of_the_pytest_plugin_ask_nothing_either():
    with DevServer() as server:
        api_clients = pytest_plugin.conductor_api_client.__wrapped__(server)
        runners = pytest_plugin.conductor_task_runner.__wrapped__(next(api_clients))
        runner = next(runners)
        assert runner._setup.definitions is None
        next(runners, None)
        next(api_clients, None)


def test_no_definitions_are_asked_for_twice_by_a_worker_that_starts_again(said, stub, runner):
    for _ in range(2):
        start(runner, "t")
        eventually(lambda: stub.of(DEFINITION))
        runner.shutdown()
        assert runner.wait_workers()
    assert len(stub.of(DEFINITION)) == 1
