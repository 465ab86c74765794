"""Programs that are told to end, are killed, or end by themselves: what was begun is delivered, or comes back."""

import signal
import threading
import time

import pytest

from conductor.testing import FakeClock
from support.programs import waits_for_signals
from support.raw_faults import Answer, answer_soundly, conductor_error
from support.waiting import eventually


def start(programs, server, definition, batch_size=1):
    """A program with this ``worker``, as the documentation has it, once it waits for its workers."""
    process = programs.start(
        f"""
import os, sys, time
from conductor import TaskRunner, task_context

{definition}

with TaskRunner(shutdown_timeout=60, on_result_lost=lambda result, error: print("lost", result.task_id)) as runner:
    runner.start_worker("t", worker, batch_size={batch_size})
    sys.exit(not runner.wait_workers())
""",
        server.url,
    )
    return waits_for_signals(process)


TELLS = """
import threading

def tell():
    while "runner" not in globals() or not runner.get_batch_size_for_all():
        time.sleep(0.01)
    while runner.get_batch_size_for_all():
        time.sleep(0.01)
    sys.stdout.write("stopping\\n")

threading.Thread(target=tell, daemon=True).start()
"""


def stop(process):
    """Send the signal, and wait until the program, which TELLS so, has seen it."""
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "stopping\n"


def after(event, act=answer_soundly):
    """An action that waits for an event."""

    def wait_and_act(exchange):
        event.wait(20)
        act(exchange)

    return wait_and_act


def ended(process, code=0):
    """What a program wrote to stdout and stderr, which ends soon, with this exit code."""
    output, errors = process.communicate(timeout=10)
    assert process.returncode == code, errors
    return output, errors


IDLE = """
def worker(task):
    print("begun", task.task_id)
"""
UNTIL_STOPPED = """
def worker(task):
    sys.stdout.write(f"begun {task.task_id}\\n")
    task_context().stopping.wait(60)
    sys.stdout.write("stopping\\n")
    time.sleep(0.3)
"""
BRIEF = """
def worker(task):
    time.sleep(0.2)
"""


STARTS_ANOTHER = """
def worker(task):
    task_context().stopping.wait(60)
    runner.start_worker("u", print)
"""


def test_l1_a_worker_that_is_started_after_the_signal_ends_as_well(server, programs):
    task_id = server.add_task("t")
    process = start(programs, server, STARTS_ANOTHER)
    eventually(lambda: server.deliveries[task_id])
    process.send_signal(signal.SIGTERM)
    ended(process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_l1_a_signal_lets_running_tasks_finish_and_no_other_begin(server, programs, number):
    server.add_tasks("t", 3)
    process = start(programs, server, UNTIL_STOPPED, batch_size=4)
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(number)
    assert process.stdout.readline() == "stopping\n"
    polls = server.counts["poll"]
    _, errors = ended(process)
    assert errors == ""
    assert server.accepted == dict.fromkeys(["t1", "t2", "t3"], "COMPLETED")
    assert server.counts["poll"] <= polls + 1  # one may have been on its way
    assert server.counts["update_v2"] == 0  # its answer could be a task that nobody would run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_l1_a_signal_ends_an_idle_program_at_once(server, programs, number):
    process = start(programs, server, IDLE)
    eventually(lambda: server.counts["poll"] > 1)
    sent = time.monotonic()
    process.send_signal(number)
    assert ended(process) == ("", "")
    assert time.monotonic() - sent < 2 + 1  # the idle long poll and a second, and room for a slow machine


def test_l2_the_task_of_a_poll_in_flight_is_handed_back(server, programs):
    stopping = threading.Event()
    server.fault("poll", after(stopping), at=2)
    process = start(programs, server, TELLS + IDLE)
    eventually(lambda: server.counts["poll"] == 2)
    server.add_task("t")
    stop(process)
    stopping.set()
    assert ended(process) == ("", "")
    assert server.deliveries == {"t1": 1}
    assert server.waiting("t") == 1


def send_four_tasks(exchange):
    exchange.send(Answer(body=exchange.server.poll("t", number=4)))


def test_l3_tasks_beyond_the_slots_are_handed_back_when_the_signal_comes_first(server, programs):
    stopping = threading.Event()
    server.fault("poll", after(stopping, send_four_tasks), at=2)
    process = start(programs, server, TELLS + IDLE)
    eventually(lambda: server.counts["poll"] == 2)
    server.add_tasks("t", 4)
    stop(process)
    stopping.set()
    output, _ = ended(process)
    assert output == ""
    assert server.requeues == dict.fromkeys(["t1", "t2", "t3", "t4"], 1)
    assert server.waiting("t") == 4


def test_l3_of_tasks_beyond_the_slots_those_that_run_finish_after_a_signal(server, programs):
    server.fault("poll", send_four_tasks, at=1)
    server.add_tasks("t", 4)
    process = start(programs, server, UNTIL_STOPPED)
    eventually(lambda: server.waiting("t") == 3 and sum(server.requeues.values()) == 3)
    process.send_signal(signal.SIGTERM)
    output, _ = ended(process)
    assert output.splitlines() == ["begun t1", "stopping"]
    assert server.accepted == {"t1": "COMPLETED"}
    assert server.waiting("t") == 3


def test_l4_the_next_task_of_an_update_is_handed_back(server, programs):
    stopping = threading.Event()
    server.fault("update_v2", after(stopping), at=1)
    server.add_tasks("t", 2)
    process = start(programs, server, TELLS + BRIEF)
    eventually(lambda: server.counts["update_v2"] == 1)
    stop(process)
    stopping.set()
    ended(process)
    assert server.accepted == {"t1": "COMPLETED"}
    assert server.deliveries == {"t1": 1, "t2": 1}
    assert server.waiting("t") == 1


STARTS_AGAIN = """
import sys, time
from conductor import TaskRunner

def worker(task):
    sys.stdout.write("begun\\n")
    time.sleep(60)

runner = TaskRunner(shutdown_timeout=0.1)
runner.start_worker("t", worker)
runner.wait_workers()
runner.start_worker("u", lambda task: None)
runner.wait_workers(timeout=0.2)
sys.stdout.write(f"{len(runner.get_batch_size_for_all())} at work\\n")
"""


def test_l6_a_signal_whose_drain_is_over_does_not_end_what_is_started_after_it(server, programs):
    server.add_task("t")
    process = waits_for_signals(programs.start(STARTS_AGAIN, server.url))
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == "1 at work\n"


WAITS_TWICE = """
import sys, time
from conductor import TaskRunner

def worker(task):
    sys.stdout.write("begun\\n")
    time.sleep(60)

runner = TaskRunner(shutdown_timeout=60)
runner.start_worker("t", worker)
while runner.get_batch_size_for_all():
    runner.wait_workers(timeout=1)
sys.stdout.write("waiting again\\n")
sys.exit(not runner.wait_workers())
"""


def test_l6_a_second_signal_means_now_in_another_wait_than_the_first_too(server, programs):
    server.add_task("t")
    process = waits_for_signals(programs.start(WAITS_TWICE, server.url))
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "waiting again\n"
    waits_for_signals(process).send_signal(signal.SIGTERM)
    _, errors = ended(process, code=1)
    assert "left behind at the end of the drain (task_id='t1'" in errors


def test_l6_a_second_signal_gives_up_the_results_that_the_server_does_not_take(server, programs):
    server.fault("any_update", conductor_error(500, "down"))
    server.add_task("t")
    process = start(programs, server, TELLS + BRIEF)
    updates = eventually(lambda: server.counts["any_update"])
    stop(process)  # two signals in one moment would be one
    eventually(lambda: server.counts["any_update"] > updates)
    process.send_signal(signal.SIGTERM)
    second = time.monotonic()
    output, errors = ended(process, code=1)
    assert time.monotonic() - second < 2
    assert output == "lost t1\n"
    assert "task_id='t1'" in errors


TWO_RUNNERS = """
import sys, threading, time
from conductor import TaskRunner, task_context

def worker(task):
    sys.stdout.write(f"{{task.task_def_name}} begun\\n")
    task_context().stopping.wait(60)
    sys.stdout.write(f"{{task.task_def_name}} stopping\\n")
    time.sleep({longer})

def on_a_thread(wait):
    results = []
    thread = threading.Thread(target=lambda: results.append(wait()), daemon=True)
    thread.start()
    return lambda: thread.join() or results[0]

a, b = TaskRunner(shutdown_timeout=60), TaskRunner(shutdown_timeout=60)
a.start_worker("a", worker)
b.start_worker("b", worker)
{waits}
"""
IN_TURN = "sys.exit(not all([a.wait_workers(), b.wait_workers()]))"
WAYS_TO_WAIT_FOR_TWO = {
    "in turn": IN_TURN,
    "in the other order": "sys.exit(not all([b.wait_workers(), a.wait_workers()]))",
    "nested contexts": "with a, b: sys.exit(not a.wait_workers())",
    "on threads": "w = on_a_thread(b.wait_workers); sys.exit(not all([a.wait_workers(), w()]))",
    "not for signals": "w = on_a_thread(lambda: b.wait_workers(20, False)); sys.exit(not all([a.wait_workers(), w()]))",
}


@pytest.mark.parametrize("waits", WAYS_TO_WAIT_FOR_TWO.values(), ids=WAYS_TO_WAIT_FOR_TWO)
def test_l20_a_signal_drains_all_runners_of_its_process(server, programs, waits):
    """Also those that nobody waits for when it comes."""
    a, b = server.add_task("a"), server.add_task("b")
    process = waits_for_signals(programs.start(TWO_RUNNERS.format(longer=0.3, waits=waits), server.url))
    assert {process.stdout.readline() for _ in "ab"} == {"a begun\n", "b begun\n"}
    process.send_signal(signal.SIGTERM)
    output, errors = ended(process)
    assert (sorted(output.split("\n")), errors) == (["", "a stopping", "b stopping"], "")
    assert server.accepted == {a: "COMPLETED", b: "COMPLETED"}
    assert server.deliveries == {a: 1, b: 1}


def test_l20_a_second_signal_means_now_for_all_runners(server, programs):
    for name in ("a", "b"):
        server.add_task(name)
    process = waits_for_signals(programs.start(TWO_RUNNERS.format(longer=60, waits=IN_TURN), server.url))
    assert {process.stdout.readline() for _ in "ab"} == {"a begun\n", "b begun\n"}
    process.send_signal(signal.SIGTERM)
    assert {process.stdout.readline() for _ in "ab"} == {"a stopping\n", "b stopping\n"}
    process.send_signal(signal.SIGTERM)
    second = time.monotonic()
    _, errors = ended(process, code=1)
    assert time.monotonic() - second < 2 + 2
    assert "a: left behind at the end of the drain (task_id='t1'" in errors
    assert "b: left behind at the end of the drain (task_id='t2'" in errors


STARTS_ANOTHER_RUNNER = """
import sys
from conductor import TaskRunner

first, second = TaskRunner(), TaskRunner()
first.start_worker("t", lambda task: None)
first.wait_workers()
second.start_worker("u", lambda task: None)
second.wait_workers(timeout=0.2)
sys.stdout.write(f"{len(second.get_batch_size_for_all())} at work\\n")
second.shutdown()
second.wait_workers()
"""


def test_l20_a_runner_that_is_started_after_the_end_of_the_others_goes_on(server, programs):
    process = waits_for_signals(programs.start(STARTS_ANOTHER_RUNNER, server.url))
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == "1 at work\n"


def test_l12_a_killed_programs_tasks_run_elsewhere_after_their_leases(server, programs):
    clock = FakeClock()
    server._clock = clock.now
    server.add_tasks("t", 3)
    killed = start(
        programs,
        server,
        """
def worker(task):
    time.sleep(0 if task.task_id == "t1" else 60)
""",
        batch_size=3,
    )
    eventually(lambda: server.accepted and sum(server.deliveries.values()) == 3)
    killed.kill()
    process = start(programs, server, BRIEF, batch_size=3)
    polls = server.counts["poll"]
    eventually(lambda: server.counts["poll"] > polls)
    assert server.accepted == {"t1": "COMPLETED"}
    clock.advance(61)
    eventually(lambda: server.accepted == dict.fromkeys(["t1", "t2.1", "t3.1"], "COMPLETED"))
    process.send_signal(signal.SIGTERM)
    ended(process)
    assert server.expiries == {"t2": 1, "t3": 1}


UNSTOPPED = """
from conductor import TaskRunner
import threading, time

begun = threading.Event()

def worker(task):
    begun.set()
    time.sleep(60)

runner = TaskRunner()
runner.start_worker("t", worker, batch_size=2)
begun.wait(10)
"""


def test_l18_a_program_that_ends_without_a_stop_does_not_hang_and_says_so(server, programs):
    server.add_task("t")
    process = programs.start(UNSTOPPED, server.url)
    _, errors = ended(process)
    assert "the process ends although workers run" in errors
    assert server.deliveries == {"t1": 1}
    assert server.results() == []
