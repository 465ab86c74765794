"""The processes of one worker, without a runner: how tasks get into them, and how the processes begin and end."""

import functools
import importlib
import itertools
import logging
import multiprocessing
import os
import queue
import shutil
import signal
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

from conductor import ConfigurationError, Task, TaskResultStatus, process_pool
from conductor._flag import Flag
from conductor.calling import process_main
from conductor.calling.call import KilledError, NotBegunError, ProcessDiedError
from conductor.calling.processes import Processes
from conductor.context import TaskContext, WorkerContext
from support import process_functions
from support.process_calls import Call
from support.programs import is_alive
from support.waiting import eventually

COMPLETED, FAILED = TaskResultStatus.COMPLETED, TaskResultStatus.FAILED


def call_of(do, argument=None, task_id="t1"):
    task = Task(task_id, "w1", input_data={"do": do, "with": argument}, task_type="typed", retry_count=2)
    return Call(task)


def run(processes, do, argument=None, task_id="t1", longest_wait=20):
    return processes.call(call_of(do, argument, task_id), lambda: True, longest_wait)


def start(processes, do, argument=None, task_id="t1", longest_wait=None):
    """On a thread. Returns a queue of what came out of it, be it an error."""
    ended = queue.Queue()

    def make():
        try:
            ended.put(run(processes, do, argument, task_id, longest_wait))
        except Exception as error:
            ended.put(error)

    threading.Thread(target=make, daemon=True).start()
    return ended


def hold(processes, directory, task_id):
    """A function that has begun, and ends as soon as a file ``now`` is in the directory. Returns a queue as above."""
    ended = start(processes, "begin_and_wait", str(directory), task_id)
    eventually((directory / task_id).exists)
    return ended


def process_of(processes):
    return run(processes, "echo").result.output_data["process"]


def end(pid):
    """Until its parent has noticed."""
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{pid}").exists())


@pytest.fixture
def stopping():
    return Flag()


@pytest.fixture
def make(stopping):
    made, before = [], set(threading.enumerate())

    def make(size=1, function=process_functions.work, **more):
        made.append(Processes(process_pool(size, **more), function, "polled", "me", stopping))
        return made[-1]

    yield make
    for processes in made:
        processes.close()
    eventually(lambda: not [t for t in set(threading.enumerate()) - before if t.name == "conductor-process"])


@pytest.fixture(scope="module")
def whole():
    """For tests that leave it whole."""
    processes = Processes(process_pool(1), process_functions.work, "polled", "me", Flag())
    yield processes
    processes.close()


def nested():
    def function(task):
        pass

    return function


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"max_workers": 0}, "max_workers"),
        ({"max_workers": True}, "max_workers"),
        ({"max_workers": 1.5}, "max_workers"),
        ({"initializer": "log"}, "initializer"),
        ({"initializer": print, "initargs": 3}, "initargs"),
        ({"initializer": print, "initargs": "ab"}, "initargs"),
        ({"initargs": (1,)}, "initializer"),
        ({"max_tasks_per_child": 0}, "max_tasks_per_child"),
    ],
)
def test_an_argument_that_cannot_work_is_refused_at_once_by_its_name(arguments, named):
    with pytest.raises(ConfigurationError, match=named):
        process_pool(**arguments)


@pytest.mark.parametrize(
    ("function", "name"),
    [(lambda task: None, "<lambda>"), (nested(), "nested.<locals>.function"), (functools.partial(print, 1), "partial")],
)
def test_a_function_that_no_process_could_find_is_refused_by_name(make, function, name):
    with pytest.raises(ConfigurationError) as caught:
        make(function=function)
    assert str(caught.value).endswith(f"top of a module; {name} does not")


def test_an_initializer_that_fails_or_cannot_be_pickled_is_an_error_at_the_start(make):
    with pytest.raises(ConfigurationError, match="cannot run in a process: ValueError: no driver"):
        make(initializer=process_functions.refuse, initargs=("no driver",))
    with pytest.raises(ConfigurationError, match="cannot run in a process: .*pickle"):
        make(initializer=process_functions.refuse, initargs=(lambda: None,))


def test_the_initializer_runs_once_in_each_process_before_its_first_task(make, tmp_path):
    processes = make(initializer=process_functions.note, initargs=(str(tmp_path),))
    first = process_of(processes)
    assert process_of(processes) == first
    end(first)
    second = process_of(processes)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {str(first): "x", str(second): "x"}


def test_the_function_does_not_begin_if_it_may_not(whole):
    with pytest.raises(NotBegunError):
        whole.call(call_of("die", 3), lambda: False, None)
    assert run(whole, "echo").result.status == COMPLETED


def test_an_output_comes_back_as_it_would_from_a_thread(whole):
    value = {"text": "ä\U0001f600", "many": [1, 2.5, None, True, 2**70], "deep": {"": {}}}
    finished = run(whole, "echo", value)
    assert finished.result.output_data == {
        "value": value,
        "process": finished.result.output_data["process"],
        "type": "typed",
    }
    assert finished.result.output_data["process"] != os.getpid()
    assert (finished.result.status, finished.result.worker_id, finished.error) == (COMPLETED, "me", None)
    assert finished.size > 0
    assert finished.seconds > 0


def test_a_failure_comes_back_with_its_logs_and_its_traceback(whole):
    call = call_of("fail", "boom")
    finished = whole.call(call, lambda: True)
    (said,) = call.context.end().lines
    (traceback,) = finished.result.logs
    assert said.log == "before it failed"
    assert "process_functions.py" in traceback.log
    assert traceback.log.endswith("ValueError: boom\n")
    assert (finished.result.reason_for_incompletion, finished.error) == ("ValueError: boom", "ValueError")


@pytest.mark.parametrize(
    ("do", "argument", "status", "reason"),
    [
        ("fail_for_good", "never", "FAILED_WITH_TERMINAL_ERROR", "NonRetryableError: never"),
        ("leave", 3, "FAILED", "SystemExit: 3"),
        (
            "unsendable",
            None,
            "FAILED_WITH_TERMINAL_ERROR",
            "the result cannot be sent: here[0]: object has no JSON form",
        ),
    ],
)
def test_what_goes_wrong_in_a_process_has_the_same_end_as_in_a_thread(whole, do, argument, status, reason):
    result = run(whole, do, argument).result
    assert (result.status, result.reason_for_incompletion) == (status, reason)


def test_the_lines_of_a_process_that_dies_and_the_output_that_it_has_set_are_not_lost(make):
    call = call_of("tell_and_die")
    with pytest.raises(ProcessDiedError):
        make().call(call, lambda: True)
    told = call.context.end()
    assert [line.log for line in told.lines] == ["one", "two"]
    assert told.output == ({"done": 2}, 10)


def test_more_lines_than_may_wait_neither_fill_the_memory_nor_stop_a_process(whole):
    call = call_of("tell_much", 5_000)
    assert whole.call(call, lambda: True).result.status == COMPLETED
    lines = [line.log for line in call.context.end().lines]
    assert lines == [*map(str, range(1_000)), "(lines left out here: 4000)"]


def test_a_task_is_put_off_in_a_process(whole):
    result = run(whole, "put_off", 60).result
    assert (result.status, result.callback_after_seconds) == (TaskResultStatus.IN_PROGRESS, 60)
    assert result.output_data == {"done": 1}


def test_a_process_knows_the_deadline_and_the_worker_id(whole):
    assert run(whole, "tell_time").result.output_data == {"left": None, "worker_id": "me", "deadline": None}
    call = call_of("tell_time")
    shared = WorkerContext(Flag(), timeout=30.0)
    call.context = TaskContext(call.task, Flag(), shared, shared.clock.now())
    output = whole.call(call, lambda: True).result.output_data
    assert 20 < output["left"] <= 30
    deadline = datetime.fromisoformat(output["deadline"])
    assert abs((deadline - call.context.deadline).total_seconds()) < 5


def test_a_callback_keeps_its_whole_seconds(whole):
    result = run(whole, "answer_later", 1.5).result
    assert (result.status, repr(result.callback_after_seconds)) == (TaskResultStatus.IN_PROGRESS, "2")


def test_a_task_waits_for_a_process_no_longer_than_its_longest_wait(make, tmp_path):
    processes = make()
    running = hold(processes, tmp_path, "t1")
    begun = []
    with pytest.raises(NotBegunError):
        processes.call(call_of("echo", task_id="t2"), lambda: begun.append(1) or True, 0.05)
    assert not begun
    waiting = start(processes, "echo", task_id="t3")
    (tmp_path / "now").touch()
    assert running.get(timeout=20).result.status == COMPLETED
    assert waiting.get(timeout=20).result.status == COMPLETED


@pytest.mark.parametrize(
    ("how", "said"), [(3, "code 3"), ("SIGKILL", "code -9 (SIGKILL)"), ("SIGSEGV", "code -11 (SIGSEGV)")]
)
def test_a_process_that_dies_costs_only_its_own_task(make, tmp_path, how, said):
    processes = make(2)
    beside = hold(processes, tmp_path, "beside")
    with pytest.raises(ProcessDiedError) as caught:
        run(processes, "die", how)
    assert str(caught.value) == f"its process ended, with exit {said}"
    (tmp_path / "now").touch()
    assert beside.get(timeout=20).result.status == COMPLETED
    assert run(processes, "echo").result.status == COMPLETED


def test_processes_that_keep_dying_are_replaced_after_growing_pauses(make):
    processes = make()
    times = []
    for _ in range(4):
        with pytest.raises(ProcessDiedError):
            processes.call(call_of("die", 1), lambda: times.append(time.monotonic()) or True, 20)
    pauses = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert pauses[1] >= 0.4
    assert pauses[2] >= 0.6


def test_a_process_that_dies_while_it_is_free_costs_no_task_and_is_named(make, caplog):
    processes = make(2)
    for _ in range(3):
        end(process_of(processes))
        assert run(processes, "echo").result.status == COMPLETED
    eventually(lambda: "polled: a process ended while it ran no task" in caplog.text)


def test_a_process_that_dies_just_before_it_is_given_a_task_has_not_begun_it(make):
    processes = make()
    pid = process_of(processes)
    with pytest.raises(NotBegunError):
        processes.call(call_of("echo"), lambda: end(pid) is None, 20)


def test_that_a_later_process_cannot_start_is_said(make, tmp_path, caplog):
    notes = tmp_path / "notes"
    notes.mkdir()
    processes = make(initializer=process_functions.note, initargs=(str(notes),))
    pid = process_of(processes)
    shutil.rmtree(notes)
    end(pid)
    eventually(lambda: "polled: a process could not be started: FileNotFoundError" in caplog.text)


def test_an_order_is_for_its_task_alone_be_it_early_or_late():
    """It comes through another pipe than the tasks do."""
    orders, parent_end = multiprocessing.Pipe(duplex=False)
    parent = process_main._Parent(orders)
    parent._obey(process_main.LOST, b"1")
    assert parent.next_task(process_main.GOES_ON)
    second = parent.next_task(process_main.GOES_ON)
    parent._obey(process_main.LOST, b"1")
    assert not second
    parent._obey(process_main.LOST, b"2")
    assert second
    orders.close()
    parent_end.close()


def test_a_task_that_is_killed_costs_only_its_own_process_which_is_replaced(make, tmp_path):
    processes = make(2)
    hangs = hold(processes, tmp_path, "hangs")
    beside = hold(processes, tmp_path, "beside")
    waiting = start(processes, "echo", task_id="waits")
    processes.kill("hangs")
    processes.kill("nobody")
    assert isinstance(hangs.get(timeout=20), ProcessDiedError)
    assert waiting.get(timeout=20).result.status == COMPLETED
    (tmp_path / "now").touch()
    assert beside.get(timeout=20).result.status == COMPLETED


def test_a_process_is_replaced_after_its_last_task(make):
    processes = make(max_tasks_per_child=2)
    pids = [process_of(processes) for _ in range(6)]
    assert [pids.count(pid) for pid in pids] == [2] * 6
    eventually(lambda: not any(map(is_alive, pids[:4])))


def test_at_the_end_running_tasks_are_killed_and_waiting_tasks_have_not_begun(make, tmp_path):
    processes = make()
    running = hold(processes, tmp_path, "t1")
    waiting = start(processes, "echo", task_id="t2")
    processes.close()
    processes.close()
    assert isinstance(running.get(timeout=20), KilledError)
    assert isinstance(waiting.get(timeout=20), NotBegunError)
    with pytest.raises(NotBegunError):
        run(processes, "echo")


def test_functions_see_that_the_worker_stops_and_that_their_task_is_lost(make, stopping):
    processes = make()
    lost = call_of("wait_for_flag", "lost")
    threading.Timer(0.1, lost.lost.set).start()
    assert processes.call(lost, lambda: True, None).result.output_data == {"lost": True, "stopping": False}
    lost.lost.set()
    assert processes.call(lost, lambda: True, None).result.output_data == {"lost": True, "stopping": False}
    assert run(processes, "see_context").result.output_data["lost"] is False
    threading.Timer(0.1, stopping.set).start()
    assert run(processes, "wait_for_flag", "stopping").result.output_data == {"lost": False, "stopping": True}
    assert run(processes, "see_context").result.output_data["stopping"] is True


def test_a_task_that_arrives_in_a_new_process_while_the_worker_stops_sees_it(make, stopping):
    stopping.set()
    assert run(make(), "see_context").result.output_data["stopping"] is True


def test_records_reach_the_handlers_of_the_parent_with_the_ids_of_their_task(make, caplog):
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "support.detailed")
    processes = make()
    run(processes, "log_records", "ä\U0001f600 %s")
    records = eventually(
        lambda: len(found := [r for r in caplog.records if r.name.startswith("support.")]) > 2 and found
    )
    assert [(r.name, r.levelname, r.getMessage()) for r in records] == [
        ("support.detailed", "DEBUG", "ä\U0001f600 %s"),
        ("support.plain", "INFO", "two 2"),
        ("support.plain", "ERROR", "it failed"),
    ]
    for record in records:
        ids = record.task_name, record.task_id, record.workflow_instance_id, record.retry_count
        assert ids == ("polled", "t1", "w1", 2)
        assert record.process != os.getpid()
    assert (records[1].extra_number, records[1].extra_object) == (7, "x")
    assert "ZeroDivisionError" in records[2].exc_text
    assert records[2].exc_info is None


def test_a_level_that_changes_later_reaches_running_processes(make, caplog):
    processes = make()
    caplog.set_level(logging.DEBUG, "support.detailed")

    def logged():
        run(processes, "log_records", "late")
        return [r for r in caplog.records if r.name == "support.detailed"]

    eventually(logged)


def test_a_level_that_is_taken_back_is_taken_back_in_running_processes(make, caplog):
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.CRITICAL, "support.plain")
    processes = make()
    run(processes, "log_records", "silent")
    caplog.set_level(logging.NOTSET, "support.plain")

    def logged():
        run(processes, "log_records", "said")
        return [r for r in caplog.records if r.name == "support.plain"]

    eventually(logged)


def test_records_are_written_by_the_parent_alone_though_the_import_sets_up_handlers(make, tmp_path, monkeypatch):
    (tmp_path / "with_handler.py").write_text(
        "import logging, pathlib\n"
        "logger = logging.getLogger('support.with_handler')\n"
        "logger.addHandler(logging.FileHandler(pathlib.Path(__file__).with_suffix('.log')))\n"
        "def work(task):\n"
        "    logger.error('said')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("with_handler")
    processes = make(function=module.work)
    run(processes, "whatever")
    written = tmp_path / "with_handler.log"
    eventually(written.read_text)
    run(processes, "whatever")
    eventually(lambda: written.read_text() == "said\nsaid\n")
    for handler in list(module.logger.handlers):
        module.logger.removeHandler(handler)
        handler.close()


def test_a_process_that_logs_like_mad_between_its_tasks_holds_nothing_up(make, caplog):
    caplog.set_level(logging.INFO)
    processes = make()
    run(processes, "log_for_ever")
    for _ in range(50):
        assert run(processes, "echo").result.status == COMPLETED
    numbers = [int(r.getMessage().split()[0]) for r in list(caplog.records) if r.name == "support.mad"]
    assert numbers == list(range(len(numbers)))
    assert max(len(r.getMessage()) for r in list(caplog.records)) < 70_000


def test_a_handler_that_raises_does_not_end_the_records(make, caplog):
    class Raising(logging.Handler):
        def emit(self, record):
            raise SystemExit

    handler = Raising()
    logging.getLogger("support.plain").addHandler(handler)
    try:
        caplog.set_level(logging.DEBUG, "support.detailed")
        processes = make()
        run(processes, "log_records", "1")
        run(processes, "log_records", "2")
        eventually(lambda: [r for r in caplog.records if r.getMessage() == "2"])
    finally:
        logging.getLogger("support.plain").removeHandler(handler)


def test_last_records_of_a_process_that_dies_are_kept(make, caplog):
    processes = make()
    with pytest.raises(ProcessDiedError):
        run(processes, "log_and_die", "last words")
    eventually(lambda: "last words" in caplog.messages)


def test_the_copy_that_a_function_forks_neither_answers_nor_hides_the_end_of_the_original(make):
    processes = make()
    assert run(processes, "fork").result.output_data == {"copy": False}
    started = time.monotonic()
    with pytest.raises(ProcessDiedError):
        run(processes, "leave_copy_and_die")
    assert time.monotonic() - started < 4  # the copy lives for five seconds


def test_a_task_that_its_process_did_not_live_to_read_has_not_begun(make):
    """Its process is stopped, so that it is killed after the task was sent and before it could read it."""
    processes = make()
    os.kill(process_of(processes), signal.SIGSTOP)
    ended = start(processes, "echo")
    eventually(lambda: processes._lending._lent)
    (process,) = processes._lending._lent
    eventually(lambda: process.number_of_tasks == 2)
    process.kill()
    assert isinstance(ended.get(timeout=20), NotBegunError)
    assert run(processes, "echo").result.status == COMPLETED


def test_what_a_function_printed_is_written_by_the_end_of_its_task(make, capfd, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    processes = make()
    run(processes, "say", "hello")
    assert capfd.readouterr().out == "hello"
