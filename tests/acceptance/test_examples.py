"""The README's programs do what it says, on a scripted server."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry

from conductor import MetricsSettings
from conductor.testing import DevServer
from support.programs import waits_for_signals
from support.stub import POLL, TOKEN, Answer
from support.waiting import eventually

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def test_the_configured_program_says_all_of_it_on_the_wire(stub, start_program, monkeypatch):
    monkeypatch.setenv("MY_KEY_ID", "key")
    monkeypatch.setenv("MY_KEY_SECRET", "secret")
    monkeypatch.setenv("MY_SERVER_URL", stub.url)
    stub.answers[TOKEN].append(Answer(body={"token": "abc"}))
    stub.add_task("greet", domain="blue", inputData={"name": "Ada"})
    process = start_program((EXAMPLES / "configured.py").read_text(), "http://127.0.0.1:1")
    (result,) = eventually(stub.results)
    assert result["outputData"] == {"greeting": "Hello Ada"}
    assert [entry["log"] for entry in result["logs"]] == ["greeting"]
    assert result["workerId"] == "greeter-1"
    poll = stub.of(POLL)[0]
    assert poll.query == {"workerid": "greeter-1", "domain": "blue", "count": "1", "timeout": "2000"}
    assert poll.headers["x-authorization"] == "abc"
    waits_for_signals(process).send_signal(signal.SIGTERM)  # the task may be done before the program waits
    assert process.wait(10) == 0


def passed_tests(*paths):
    """The last line of pytest's output, which says how many tests have passed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conductor.testing.pytest_plugin", "-p", "no:cacheprovider", *paths],
        check=False,
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()[-1]


def test_a_first_worker_its_start_and_its_test_are_twelve_lines():
    lines = [line for line in (EXAMPLES / "first_worker.py").read_text().splitlines() if line.strip()]
    assert len(lines) == 12


def test_the_first_worker_passes_its_test_and_runs_a_task(stub, start_program):
    assert " 1 passed" in passed_tests("first_worker.py")
    stub.add_task("charge", inputData={"order_id": "A7", "amount": 9.9})
    process = start_program((EXAMPLES / "first_worker.py").read_text(), stub.url)
    (result,) = eventually(stub.results)
    assert result["outputData"] == {"receipt": "A7: 9.9 EUR"}
    waits_for_signals(process).send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_the_first_workflow_calls_the_first_worker(start_program):
    with DevServer() as server:
        start_program((EXAMPLES / "first_worker.py").read_text(), server.url)
        done = subprocess.run(
            [sys.executable, EXAMPLES / "first_workflow.py"],
            check=True,
            env=os.environ | {"CONDUCTOR_SERVER_URL": server.url},
            capture_output=True,
            text=True,
        )
    assert done.stdout == "{'receipt': 'A7: 9.90 EUR'}\n"


def test_the_examples_of_tests_pass():
    assert " 2 passed" in passed_tests("test_orders.py")


def test_the_metrics_example_serves_and_registers(monkeypatch):
    spec = importlib.util.spec_from_file_location("metrics_example", EXAMPLES / "metrics.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    given = []
    monkeypatch.setattr(example, "provide_metrics", lambda *arguments: given.append(arguments))
    registry = CollectorRegistry()
    example.by_default()
    example.with_metrics_of_your_own(registry)
    assert given == [(), (MetricsSettings(port=9100, host="0.0.0.0"), registry)]
    example.served_by_yourself(registry)
    assert "task_poll" in {metric.name for metric in registry.collect()}


LOGS = """
import logging
from conductor import TaskRunner

def worker(task):
    logging.getLogger("shop").info("charging")
    raise ValueError("no")

log_as_json()
runner = TaskRunner()
runner.start_worker("charge", worker)
runner.wait_workers()
"""


def test_the_json_example_has_the_ids_of_the_task_on_every_line_about_one(stub, start_program):
    stub.add_task("charge", retryCount=2)
    process = start_program((EXAMPLES / "json_logs.py").read_text() + LOGS, stub.url)
    eventually(stub.results)
    waits_for_signals(process).send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    lines = [json.loads(line) for line in errors.splitlines()]
    ids = {"task_id": "t1", "workflow_instance_id": "w1", "task_name": "charge", "retry_count": 2}
    about = {line["message"].split(" (")[0]: line for line in lines if "task_id" in line}
    assert list(about) == ["charging", "charge failed, and the server may retry it: ValueError: no"]
    assert all(ids.items() <= line.items() for line in about.values())
    assert "ValueError: no" in about["charge failed, and the server may retry it: ValueError: no"]["exception"]
    assert lines[-1]["message"] == "stopped: nothing left behind"
    assert "task_id" not in lines[-1]


def test_each_line_of_the_configured_log_is_json_with_the_ids_of_the_task():
    program = """
import logging, logging_config
from conductor.testing import run_worker
logging_config.configure()
log = logging.getLogger("app.orders")

def charge(amount: int):
    log.info("charged %s", amount)
    logging.getLogger("another").info("this is too detailed")

run_worker(charge, {"amount": 3}, task_id="t1", retry_count=2)
log.info("outside")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], check=True, cwd=EXAMPLES, capture_output=True, text=True
    )
    inside, outside = map(json.loads, done.stderr.splitlines())
    assert (inside["message"], inside["task_id"], inside["retry_count"]) == ("charged 3", "t1", 2)
    assert (outside["message"], outside["level"]) == ("outside", "INFO")
    assert "task_id" not in outside


def test_the_tests_of_unhappy_paths_pass():
    assert " 3 passed" in passed_tests("test_unhappy_paths.py")


def test_the_tests_of_a_function_that_runs_twice_pass():
    assert " 12 passed" in passed_tests("test_run_twice.py")
