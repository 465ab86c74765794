"""Worker functions that hang in processes: what becomes of the tasks behind them, and of the program's end."""

import logging
import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from conductor import Interceptor, TaskRunner, process_pool
from support import process_functions
from support.waiting import eventually

TESTS = str(Path(__file__).parent.parent)


@pytest.fixture
def children():
    """The living processes that were started in the test."""
    before = set(multiprocessing.active_children())
    return lambda: set(multiprocessing.active_children()) - before


def hang(server, tmp_path):
    return server.add_task("t", inputData={"do": "wait_for", "with": str(tmp_path / "never")})


def echo(server):
    return server.add_task("t", inputData={"do": "echo"})


def processes_of(server, *task_ids):
    return {server.task(task_id)["outputData"]["process"] for task_id in task_ids}


def test_w4_a_process_whose_function_hangs_is_killed_and_the_tasks_behind_it_find_another(
    server, runner, clock, tmp_path, children, counted, caplog
):
    ids = [hang(server, tmp_path), echo(server)]
    runner.start_worker("t", process_functions.work, batch_size=2, timeout=60, executor=process_pool(1))
    eventually(lambda: all(server.deliveries[task_id] for task_id in ids))
    hung = children()
    assert clock.run_until(lambda: ids[0] in server.accepted) >= 60
    ids.append(echo(server))
    eventually(lambda: len(server.accepted) == 3)
    assert [server.accepted[task_id] for task_id in ids] == ["FAILED", "COMPLETED", "COMPLETED"]
    assert hung.isdisjoint(children())
    assert caplog.text.count("its process is killed") == 1
    assert counted("task_thread_lost_total") == 0


def test_w4_a_task_that_has_waited_for_a_process_as_long_as_its_function_may_take_is_handed_back(
    server, runner, clock, tmp_path
):
    """The wait is real. The time limit of the function that hangs is not over: the clock stands still."""
    hang(server, tmp_path)
    waits = echo(server)
    runner.start_worker("t", process_functions.work, batch_size=2, timeout=0.5, executor=process_pool(1))
    eventually(lambda: server.requeues.get(waits))
    assert not server.accepted


def test_w4_what_runs_beside_a_function_that_hangs_may_finish(server, runner, clock, tmp_path, children, counted):
    def begun():
        return counted("task_execution_started_total", taskType="t")  # a time limit begins before that is counted

    hanging = hang(server, tmp_path)
    runner.start_worker("t", process_functions.work, batch_size=2, timeout=60, executor=process_pool(2))
    eventually(lambda: begun() == 1)
    half = clock.now() + 30
    clock.run_until(lambda: clock.now() >= half)
    beside = server.add_task("t", inputData={"do": "wait_for", "with": str(tmp_path / "go on")})
    eventually(lambda: begun() == 2)
    old = children()
    clock.run_until(lambda: hanging in server.accepted, step=0.1)  # the other's limit is 30 s later
    later = echo(server)
    eventually(lambda: later in server.accepted)
    (tmp_path / "go on").touch()
    eventually(lambda: beside in server.accepted)
    assert [server.accepted[task_id] for task_id in (hanging, beside, later)] == ["FAILED", "COMPLETED", "COMPLETED"]
    eventually(lambda: len(old & children()) == 1)  # only the one that hung is replaced
    assert len(processes_of(server, beside, later)) == 2


class KillsTheFirst(Interceptor):
    """Kills the process of the first task, just before the function would begin in it."""

    def __init__(self, children):
        self._children = children
        self._killed = None

    def execute(self, task, proceed):
        if self._killed is None:
            (self._killed,) = self._children()
            self._killed.kill()
            eventually(lambda: self._killed not in self._children())
        return proceed()


def test_w17_a_task_whose_process_dies_before_it_reads_the_task_is_handed_back(server, api_client, children):
    with TaskRunner(api_client, interceptors=[KillsTheFirst(children)]) as runner:
        runner.start_worker("t", process_functions.work, executor=process_pool(1))
        task_id = echo(server)
        eventually(lambda: server.accepted == {task_id: "COMPLETED"})
    assert server.requeues[task_id] == 1


def test_w4_the_lease_of_a_function_that_is_killed_at_the_end_of_the_drain_is_left_to_end(
    server, api_client, clock, tmp_path
):
    server._clock = clock.now
    task_id = server.add_task("t", inputData={"do": "die_when", "with": str(tmp_path)})
    runner = TaskRunner(api_client, shutdown_timeout=0)
    runner._setup.clock = clock
    runner.start_worker("t", process_functions.work, lease_extension=True, executor=process_pool(1))
    eventually((tmp_path / "begun").exists)
    runner.shutdown()
    assert not runner.wait_workers()
    clock.run_until(lambda: server.task(task_id)["status"] == "TIMED_OUT")
    assert not server.extensions
    eventually(lambda: not runner._workers._alive_or_close())


def test_l18_a_task_whose_process_is_killed_counts_as_left_behind(server, api_client, tmp_path, caplog):
    server.add_task("t", inputData={"do": "die_when", "with": str(tmp_path)})
    runner = TaskRunner(api_client, shutdown_timeout=0)
    runner.start_worker("t", process_functions.work, executor=process_pool(1))
    eventually((tmp_path / "begun").exists)
    runner.shutdown()
    assert not runner.wait_workers()
    assert caplog.messages[-1] == "stopped: 1 task left behind; the server waits until the lease ends"


class Slow(logging.Handler):
    """Takes its time until a worker has ended, and a little more."""

    def __init__(self, worker):
        super().__init__()
        self._worker = worker

    def emit(self, record):
        eventually(lambda: self._worker.capacity.has_ended)
        threading.Event().wait(0.3)


def test_l18_a_killed_task_counts_as_left_behind_though_its_worker_ends_before_that_is_logged(
    server, api_client, tmp_path, caplog
):
    server.add_task("t", inputData={"do": "die_when", "with": str(tmp_path)})
    runner = TaskRunner(api_client, shutdown_timeout=0)
    runner.start_worker("t", process_functions.work, executor=process_pool(1))
    eventually((tmp_path / "begun").exists)
    gate, log, slow = (
        threading.Event(),
        logging.getLogger("conductor.runner.leaks"),
        Slow(runner._workers.find("t", None)),
    )
    threading.Thread(target=gate.wait, name="left running").start()
    log.addHandler(slow)
    try:
        runner.shutdown()
        assert not runner.wait_workers()
    finally:
        log.removeHandler(slow)
        gate.set()
    assert caplog.messages[-1] == "stopped: 1 task left behind; the server waits until the lease ends"


def test_what_waits_for_a_process_is_handed_back_before_the_end_of_a_drain_is_told(server, api_client, tmp_path):
    server.add_task("t", inputData={"do": "die_when", "with": str(tmp_path)})
    with TaskRunner(api_client, shutdown_timeout=0) as runner:
        runner.start_worker("t", process_functions.work, batch_size=3, executor=process_pool(1))
        eventually((tmp_path / "begun").exists)
        waiting = [echo(server), echo(server)]
        eventually(lambda: all(server.deliveries[task_id] for task_id in waiting))
        runner.shutdown()
        assert not runner.wait_workers()
        assert server.requeues == dict.fromkeys(waiting, 1)
        assert server.accepted == {}
        eventually(lambda: not runner._workers._alive_or_close())


UNSTOPPED = """
import sys
sys.path.insert(0, sys.argv[1])
from conductor import Interceptor, TaskRunner, process_pool
from support import process_functions

if __name__ == "__main__":
    runner = TaskRunner()
    runner.start_worker("t", process_functions.work, batch_size=3, executor=process_pool(1))
    print("started", flush=True)
    sys.stdin.readline()
    sys.exit(7)
"""


def test_l18_functions_that_hang_in_processes_do_not_keep_a_program_that_was_not_stopped(server, programs, tmp_path):
    ids = [hang(server, tmp_path), echo(server)]
    process = programs.start(UNSTOPPED, server.url, TESTS)
    assert process.stdout.readline() == "started\n"
    eventually(lambda: all(server.deliveries[task_id] for task_id in ids))
    ends = time.monotonic()
    process.stdin.write("\n")
    process.stdin.flush()
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 7
    assert time.monotonic() - ends < 2
    assert "the process ends although workers run" in errors
    assert "Traceback" not in errors
    assert server.accepted == {}
