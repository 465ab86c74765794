"""Worker functions that fail, hang or block: their task has an end, and the worker goes on."""

import asyncio
import json
import logging
import signal

import pytest

from conductor import (
    ApiClient,
    AuthenticationSettings,
    HttpSettings,
    NonRetryableError,
    TaskResult,
    TaskResultStatus,
    TaskRunner,
    task_context,
)
from support.programs import waits_for_signals
from support.raw_faults import conductor_error
from support.raw_server import RawServer
from support.spelling import either_spelling
from support.waiting import eventually


@either_spelling
def test_w1_an_exception_is_a_failure_with_a_short_reason_and_the_traceback(server, runner, spell):
    def worker(task):
        raise ValueError("x" * 600)

    server.add_task("t")
    runner.start_worker("t", spell(worker))
    (result,) = eventually(server.results)
    assert result["status"] == "FAILED"
    assert result["reasonForIncompletion"] == f"ValueError: {'x' * 600}"[:500]
    (entry,) = result["logs"]
    assert ", in worker\n" in entry["log"]
    assert entry["log"].endswith(f"ValueError: {'x' * 600}\n")


def test_w1_a_failure_tells_neither_key_nor_token(caplog):
    def worker(task):
        raise ValueError("no")

    caplog.set_level(logging.DEBUG)
    with (
        RawServer(key=("key", "hush-hush")) as server,
        ApiClient(AuthenticationSettings("key", "hush-hush"), HttpSettings(server.url)) as client,
        TaskRunner(client) as runner,
    ):
        server.add_task("t")
        runner.start_worker("t", worker)
        told = json.dumps(eventually(server.results))
    assert "ValueError: no" in told
    assert "ValueError: no" in caplog.text
    for secret in ("hush-hush", "token-1"):
        assert secret not in told + caplog.text


@either_spelling
@pytest.mark.parametrize("wrapped", [False, True])
def test_w2_a_non_retryable_error_is_final(server, runner, spell, wrapped):
    def worker(task):
        if wrapped:
            raise OSError("the order is unknown") from NonRetryableError("404")
        raise NonRetryableError("the order is unknown")

    server.add_task("t")
    runner.start_worker("t", spell(worker))
    eventually(lambda: server.accepted == {"t1": "FAILED_WITH_TERMINAL_ERROR"})
    assert server.task("t1")["reasonForIncompletion"].endswith("Error: the order is unknown")


@either_spelling
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_w3_what_usually_ends_a_thread_or_a_loop_fails_one_task(server, runner, spell, error):
    def worker(task):
        if task.task_id == "t1":
            raise error

    server.add_tasks("t", 2)
    runner.start_worker("t", spell(worker))
    eventually(lambda: server.accepted == {"t1": "FAILED", "t2": "COMPLETED"})
    assert server.task("t1")["reasonForIncompletion"] == error.__name__


@either_spelling
def test_w3_an_error_whose_own_code_exits_fails_one_task(server, runner, spell):
    class Exiting(Exception):
        def __str__(self):
            raise SystemExit(3)

    def worker(task):
        if task.task_id == "t1":
            raise Exiting

    server.add_tasks("t", 2)
    runner.start_worker("t", spell(worker))
    eventually(lambda: server.accepted == {"t1": "FAILED", "t2": "COMPLETED"})


def test_w3_a_coroutine_that_cancels_itself_loses_no_result(server, runner):
    async def worker(task):
        asyncio.current_task().cancel()
        return {"n": task.input_data["n"]}

    server.add_tasks("t", 3)
    runner.start_worker("t", worker)
    eventually(lambda: len(server.accepted) == 3)
    assert [result["outputData"]["n"] for result in server.results()] == [1, 2, 3]


def test_w3_a_real_ctrl_c_still_ends_the_program(server, programs):
    server.add_tasks("t", 2)
    process = programs.start(
        """
import sys
from conductor import TaskRunner

def worker(task):
    if task.task_id == "t1":
        raise KeyboardInterrupt

with TaskRunner() as runner:
    runner.start_worker("t", worker)
    sys.exit(not runner.wait_workers())
""",
        server.url,
    )
    eventually(lambda: server.accepted == {"t1": "FAILED", "t2": "COMPLETED"})
    waits_for_signals(process).send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_w4_a_function_over_its_time_limit_is_reported_and_its_slot_is_free(server, runner, clock, gate, counted):
    contexts = {}

    def worker(task):
        contexts[task.task_id] = task_context()
        if task.task_id == "t1":
            gate(task)

    server.add_tasks("t", 2)
    server.add_task("other")
    runner.start_worker("t", worker, timeout=60)
    gate.inside.get(timeout=5)
    runner.start_worker("other", lambda task: None)
    eventually(lambda: server.accepted == {"t3": "COMPLETED"})
    assert not contexts["t1"].lost
    assert clock.run_until(lambda: "t1" in server.accepted) >= 60
    eventually(lambda: server.accepted == {"t1": "FAILED", "t2": "COMPLETED", "t3": "COMPLETED"})
    assert "60" in server.task("t1")["reasonForIncompletion"]
    assert contexts["t1"].lost
    assert not contexts["t2"].lost
    assert counted("task_thread_lost_total", taskType="t") == 1


def test_w4_a_late_result_is_ignored(server, runner, clock, gate):
    server.add_tasks("t", 2)
    runner.start_worker("t", gate, timeout=60)
    gate.inside.get(timeout=5)
    clock.run_until(lambda: server.accepted == {"t1": "FAILED"})
    gate.opened.set()
    eventually(lambda: server.accepted == {"t1": "FAILED", "t2": "COMPLETED"})
    runner.shutdown()
    eventually(lambda: runner.wait_workers(timeout=0))
    assert [result["taskId"] for result in server.results()] == ["t1", "t2"]


def test_w4_a_coroutine_over_its_time_limit_is_reported_too(server, runner, clock):
    cancelled = []

    async def worker(task):
        if task.task_id == "t1":
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled.append(task.task_id)
                raise

    server.add_tasks("t", 2)
    runner.start_worker("t", worker, timeout=60)
    eventually(lambda: server.deliveries["t1"])
    assert clock.run_until(lambda: server.accepted) >= 60
    eventually(lambda: server.accepted == {"t1": "FAILED", "t2": "COMPLETED"})
    eventually(lambda: cancelled == ["t1"])


def left_behind(server, programs, definition):
    """Run a worker of this definition, which prints a line, and stop it; what it wrote to stderr."""
    server.add_task("t")
    process = programs.start(
        f"""
import asyncio, sys, threading
from conductor import TaskRunner

{definition}

with TaskRunner(shutdown_timeout=0.3) as runner:
    runner.start_worker("t", worker)
    sys.exit(not runner.wait_workers())
""",
        server.url,
    )
    process.stdout.readline()
    waits_for_signals(process).send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=5)
    assert process.returncode == 1
    assert server.results() == []
    return errors


def test_w4_a_function_that_never_returns_is_left_behind_at_the_end_of_the_drain(server, programs):
    errors = left_behind(
        server,
        programs,
        """
def worker(task):
    print("begun")
    threading.Event().wait()
""",
    )
    assert "'t1'" in errors


def test_w5_a_coroutine_that_blocks_its_loop_is_named_and_nothing_else_waits_for_it(
    server, runner, clock, gate, caplog
):
    async def blocks(task):
        if task.task_id == "t2":
            gate(task)

    server._clock = clock.now
    server.fault(
        "any_update", conductor_error(500, "down"), only=lambda request: request.json()["taskId"] == "t1", at=1
    )
    server.add_tasks("blocking", 2, responseTimeoutSeconds=30)
    server.add_task("other")
    runner.start_worker("blocking", blocks, batch_size=2, lease_extension=True)
    gate.inside.get(timeout=5)
    eventually(lambda: "blocks the event loop" in caplog.text)
    clock.run_until(lambda: server.accepted == {"t1": "COMPLETED"}, step=0.1)
    for extensions in (1, 2, 3):
        clock.run_until(lambda: server.extensions["t2"] == extensions, step=0.5)  # noqa: B023 - it is asked at once
    runner.start_worker("other", lambda task: None)
    eventually(lambda: "t3" in server.accepted)
    gate.opened.set()
    eventually(lambda: "t2" in server.accepted)
    assert not server.expiries
    (warning,) = [record.getMessage() for record in caplog.records if "blocks the event loop" in record.getMessage()]
    assert "test_functions.py" in warning


def test_w5_a_coroutine_that_did_not_begin_within_its_time_limit_is_handed_back_and_was_never_active(
    server, runner, clock, gate, counted
):
    executed = []

    async def blocks(task):
        executed.append(task.task_id)
        gate(task)

    server.add_tasks("t", 3)
    runner.start_worker("t", blocks, batch_size=3, timeout=60)
    clock.run_until(lambda: server.accepted and server.requeues.keys() == {"t2", "t3"})
    assert server.accepted == {"t1": "FAILED"}
    assert counted("active_workers", taskType="t") == 0
    gate.opened.set()
    eventually(lambda: server.accepted == {"t1": "FAILED", "t2": "COMPLETED", "t3": "COMPLETED"})
    assert sorted(executed) == ["t1", "t2", "t3"]


def test_w6_a_coroutine_that_cannot_be_cancelled_is_left_behind_at_the_end_of_the_drain(server, programs):
    errors = left_behind(
        server,
        programs,
        """
async def worker(task):
    print("begun")
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
""",
    )
    assert "'t1'" in errors


def test_w19_a_coroutine_that_is_cancelled_by_another_before_it_began_is_handed_back_and_runs_later(server, runner):
    async def worker(task):
        if task.task_id == "t1":
            while not (others := asyncio.all_tasks() - {asyncio.current_task()}):  # noqa: ASYNC110 - no event says when
                await asyncio.sleep(0)  # the first look at another is before its first step
            for other in others:
                other.cancel()

    server.add_tasks("t", 2)
    runner.start_worker("t", worker, batch_size=2)
    eventually(lambda: server.accepted == {"t1": "COMPLETED", "t2": "COMPLETED"})
    assert server.requeues == {"t2": 1}
    runner.shutdown()
    assert runner.wait_workers()


@pytest.mark.parametrize("spelling", ["def", "async def"])
def test_w19_a_child_that_comes_back_out_of_a_function_that_forked_sends_nothing_and_ends(server, programs, spelling):
    server.add_tasks("t", 2)
    process = programs.start(
        f"""
import os, signal, sys, warnings
from conductor import TaskRunner

warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of every fork beside threads

{spelling} worker(task):
    if task.task_id == "t1":
        child = os.fork()
        if child:
            return {{"status": os.waitpid(child, 0)[1]}}
        signal.alarm(10)  # or it would outlive a test that fails
    return {{"process": os.getpid()}}

with TaskRunner() as runner:
    runner.start_worker("t", worker)
    sys.stdin.readline()
    runner.shutdown()
    sys.exit(not runner.wait_workers())
""",
        server.url,
    )
    eventually(lambda: server.accepted == {"t1": "COMPLETED", "t2": "COMPLETED"})
    process.communicate("\n", timeout=10)
    assert process.returncode == 0
    assert [result["outputData"] for result in server.results()] == [{"status": 0}, {"process": process.pid}]


def endless(task):
    return endless(task)


def insatiable(task):
    return bytearray(1 << 62)


@either_spelling
@pytest.mark.parametrize(("function", "error"), [(endless, "RecursionError"), (insatiable, "MemoryError")])
def test_w20_too_deep_a_recursion_or_too_little_memory_fails_one_task(server, runner, spell, caplog, function, error):
    server.add_tasks("t", 2)
    runner.start_worker("t", spell(lambda task: function(task) if task.task_id == "t1" else None))
    eventually(lambda: server.accepted == {"t1": "FAILED", "t2": "COMPLETED"})
    assert server.task("t1")["reasonForIncompletion"].startswith(error)
    critical = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
    assert ["t1" in message for message in critical] == ([True] if error == "MemoryError" else [])


@either_spelling
def test_w21_a_task_that_is_put_off_holds_neither_a_slot_nor_a_lease(server, runner, clock, spell):
    def worker(task):
        if task.task_id == "t1" and task.poll_count == 1:
            result = TaskResult.from_task(task)
            result.status, result.callback_after_seconds = TaskResultStatus.IN_PROGRESS, 60
            return result
        return {"polled": task.poll_count}

    server._clock = clock.now
    server.add_tasks("t", 2, responseTimeoutSeconds=30)
    runner.start_worker("t", spell(worker), lease_extension=True)
    eventually(lambda: server.requeues["t1"] == 1)
    eventually(lambda: server.accepted == {"t2": "COMPLETED"})
    clock.advance(59)
    server.add_task("t")
    clock.run_until(lambda: "t3" in server.accepted, step=0.001)
    assert server.deliveries["t1"] == 1
    clock.run_until(lambda: "t1" in server.accepted)
    assert server.deliveries["t1"] == 2
    assert not server.extensions
    assert not server.expiries
