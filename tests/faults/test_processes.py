"""Worker functions in processes: they die, they cannot start, they get signals, or their parent ends before them."""

import contextlib
import importlib
import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conductor import ConfigurationError, Task, TaskResultStatus
from conductor._flag import Flag
from conductor.calling.pool import Pool
from conductor.calling.process_pool import process_pool
from support import process_functions
from support.programs import Programs, waits_for_signals
from support.waiting import eventually

COMPLETED, FAILED = TaskResultStatus.COMPLETED, TaskResultStatus.FAILED


def start(pool, do, argument=None, task_id="t1"):
    """Returns the future and a queue of what done was called with."""
    finished = queue.Queue()
    task = Task(task_id, "w1", input_data={"do": do, "with": argument}, task_type="typed")
    return pool.run(task, Flag(), Flag(), lambda: True, finished.put), finished


def run(pool, do, argument=None):
    return start(pool, do, argument)[1].get(timeout=20)


@pytest.fixture(scope="module")
def pool():
    """For what leaves it whole."""
    pool = Pool("t", process_functions.work, process_pool(1), "me")
    yield pool
    pool.close()


@pytest.fixture
def make_pool():
    made = []

    def make(executor):
        made.append(Pool("t", process_functions.work, executor, "me"))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def test_an_output_comes_back_as_it_would_from_a_thread(pool):
    value = {"text": "ä\U0001f600", "many": [1, 2.5, None, True, 2**70], "deep": {"": {}}}
    finished = run(pool, "echo", value)
    assert finished.result.output_data == {
        "value": value,
        "process": finished.result.output_data["process"],
        "type": "typed",
    }
    assert finished.result.output_data["process"] != os.getpid()
    assert (finished.result.status, finished.result.worker_id, finished.error) == (COMPLETED, "me", None)
    assert finished.size > 0
    assert finished.seconds > 0


def test_a_failure_comes_back_with_its_logs_and_its_traceback(pool):
    finished = run(pool, "fail", "boom")
    said, traceback = finished.result.logs
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
def test_what_goes_wrong_in_a_process_has_the_same_end_as_in_a_thread(pool, do, argument, status, reason):
    result = run(pool, do, argument).result
    assert (result.status, result.reason_for_incompletion) == (status, reason)


def test_a_callback_keeps_its_whole_seconds(pool):
    result = run(pool, "answer_later", 1.5).result
    assert (result.status, repr(result.callback_after_seconds)) == (TaskResultStatus.IN_PROGRESS, "2")


def test_a_process_has_the_task_s_context_with_flags_that_are_never_set(pool):
    assert run(pool, "see_context").result.output_data == {"task_id": "t1", "stopping": False, "lost": False}


@pytest.mark.parametrize(("how", "exit_code"), [(3, 3), ("SIGKILL", -9), ("SIGSEGV", -11)])
def test_w17_a_task_whose_process_dies_fails_at_once_and_the_next_finds_a_new_one(
    make_pool, pool, tmp_path, how, exit_code
):
    """All processes of the pool go with it, and their tasks; those of another pool do not notice."""
    dying = make_pool(process_pool(2))
    beside = start(dying, "wait_for", str(tmp_path / "never"))[1]
    elsewhere = start(pool, "wait_for", str(tmp_path / "go on"))[1]
    eventually(lambda: all(future.running() for future in dying._runs))
    died = run(dying, "die", how)
    for finished in died, beside.get(timeout=20):  # which would wait for ever
        assert (finished.result.status, finished.error) == (FAILED, "BrokenProcessPool")
        assert "terminated abruptly" in finished.result.reason_for_incompletion
        assert f"Exit codes of its processes: [{exit_code}]" in finished.result.logs[-1].log
    with pytest.raises(RuntimeError, match="broke"):
        start(dying, "echo")
    eventually(lambda: _runs(dying))
    (tmp_path / "go on").touch()
    assert elsewhere.get(timeout=20).result.status == COMPLETED


def _runs(pool):
    try:
        return run(pool, "echo").result.status == COMPLETED
    except RuntimeError:
        return False


# Python 3.11's own thread stumbles over a cancelled future when its pool breaks.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_w17_tasks_that_wait_for_the_process_are_handed_back(make_pool, tmp_path):
    dying = make_pool(process_pool(1))
    started = [start(dying, "die_when", str(tmp_path), "t0")]
    eventually((tmp_path / "begun").exists)
    started += [start(dying, "echo", None, f"t{n}") for n in range(1, 6)]
    futures = [future for future, _ in started]
    assert futures[3].cancel()
    (tmp_path / "now").touch()
    results = [finished.get(timeout=20) for _, finished in started]
    assert results[0].result.status == FAILED
    assert results[1:] == [None] * 5
    eventually(lambda: _runs(dying))
    assert all(finished.empty() for _, finished in started)


def test_w17_a_process_that_dies_while_it_is_idle_costs_no_task(make_pool):
    pool = make_pool(process_pool(2))
    os.kill(run(pool, "echo").result.output_data["process"], signal.SIGKILL)
    eventually(lambda: _runs(pool))


def test_w17_a_function_that_always_kills_its_process_is_no_restart_loop(make_pool):
    made = []

    def factory():
        made.append(time.monotonic())
        return process_pool(1)()

    pool = make_pool(factory)
    failed = 0
    while len(made) < 3:
        try:
            assert run(pool, "die", 1).result.status == FAILED
            failed += 1
        except RuntimeError:
            time.sleep(0.02)
    assert failed == 3
    assert made[1] - made[0] >= 0.4
    assert made[2] - made[1] >= 0.6


def test_w17_a_given_executor_that_broke_takes_no_more_tasks(make_pool):
    with process_pool(1)() as executor:
        pool = make_pool(executor)
        assert run(pool, "die", 1).error == "BrokenProcessPool"
        with pytest.raises(RuntimeError, match="broke"):
            start(pool, "echo")


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

    made = []
    with pytest.raises(ConfigurationError) as caught:
        runner.start_worker("t", function, executor=lambda: made.append(process_pool(1)()) or made[-1])
    assert "only_in_the_parent.function" in str(caught.value)
    assert "ImportError: no driver in here" in str(caught.value)
    assert len(made) == 1
    with pytest.raises(RuntimeError, match="shutdown"):
        made[0].submit(int)
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


def children_of(process):
    """The ids of the processes that it started, the one that looks after its semaphores included."""
    return [
        int(pid) for file in Path(f"/proc/{process.pid}/task").glob("*/children") for pid in file.read_text().split()
    ]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # the latter where it ends between opening and reading
        return False


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
    eventually(lambda: len(children_of(process)) == 3)  # two, and the one that looks after the semaphores
    for child in children_of(process):
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
    children = children_of(process)
    assert len(children) == 3
    process.kill()
    eventually(lambda: not any(map(is_alive, children)))


@pytest.mark.parametrize("signals", [1, 2])
def test_l8_processes_that_hang_end_with_the_drain(server, start_script, signals):
    server.add_task("t")
    server.add_task("t", inputData={"busy": True})
    process = start_script(SCRIPT, 0.5 if signals == 1 else 60, "never")
    assert [process.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
    children = children_of(process)
    waits_for_signals(process).send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "stopping\n"  # two signals in one moment would be one
    if signals == 2:
        process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert errors.count("left behind at the end of the drain") == 2
    eventually(lambda: not any(map(is_alive, children)))
    assert server.results() == []


def test_l8_a_copy_that_a_function_forks_ends_when_it_comes_back(pool):
    """It would take tasks besides the pool's own processes, and outlive them."""
    finished = run(pool, "fork")
    assert (finished.result.status, finished.result.output_data) == (COMPLETED, {"copy": False})


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
