"""The documented script under real signals: what was started is delivered, and the exit code tells."""

import signal
import time

import pytest

from support.stub import POLL, UPDATE, Answer
from support.waiting import eventually

SCRIPT = """
import sys, time
from conductor import TaskRunner

def worker(task):
    print("begun", flush=True)
    time.sleep(float(sys.argv[1]))
    return {"n": task.input_data["n"]}

with TaskRunner(shutdown_timeout=60) as runner:
    runner.start_worker("t", worker, batch_size=3)
    sys.exit(not runner.wait_workers())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_script_with_zero_and_in_time(stub, start_program, number):
    process = start_program(SCRIPT, stub.url, "0")
    eventually(lambda: stub.of(POLL))
    sent = time.monotonic()
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "", "")
    assert time.monotonic() - sent < 2 + 1  # the idle long poll and a second, and room for a slow machine


def test_running_tasks_finish_and_their_results_are_accepted_before_the_end(stub, start_program):
    ids = {stub.add_task("t") for _ in range(3)}
    process = start_program(SCRIPT, stub.url, "1")
    eventually(lambda: not stub.tasks["t", None])
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert {request.json()["taskId"] for request in stub.of(UPDATE)} == ids


def test_a_second_signal_leaves_running_work_behind_and_says_so(stub, start_program):
    task_id = stub.add_task("t")
    process = start_program(SCRIPT, stub.url, "60")
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    eventually(lambda: stub.of(POLL)[-1].at < time.monotonic() - 0.05)  # two signals in one moment would be one
    process.send_signal(signal.SIGTERM)
    second = time.monotonic()
    _, errors = process.communicate(timeout=10)
    assert time.monotonic() - second < 2
    assert process.returncode == 1
    assert f"left behind at the end of the drain (task_id='{task_id}')" in errors
    assert stub.results() == []


def test_a_function_that_never_ends_is_left_behind_when_the_drain_is_over(stub, start_program):
    stub.add_task("t")
    process = start_program(SCRIPT.replace("shutdown_timeout=60", "shutdown_timeout=0.5"), stub.url, "600")
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "left behind at the end of the drain" in errors


def test_a_task_of_the_poll_in_flight_is_handed_back(stub, start_program):
    late = Answer(delay=0.5, body=[{"taskId": "late", "workflowInstanceId": "w"}])
    stub.answers[POLL].append(late)
    process = start_program(SCRIPT, stub.url, "0")
    eventually(lambda: stub.of(POLL))
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert [(result["taskId"], result["status"]) for result in stub.results()] == [("late", "IN_PROGRESS")]
