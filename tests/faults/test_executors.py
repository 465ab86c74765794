"""Worker functions that hang in a user's executor: what becomes of the tasks behind them, and of the process's end."""

import itertools
import logging
import multiprocessing
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conductor import TaskRunner, process_pool
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
    assert caplog.text.count("failed, and its process pool is replaced") == 1
    assert counted("task_thread_lost_total") == 0


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
    eventually(lambda: old.isdisjoint(children()))
    assert len(processes_of(server, beside, later)) == 2


def test_w4_a_task_that_waits_for_a_given_process_is_handed_back_at_its_time_limit(
    server, runner, clock, tmp_path, counted, caplog
):
    executor = process_pool(1)()
    try:
        ids = [hang(server, tmp_path), echo(server)]
        runner.start_worker("t", process_functions.work, batch_size=2, timeout=60, executor=executor)
        eventually(lambda: all(server.deliveries[task_id] for task_id in ids))
        clock.run_until(lambda: ids[0] in server.accepted and server.requeues[ids[1]])
        assert server.accepted == {ids[0]: "FAILED"}
        assert "its process is lost" in caplog.text
        assert counted("task_thread_lost_total") == 0
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        executor.kill()


def test_w4_the_lease_of_a_function_that_is_killed_at_the_end_of_the_drain_is_left_to_end(
    server, api_client, clock, tmp_path
):
    server._clock = clock.now
    task_id = server.add_task("t", inputData={"do": "die_when", "with": str(tmp_path)})
    runner = TaskRunner(api_client, shutdown_timeout=0)
    runner._clock = clock
    runner.start_worker("t", process_functions.work, lease_extension=True, executor=process_pool(1))
    eventually((tmp_path / "begun").exists)
    runner.shutdown()
    assert not runner.wait_workers()
    clock.run_until(lambda: server.task(task_id)["status"] == "TIMED_OUT")
    assert not server.extensions
    eventually(lambda: not runner._alive_or_closed())


@pytest.mark.parametrize("given", [False, True], ids=["own", "given"])
def test_w4_of_threads_only_an_own_executor_is_replaced_when_a_function_hangs(
    server, runner, clock, gate, counted, given
):
    ids = server.add_tasks("t", 2)
    executor = ThreadPoolExecutor(1) if given else lambda: ThreadPoolExecutor(1)
    runner.start_worker("t", lambda task: gate(task) if task.task_id == ids[0] else None, timeout=60, executor=executor)
    gate.inside.get(timeout=5)
    clock.run_until(lambda: ids[0] in server.accepted)
    if given:
        eventually(lambda: server.deliveries[ids[1]])
        clock.advance(120)
        assert server.accepted == {ids[0]: "FAILED"}
        gate.opened.set()
    eventually(
        lambda: server.accepted == {ids[0]: "FAILED", ids[1]: "COMPLETED"}, timeout=10
    )  # the gate opens after 20
    assert counted("task_thread_lost_total", taskType="t") == 1


def test_w4_the_time_limit_of_a_thread_begins_with_its_function(server, runner, clock, counted):
    inside, let_through = queue.Queue(), queue.Queue()

    def worker(task):
        inside.put(task.task_id)
        let_through.get(timeout=20)

    server.add_tasks("t", 2)
    with ThreadPoolExecutor(1) as executor:
        runner.start_worker("t", worker, batch_size=2, timeout=60, executor=executor)
        eventually(lambda: server.deliveries["t2"])
        assert inside.get(timeout=5) == "t1"
        clock.advance(50)
        assert counted("task_execution_started_total", taskType="t") == 1
        let_through.put(None)
        assert inside.get(timeout=5) == "t2"
        assert counted("task_execution_started_total", taskType="t") == 2
        clock.advance(50)
        let_through.put(None)
        eventually(lambda: server.accepted == {"t1": "COMPLETED", "t2": "COMPLETED"})


class Bounded(ThreadPoolExecutor):
    """Its submit is refused once."""

    def __init__(self, refused):
        super().__init__(1)
        self._refused = refused
        self._asked = itertools.count(1)

    def submit(self, *args, **kwargs):
        if next(self._asked) == self._refused:
            raise queue.Full
        return super().submit(*args, **kwargs)


@pytest.mark.parametrize("refused", [1, 2], ids=["polled", "brought by an update"])
def test_l24_a_task_that_an_executor_refuses_by_an_error_of_its_own_is_handed_back_and_runs_later(
    server, runner, refused
):
    ids = server.add_tasks("t", 3)
    with Bounded(refused) as executor:
        runner.start_worker("t", lambda task: None, executor=executor)
        eventually(lambda: server.accepted == dict.fromkeys(ids, "COMPLETED"))
        assert server.requeues == {ids[refused - 1]: 1}
        runner.shutdown()
        assert runner.wait_workers()


class Old(ThreadPoolExecutor):
    def shutdown(self, wait=True):
        super().shutdown(wait)


def test_l24_an_executor_that_cannot_be_shut_down_without_waiting_does_not_hold_up_the_end(server, runner):
    server.add_task("t")
    runner.start_worker("t", lambda task: None, executor=lambda: Old(1))
    eventually(lambda: server.accepted)
    runner.shutdown()
    assert runner.wait_workers()


@pytest.mark.parametrize("given", [False, True], ids=["own", "given"])
def test_l6_threads_that_keep_the_process_from_ending_are_named_once(server, api_client, gate, caplog, given):
    server.add_tasks("t", 2)
    runner = TaskRunner(api_client, shutdown_timeout=0)
    executor = ThreadPoolExecutor(2) if given else lambda: ThreadPoolExecutor(2)
    runner.start_worker("t", gate, batch_size=2, executor=executor)
    for _ in range(2):
        gate.inside.get(timeout=5)
    eventually(lambda: len(runner._workers["t", None]._pool._runs) == 2)  # the runner has what submit returned
    runner.shutdown()
    assert not runner.wait_workers()
    said = [record.getMessage() for record in caplog.records if "its executor" in record.getMessage()]
    assert said == ["t: its executor still runs 2 tasks, and the process cannot end before they do"]
    gate.opened.set()
    eventually(lambda: runner.wait_workers(timeout=0))
    assert caplog.text.count("its executor still runs") == 1


def test_l6_an_executor_that_has_nothing_to_do_holds_nothing_up(server, runner, caplog):
    server.add_task("t")
    runner.start_worker("t", lambda task: None, executor=lambda: ThreadPoolExecutor(2))
    eventually(lambda: server.accepted)
    runner.shutdown()
    assert runner.wait_workers()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


MANAGING = """
import concurrent.futures.process, threading

def look():
    print([type(thread).__name__ for thread in threading.enumerate()].count("_ExecutorManagerThread"))

threading._register_atexit(look)  # the last runs first: after what conductor registers, before Python joins all of them
from conductor import process_pool

if __name__ == "__main__":
    pool = process_pool(1)()
    pool.submit(int).result()
    look()
    pool.shutdown(wait=False)
"""


def test_l8_the_threads_that_manage_processes_have_ended_before_the_interpreter_takes_their_pipes(server, programs):
    """One that ends while the interpreter does may write to a pipe that it has closed, and says so on stderr."""
    output, errors = programs.start(MANAGING, server.url).communicate(timeout=20)
    assert (output.split(), errors) == (["1", "0"], "")


def test_l18_a_task_whose_process_is_killed_counts_as_left_behind(server, api_client, tmp_path, caplog):
    server.add_task("t", inputData={"do": "wait_for", "with": str(tmp_path / "never")})
    runner = TaskRunner(api_client, shutdown_timeout=0)
    runner.start_worker("t", process_functions.work, executor=process_pool(1))
    eventually(lambda: server.deliveries["t1"])
    runner.shutdown()
    assert not runner.wait_workers()
    assert caplog.messages[-1] == "stopped: 1 task left behind; the server waits until the lease ends"


UNSTOPPED = """
import sys
sys.path.insert(0, sys.argv[1])
from conductor import TaskRunner, process_pool
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
    assert "its executor broke" not in errors
    assert server.accepted == {}


FORKING = """
import multiprocessing, os, warnings
from conductor import process_pool

if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of every fork beside threads
    with process_pool(1)() as executor:
        process = executor.submit(os.getpid).result()
        child = multiprocessing.get_context("fork").Process(target=int)
        child.start()
        child.join()
        print(executor.submit(os.getpid).result() == process)
"""


def test_l11_a_forked_child_ends_without_the_processes_of_its_parent(server, programs):
    output, errors = programs.start(FORKING, server.url).communicate(timeout=20)
    assert (output, errors) == ("True\n", "")


def test_a_task_that_is_taken_back_while_its_executor_is_made_gives_its_slot_back_once(server, api_client, gate):
    """Else its worker would never end, and its threads stay: see the check around each test."""
    asked, may_be_made = queue.SimpleQueue(), threading.Event()

    def make():
        asked.put(None)
        may_be_made.wait(10)
        return ThreadPoolExecutor(1)

    may_be_made.set()
    runner = TaskRunner(api_client, shutdown_timeout=0)
    runner.start_worker("t", gate, executor=make, timeout=0.1)
    asked.get(timeout=5)
    may_be_made.clear()
    hangs, waits = server.add_tasks("t", 2)
    asked.get(timeout=5)
    runner.shutdown()
    assert not runner.wait_workers()
    may_be_made.set()
    gate.opened.set()
    eventually(lambda: server.requeues == {waits: 1})
    assert server.accepted == {hangs: "FAILED"}
    eventually(
        lambda: runner.wait_workers() or not [t for t in threading.enumerate() if t.name.startswith("conductor-")]
    )
