"""Worker functions in processes: they die, they cannot start, they get signals, or their parent ends before them."""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conductor import ConfigurationError, process_pool
from support import process_functions
from support.programs import Programs, children_of, is_alive, waits_for_signals
from support.waiting import eventually


def test_w17_a_process_that_dies_fails_its_own_task_alone_with_a_reason_that_says_how(server, runner, tmp_path):
    beside = server.add_task("t", inputData={"do": "wait_for", "with": str(tmp_path / "go on")})
    dead = server.add_task("t", inputData={"do": "die", "with": "SIGKILL"})
    runner.start_worker("t", process_functions.work, batch_size=2, executor=process_pool(2))
    eventually(lambda: server.accepted == {dead: "FAILED"})
    reason = server.task(dead)["reasonForIncompletion"]
    assert reason == "ProcessDiedError: its process ended, with exit code -9 (SIGKILL)"
    (tmp_path / "go on").touch()
    eventually(lambda: server.accepted.get(beside) == "COMPLETED")


def test_w17_the_time_of_a_function_whose_process_dies_is_counted(server, runner, tmp_path, counted):
    task = server.add_task("t", inputData={"do": "die_when", "with": str(tmp_path)})
    runner.start_worker("t", process_functions.work, executor=process_pool(1))
    eventually((tmp_path / "begun").exists)
    begun = time.monotonic()
    time_in_function = time.monotonic() - begun
    (tmp_path / "now").touch()
    eventually(lambda: task in server.accepted)
    assert counted("task_execute_time_seconds_sum", status="FAILURE") > time_in_function


def test_w17_tasks_that_wait_for_the_process_of_one_that_dies_run_in_the_next(server, runner, tmp_path):
    first = server.add_task("t", inputData={"do": "die_when", "with": str(tmp_path)})
    waiting = [server.add_task("t", inputData={"do": "echo"}) for _ in range(3)]
    runner.start_worker("t", process_functions.work, batch_size=4, executor=process_pool(1))
    eventually((tmp_path / "begun").exists)
    (tmp_path / "now").touch()
    eventually(lambda: server.accepted == {first: "FAILED"} | dict.fromkeys(waiting, "COMPLETED"))


def test_w17_the_server_hears_of_a_dead_process_and_other_workers_go_on(server, runner):
    runner.start_worker("steady", process_functions.work, executor=process_pool(1))
    runner.start_worker("dying", process_functions.work, executor=process_pool(1))
    dead = server.add_task("dying", inputData={"do": "die", "with": "SIGKILL"})
    eventually(lambda: dead in server.accepted)
    assert server.accepted[dead] == "FAILED"
    alive = [server.add_task(name, inputData={"do": "echo"}) for name in ("steady", "dying")]
    eventually(lambda: all(server.accepted.get(task_id) == "COMPLETED" for task_id in alive))


def test_w18_a_function_that_a_process_cannot_import_is_refused_at_the_start(server, runner, tmp_path, monkeypatch):
    code = """
        import multiprocessing
        if multiprocessing.parent_process():
            raise ImportError("no driver in here")
        def function(task): pass
    """
    (tmp_path / "only_in_the_parent.py").write_text(code.replace("\n        ", "\n"))
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module("only_in_the_parent").function

    with pytest.raises(ConfigurationError) as caught:
        runner.start_worker("t", function, executor=process_pool(2))
    assert "only_in_the_parent.function" in str(caught.value)
    assert "ImportError: no driver in here" in str(caught.value)
    runner.start_worker("t", lambda task: None)
    done = server.add_task("t")
    eventually(lambda: server.accepted.get(done) == "COMPLETED")


SCRIPT = """
import os, sys, threading, time
from pathlib import Path
from conductor import TaskRunner, process_pool

def worker(task):
    os.write(1, b"begun\\n")  # in one piece: two processes write to one pipe
    if task.input_data.get("busy"):
        while True:
            pass
    while not Path(sys.argv[2]).exists():
        time.sleep(0.01)

def tell(runner):
    while runner.get_batch_size_for_all():
        time.sleep(0.01)
    os.write(1, b"stopping\\n")

def main():
    with TaskRunner(shutdown_timeout=float(sys.argv[1])) as runner:
        runner.start_worker("t", worker, batch_size=2, executor=process_pool(2))
        threading.Thread(target=tell, args=[runner], daemon=True).start()
        return runner.wait_workers()

if __name__ == "__main__":
    sys.exit(not main())
"""


@pytest.fixture
def start_script(tmp_path, server):
    """start_script(code, *arguments): as a file, in a process group of its own, of which nothing stays behind."""
    started = []

    def start(code, *arguments):
        script = tmp_path / "script.py"
        script.write_text(code)
        process = subprocess.Popen(
            [sys.executable, "-W", "error", script, *map(str, arguments)],
            env=os.environ | {"CONDUCTOR_SERVER_URL": server.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_w18_a_script_that_starts_its_workers_in_each_process_is_told_how_not_to(server, start_script):
    process = start_script(SCRIPT.replace('if __name__ == "__main__":', "if True:"), 5, "never")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    told = [line for line in errors.splitlines() if line.startswith("conductor.errors.ConfigurationError: ")]
    assert told[-1].startswith("conductor.errors.ConfigurationError: __main__.worker cannot run in a process")
    assert 'under `if __name__ == "__main__":`' in told[-1]
    assert server.results() == []


def test_l7_an_interrupt_of_the_process_group_drains_and_the_processes_finish_their_tasks(
    server, start_script, tmp_path
):
    ids = server.add_tasks("t", 2)
    process = start_script(SCRIPT, 30, tmp_path / "go on")
    assert [process.stdout.readline() for _ in ids] == ["begun\n"] * 2
    waits_for_signals(process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == "stopping\n"
    (tmp_path / "go on").touch()
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (0, "", "")
    assert server.accepted == dict.fromkeys(ids, "COMPLETED")
    assert max(server.deliveries.values()) == 1


def test_l7_an_interrupt_while_the_processes_start_costs_no_task(server, start_script, tmp_path):
    process = start_script(SCRIPT, 30, tmp_path / "go on")
    eventually(lambda: len(children_of(process.pid)) == 3)  # two, and the one that looks after the semaphores
    for child in children_of(process.pid):
        os.kill(child, signal.SIGINT)
    ids = server.add_tasks("t", 2)
    assert [process.stdout.readline() for _ in ids] == ["begun\n"] * 2
    (tmp_path / "go on").touch()
    eventually(lambda: server.accepted == dict.fromkeys(ids, "COMPLETED"))
    waits_for_signals(process).send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_l8_processes_end_when_their_parent_is_killed(server, start_script):
    """One waits in its function, the other is busy in it."""
    server.add_task("t")
    server.add_task("t", inputData={"busy": True})
    process = start_script(SCRIPT, 30, "never")
    assert [process.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
    children = children_of(process.pid)
    assert len(children) == 3
    process.kill()
    eventually(lambda: not any(map(is_alive, children)))


def test_l6_a_second_signal_hands_back_what_waits_for_a_process_and_names_what_runs(server, start_script):
    running = server.add_task("t")
    process = start_script(SCRIPT.replace("process_pool(2)", "process_pool(1)"), 60, "never")
    assert process.stdout.readline() == "begun\n"
    waiting = server.add_task("t")
    eventually(lambda: server.deliveries[waiting])
    waits_for_signals(process).send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "stopping\n"
    process.send_signal(signal.SIGTERM)
    second = time.monotonic()
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert time.monotonic() - second < 2.5  # two, and the end of the interpreter
    assert f"task_id='{running}'" in errors
    assert f"task_id='{waiting}'" not in errors
    assert server.requeues == {waiting: 1}
    assert server.accepted == {}


@pytest.mark.parametrize("signals", [1, 2])
def test_l8_processes_that_hang_end_with_the_drain(server, start_script, signals):
    server.add_task("t")
    server.add_task("t", inputData={"busy": True})
    process = start_script(SCRIPT, 0.5 if signals == 1 else 60, "never")
    assert [process.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
    children = children_of(process.pid)
    waits_for_signals(process).send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "stopping\n"  # two signals in one moment would be one
    if signals == 2:
        process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert errors.count("left behind at the end of the drain") == 2
    eventually(lambda: not any(map(is_alive, children)))
    assert server.results() == []


LEAVES_PROCESSES = """
import os, subprocess, sys, time, warnings
from pathlib import Path
from conductor import TaskRunner, process_pool

def worker(task):
    warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of every fork beside threads
    sleeping = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if task.input_data.get("die"):  # a copy would hide that
        os.write(1, f"{os.getpid()} {sleeping.pid}\\n".encode())
        os._exit(1)
    copy = os.fork()
    if not copy:
        os.closerange(0, 3)
        time.sleep(600)
        os._exit(0)
    os.write(1, f"{os.getpid()} {sleeping.pid} {copy}\\n".encode())
    while task.input_data.get("busy"):
        pass

def main():
    with TaskRunner(shutdown_timeout=0.5) as runner:
        runner.start_worker("t", worker, executor=process_pool(1))
        return runner.wait_workers()

if __name__ == "__main__":
    sys.exit(not main())
"""


@pytest.mark.parametrize(
    ("input_data", "number"),
    [({}, "SIGTERM"), ({"busy": True}, "SIGTERM"), ({}, "SIGKILL"), ({"busy": True}, "SIGKILL"), ({"die": True}, None)],
    ids=str,
)
def test_l8_what_a_function_left_running_ends_with_the_processes(server, start_script, input_data, number):
    """Drained, killed at the end of the drain, with a parent that was killed, or because one of them died."""
    task_id = server.add_task("t", inputData=input_data)
    process = start_script(LEAVES_PROCESSES)
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) > 1
    if not input_data:
        eventually(lambda: server.accepted == {task_id: "COMPLETED"})
        assert all(map(is_alive, pids))
    if number:
        waits_for_signals(process).send_signal(getattr(signal, number))
    eventually(lambda: not any(map(is_alive, pids)))


ENDING = """
import multiprocessing, os, sys, threading, warnings
from contextlib import suppress
sys.path.insert(0, sys.argv[1])
from types import SimpleNamespace
from conductor import Task, process_pool
from conductor._flag import Flag
from conductor.calling.call import KilledError, NotBegunError
from conductor.calling.processes import Processes
from support import process_functions

def call_of(do, argument=None):
    task = Task(do, "w1", input_data={"do": do, "with": argument})
    return SimpleNamespace(task=task, lost=Flag(), received=0.0, context=None)

if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of every fork beside threads
    processes = Processes(process_pool(2), process_functions.work, "t", "me", Flag())
    def process():
        return processes.call(call_of("echo"), lambda: True, None).result.output_data["process"]
    before = {child.pid for child in multiprocessing.active_children()}
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join()
    print(process() in before)
    begun = threading.Event()
    def hang():
        with suppress(KilledError, NotBegunError):  # the latter: it has not even read the task
            processes.call(call_of("wait_for", "never"), lambda: begun.set() or True, None)
    threading.Thread(target=hang, daemon=True).start()
    begun.wait()
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
"""


def test_l11_processes_survive_a_forked_child_of_their_parent_and_end_with_its_interpreter(server, programs):
    """It is not told to stop; one process hangs in its function, the other is idle."""
    process = programs.start(ENDING, server.url, str(Path(__file__).parent.parent))
    output, errors = process.communicate(timeout=20)
    survived, pids = output.splitlines()
    assert (process.returncode, survived, errors) == (0, "True", "")
    assert len(pids.split()) == 2
    assert not any(is_alive(int(pid)) for pid in pids.split())


FORK = """
import os, sys, threading, warnings
from conductor import ConductorError, TaskRunner

warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of every fork beside threads
runner = TaskRunner()
polled = threading.Event()
runner.start_worker("t", lambda task: polled.set() or {"process": "parent"})
polled.wait()
child = os.fork()
if child == 0:
    for use in (
        lambda: runner.start_worker("u", print),
        lambda: runner.set_batch_size("t", 2),
        lambda: runner.get_batch_size_for_all(),
        lambda: runner.pause(),
        lambda: runner.shutdown(),
        lambda: runner.wait_workers(1),
    ):
        try:
            print("no error", use(), flush=True)
        except ConductorError as error:
            print(error, flush=True)
    own = TaskRunner()
    own.start_worker("u", lambda task: own.shutdown() or {"process": "child"})
    own.wait_workers(20)
    os._exit(0)
os.waitpid(child, 0)
runner.shutdown()
sys.exit(not runner.wait_workers())
"""


FORK_WHILE_WAITING = """
import os, signal, sys, threading, time, warnings
from conductor import TaskRunner

warnings.simplefilter("ignore", DeprecationWarning)  # as above
runner = TaskRunner()

def wait_for_handlers():
    while signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        time.sleep(0.01)

def end_by_signal(task):
    wait_for_handlers()
    os.kill(os.getpid(), signal.SIGTERM)

def fork():
    wait_for_handlers()  # the main thread waits for signals
    child = os.fork()
    if child == 0:
        own = TaskRunner()
        own.start_worker("u", end_by_signal)
        os._exit(not own.wait_workers())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    runner.shutdown()

runner.start_worker("t", print)
threading.Thread(target=fork).start()
sys.exit(not runner.wait_workers())
"""
FORK_UNDER_A_LOCK = """
import os, sys, threading, warnings
from conductor import TaskRunner

warnings.simplefilter("ignore", DeprecationWarning)  # as above
runner = TaskRunner()
runner.start_worker("t", print)
held = threading.Event()

def hold():
    with runner._workers.known("t", None).capacity._changed:
        held.set()
        threading.Event().wait()

threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if child == 0:
    sys.exit()
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_signal_drains_a_runner_of_a_process_that_was_forked_while_its_parent_waited(server):
    task_id = server.add_task("u")
    with Programs() as programs:
        process = programs.start(FORK_WHILE_WAITING, server.url)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (0, "0\n", "")
    assert server.accepted == {task_id: "COMPLETED"}


def test_a_forked_process_ends_although_a_thread_of_its_parent_held_a_lock(server):
    with Programs() as programs:
        process = programs.start(FORK_UNDER_A_LOCK, server.url)
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_l11_a_runner_refuses_to_work_in_a_forked_process_and_a_new_one_does_not(server):
    tasks = {"parent": server.add_task("t"), "child": server.add_task("u")}
    with Programs() as programs:
        process = programs.start(FORK, server.url)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert output.splitlines() == ["a TaskRunner does not survive os.fork(): make one in the child process"] * 6
    assert {where: server.task(task_id)["outputData"]["process"] for where, task_id in tasks.items()} == {
        "parent": "parent",
        "child": "child",
    }
