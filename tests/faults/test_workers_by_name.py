"""Workers are known by their task name and domain: what is asked of one is done to that one, until its very end."""

import contextlib
import inspect
import threading
from pathlib import Path

import pytest

from conductor import ConfigurationError, TaskRunner, Worker, process_pool
from support.process_functions import work
from support.waiting import Gate, eventually

CHANGES = {
    "set_batch_size": lambda runner, *domain: runner.set_batch_size("t", 7, *domain),
    "increase_batch_size": lambda runner, *domain: runner.increase_batch_size("t", 3, *domain),
    "decrease_batch_size": lambda runner, *domain: runner.decrease_batch_size("t", 1, *domain),
    "set_poll_interval_for_task": lambda runner, *domain: runner.set_poll_interval_for_task("t", 0.05, *domain),
    "set_poll_timeout_for_task": lambda runner, *domain: runner.set_poll_timeout_for_task("t", 0.05, *domain),
    "pause": lambda runner, *domain: runner.pause("t", *domain),
    "resume": lambda runner, *domain: runner.resume("t", *domain),
    "shutdown": lambda runner, *domain: runner.shutdown("t", *domain),
}
PAIRS = [(None, "blue"), ("blue", None), ("blue", "green")]


def start(runner, *domains, function=lambda task: None, **settings):
    for domain in domains:
        runner.start_worker("t", function, domain=domain, **{"batch_size": 2, "poll_timeout": 0.01} | settings)


def settings_of(runner, domain):
    return (
        runner.get_batch_size_for_task("t", domain),
        runner.get_poll_interval_for_task("t", domain),
        runner.get_poll_timeout_for_task("t", domain),
    )


def test_every_method_that_takes_a_domain_is_tested_here():
    public = inspect.getmembers(TaskRunner, inspect.isfunction)
    takes = {name for name, method in public if "domain" in inspect.signature(method).parameters}
    getters = {"get_batch_size_for_task", "get_poll_interval_for_task", "get_poll_timeout_for_task"}
    assert {name for name in takes if not name.startswith("_")} == CHANGES.keys() | getters | {"start_worker"}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize(("there", "asked_for"), PAIRS)
def test_a_worker_is_not_found_under_another_domain_or_without_it(server, runner, there, asked_for, change):
    start(runner, there, poll_interval=0.02)
    named = "without a domain" if asked_for is None else f"of domain '{asked_for}'"
    with pytest.raises(ConfigurationError, match=f"no worker registered for task_name 't' {named}"):
        change(runner, asked_for)
    assert settings_of(runner, there) == (2, 0.02, 0.01)
    server.add_task("t", there)
    eventually(lambda: server.accepted)


@pytest.mark.parametrize(("there", "asked_for"), PAIRS)
def test_nothing_is_told_of_a_worker_under_another_domain_or_without_it(runner, there, asked_for):
    start(runner, there, poll_interval=0.02)
    assert settings_of(runner, asked_for) == (0, None, None)
    assert settings_of(runner, there) == (2, 0.02, 0.01)
    assert runner.get_batch_size_for_all() == {("t", there): 2}


@pytest.mark.parametrize(("changed", "other"), [(None, "blue"), ("blue", None), ("blue", "green")])
def test_settings_change_for_the_worker_of_that_domain_alone(runner, changed, other):
    start(runner, changed, other)
    runner.set_batch_size("t", 5, changed)
    runner.increase_batch_size("t", 4, changed)
    runner.decrease_batch_size("t", 1, changed)
    runner.set_poll_interval_for_task("t", 0.03, changed)
    runner.set_poll_timeout_for_task("t", 0.04, changed)
    assert settings_of(runner, changed) == (8, 0.03, 0.04)
    assert settings_of(runner, other) == (2, None, 0.01)
    assert runner.get_batch_size_for_all() == {("t", changed): 8, ("t", other): 2}


def no_poll_is_under_way(server, domain):
    """The polls of a domain so far, once no more come for longer than one may wait."""
    polls = [request for request in server.of("poll") if request.query.get("domain") == domain]
    threading.Event().wait(3 * server.longest_wait)
    again = [request for request in server.of("poll") if request.query.get("domain") == domain]
    return len(polls) == len(again)


@pytest.mark.parametrize(("paused", "other"), [(None, "blue"), ("blue", None)])
def test_a_pause_is_for_the_worker_of_that_domain_alone(server, runner, paused, other):
    start(runner, paused, other)
    runner.pause("t", paused)
    eventually(lambda: no_poll_is_under_way(server, paused))
    waits = server.add_task("t", paused)
    goes_on = server.add_task("t", other)
    eventually(lambda: server.accepted == {goes_on: "COMPLETED"})
    assert server.waiting("t", paused) == 1
    runner.resume("t", paused)
    eventually(lambda: server.accepted == {goes_on: "COMPLETED", waits: "COMPLETED"})


def test_a_resume_is_for_the_worker_of_that_domain_alone(server, runner):
    start(runner, None, "blue")
    runner.pause()
    eventually(lambda: no_poll_is_under_way(server, None) and no_poll_is_under_way(server, "blue"))
    ids = {domain: server.add_task("t", domain) for domain in (None, "blue")}
    runner.resume("t", "blue")
    eventually(lambda: server.accepted == {ids["blue"]: "COMPLETED"})
    assert server.waiting("t") == 1
    runner.resume()
    eventually(lambda: len(server.accepted) == 2)


def test_pause_and_resume_without_a_name_reach_workers_of_domains_too(server, runner):
    start(runner, None, "blue")
    runner.pause()
    eventually(lambda: no_poll_is_under_way(server, None) and no_poll_is_under_way(server, "blue"))
    for domain in (None, "blue"):
        server.add_task("t", domain)
    assert no_poll_is_under_way(server, "blue")
    assert server.accepted == {}
    runner.resume()
    eventually(lambda: len(server.accepted) == 2)


@pytest.mark.parametrize(("stopped", "other"), [(None, "blue"), ("blue", None)])
def test_a_shutdown_is_for_the_worker_of_that_domain_alone(server, runner, stopped, other):
    start(runner, stopped, other)
    runner.shutdown("t", stopped)
    assert runner.get_batch_size_for_all() == {("t", other): 2}
    eventually(lambda: no_poll_is_under_way(server, stopped))
    server.add_task("t", stopped)
    goes_on = server.add_task("t", other)
    eventually(lambda: server.accepted == {goes_on: "COMPLETED"})
    assert server.waiting("t", stopped) == 1


def test_a_shutdown_without_a_name_reaches_workers_of_domains_too(runner):
    start(runner, None, "blue", "green")
    runner.shutdown()
    assert runner.get_batch_size_for_all() == {}
    assert runner.wait_workers(timeout=10)


@pytest.mark.parametrize("change", [TaskRunner.pause, TaskRunner.resume, TaskRunner.shutdown])
def test_a_domain_alone_names_no_worker(server, runner, change):
    start(runner, "blue")
    with pytest.raises(ConfigurationError, match="domain 'blue' needs a task_name"):
        change(runner, domain="blue")
    assert runner.get_batch_size_for_all() == {("t", "blue"): 2}
    task_id = server.add_task("t", "blue")
    eventually(lambda: task_id in server.accepted)


@pytest.mark.parametrize("change", [CHANGES[name] for name in CHANGES if name != "shutdown"])
def test_a_worker_that_is_stopping_is_not_found_any_more(server, runner, gate, change):
    server.add_task("t")
    start(runner, None, function=gate)
    gate.inside.get(timeout=5)
    runner.shutdown("t")
    with pytest.raises(ConfigurationError, match="no worker registered for task_name 't' without a domain"):
        change(runner)
    assert settings_of(runner, None) == (0, None, None)
    assert runner.get_batch_size_for_all() == {}
    runner.shutdown("t")  # the same again is no error
    gate.opened.set()
    assert runner.wait_workers(timeout=10)


# A worker that was started again


@pytest.fixture
def generations(server, runner):
    """A function: starts a worker, lets it run one task that lasts, and shuts it down; so many times. Their gates."""
    gates = []

    def generations(number, domain=None):
        for _ in range(number):
            gates.append(Gate())
            server.add_task("t", domain)
            start(runner, domain, function=gates[-1], batch_size=1)
            gates[-1].inside.get(timeout=5)
            runner.shutdown("t", domain)
        return gates

    yield generations
    for gate in gates:
        gate.opened.set()


@pytest.mark.parametrize("domain", [None, "blue"])
@pytest.mark.parametrize("slowest", [0, 1, 2])
def test_a_stopping_worker_whose_name_was_started_again_is_waited_for(server, runner, generations, domain, slowest):
    gates = generations(3, domain)
    for gate in gates[:slowest] + gates[slowest + 1 :]:
        gate.opened.set()
    eventually(lambda: len(server.accepted) == 2)
    assert not runner.wait_workers(timeout=0.2)
    gates[slowest].opened.set()
    assert runner.wait_workers(timeout=10)
    assert len(server.accepted) == 3


def test_the_tasks_of_all_of_them_are_named_at_the_end_of_the_drain(runner, generations, caplog):
    runner._setup.shutdown_timeout = 0.2
    generations(3)
    assert not runner.wait_workers()
    named = {record.task_id for record in caplog.records if "left behind at the end" in record.getMessage()}
    assert named == {"t1", "t2", "t3"}


def test_a_worker_that_was_started_again_polls_on_when_the_old_one_has_ended(server, runner, generations):
    (gate,) = generations(1)
    start(runner, None)
    gate.opened.set()
    eventually(lambda: server.accepted == {"t1": "COMPLETED"})
    assert runner.get_batch_size_for_all() == {("t", None): 2}
    server.add_task("t")
    eventually(lambda: len(server.accepted) == 2)
    assert not runner.wait_workers(timeout=0)


# A worker that is refused


def children():
    """The processes that this one has started and that have not ended."""
    found = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError):  # the thread has ended
            found.update(file.read_text().split())
    return found


def test_the_processes_of_a_worker_that_is_refused_end(server, runner):
    runner.start_worker("first", work, executor=process_pool(1))
    runner.shutdown()
    assert runner.wait_workers(timeout=10)
    before = children()  # with helpers of multiprocessing, which stay
    runner.start_worker("t", lambda task: None)
    kept = []  # a program may keep the errors, and with their frames all that was made before them
    for _ in range(3):
        with pytest.raises(ConfigurationError, match="'t' without a domain is running already") as refusal:
            runner.start_worker("t", work, executor=process_pool(2))
        kept.append(refusal.value)
    eventually(lambda: children() <= before)
    assert len(kept) == 3


def test_the_processes_of_workers_end_if_another_one_of_their_call_is_refused(server, runner):
    runner.start_worker("first", work, executor=process_pool(1))
    runner.shutdown()
    assert runner.wait_workers(timeout=10)
    before = children()
    task_id = server.add_task("t")
    with pytest.raises(ConfigurationError, match="executor must be made by process_pool"):
        runner.start_workers(Worker("t", work, executor=process_pool(2)), Worker("u", work, executor="processes"))
    eventually(lambda: children() <= before)
    assert task_id not in server.accepted
    assert runner.get_batch_size_for_all() == {}


def test_a_worker_that_is_refused_leaves_the_one_that_runs_as_it_is(server, runner):
    start(runner, "blue", poll_interval=0.02)
    with pytest.raises(ConfigurationError, match="a worker for task_name 't' of domain 'blue' is running already"):
        runner.start_worker("t", work, batch_size=9, poll_interval=9, domain="blue", poll_timeout=4)
    assert settings_of(runner, "blue") == (2, 0.02, 0.01)
    task_id = server.add_task("t", "blue")
    eventually(lambda: server.accepted == {task_id: "COMPLETED"})


def test_the_same_name_in_another_domain_is_another_worker(server, runner):
    ran = []
    for domain in (None, "blue", "green"):
        runner.start_worker("t", lambda task, domain=domain: ran.append((domain, task.task_id)), domain=domain)
    given = {(domain, server.add_task("t", domain)) for domain in ("blue", None, "green", "blue", None)}
    eventually(lambda: len(server.accepted) == 5)
    assert set(ran) == given
