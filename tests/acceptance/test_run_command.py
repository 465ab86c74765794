"""``conductor-worker run`` as its page describes it: real processes and signals, on an embedded server."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress

import pytest

from conductor import ApiClient, AuthenticationSettings, HttpSettings, TaskExecutor, WorkflowExecutor
from conductor.testing import DevServer
from support.programs import children_of, is_alive
from support.waiting import eventually

APP = """
import os, subprocess, time
from pathlib import Path
from conductor import worker_task

@worker_task("work", batch_size=4)
def work(number: int, gate: str = "") -> dict[str, int]:
    Path(f"began-{number}").write_text(str(os.getpid()))
    while gate and not Path(gate).exists():
        time.sleep(0.02)
    return {"pid": os.getpid()}

@worker_task("next")
def after_work() -> dict[str, int]:
    return {"pid": os.getpid()}
"""
HOLDS_THE_INTERPRETER = """
import ctypes, os
from pathlib import Path
from conductor import worker_task

@worker_task("work")
def work(number: int) -> None:
    Path(f"began-{number}").write_text(str(os.getpid()))
    ctypes.PyDLL(None).sleep(600)  # keeps the lock of the interpreter
"""
WITH_CHILD = """
import subprocess, sys
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
Path(f"started-{child.pid}").touch()
"""
WITH_PROGRAMS = """
import multiprocessing, signal, subprocess, time, warnings
from conductor import worker_task

fork = multiprocessing.get_context("fork")

def run_long(runs):
    runs.set()
    time.sleep(60)

@worker_task("work")
def work(number: int) -> dict[str, int | None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fork beside threads
        runs = fork.Event()
        copy = fork.Process(target=run_long, args=(runs,), daemon=True)
        copy.start()
    runs.wait(10)
    copy.terminate()
    copy.join(10)
    program = subprocess.Popen(["sleep", "60"])
    program.send_signal(signal.SIGINT)
    return {"copy": copy.exitcode, "program": program.wait(10)}
"""
SLOW = """
import os, threading, time
from contextlib import contextmanager
from pathlib import Path
from conductor import worker_task

Path(f"importing-{os.getpid()}").touch()
while not Path("go-on").exists():
    time.sleep(0.02)

@worker_task("work")
def work() -> None: ...

@contextmanager
def life():
    yield
    Path(f"leaving-{os.getpid()}").touch()
    threading.Event().wait()
"""
LOUD = """
import logging
from conductor import worker_task

@worker_task("work", batch_size=4)
def work(number: int) -> None:
    for turn in range(20):
        logging.getLogger("loud").info("x" * 100_000, extra={"number": number, "turn": turn})
"""
LINGERING = """
import threading
from conductor import worker_task

@worker_task("work")
def work(number: int) -> None:
    threading.Thread(target=threading.Event().wait, name="lingers", daemon=False).start()
"""
ONE_STEP = [
    {
        "name": "work",
        "taskReferenceName": "work",
        "type": "SIMPLE",
        "inputParameters": {"number": "${workflow.input.number}", "gate": "${workflow.input.gate}"},
    }
]
TWO_STEPS = [*ONE_STEP, {"name": "next", "taskReferenceName": "next", "type": "SIMPLE"}]


class Program:
    """``conductor-worker run`` in a folder, and what it says on standard error."""

    def __init__(self, folder, url, *arguments, names=("app",)):
        self.log_file = folder / "stderr"
        with self.log_file.open("wb") as file:
            self._reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)  # noqa: S607 - as services do
        with self._reader.stdin as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "conductor", "run", *names, *arguments],
                cwd=folder,
                env=os.environ
                | {"CONDUCTOR_SERVER_URL": url, "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self.process.pid

    def log(self):
        return self.log_file.read_text()

    def says(self, pattern, times=1):
        """The matches of the pattern, once there are so many."""

        def matches():
            found = list(re.finditer(pattern, self.log()))
            return found if len(found) >= times else None

        try:
            return eventually(matches, 30)
        except AssertionError as error:
            raise AssertionError(f"{pattern!r} is not in\n{self.log()}") from error

    def workers(self):
        return children_of(self.pid)

    def assert_ends(self, status, within=30):
        """It has ended with this status, and its processes too."""
        before = self.workers()
        assert self.process.wait(within) == status, self.log()
        eventually(lambda: not any(map(is_alive, before)))
        self._reader.wait()  # all is read

    def kill(self):
        for pid in self.workers():
            os.killpg(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self._reader.wait()


class Queue:
    """Workflows on the embedded server."""

    def __init__(self, url):
        self.client = ApiClient(http_settings=HttpSettings(url))
        self.tasks, self.workflows = TaskExecutor(self.client), WorkflowExecutor(self.client)

    def define(self, steps=ONE_STEP, lease=600):
        for name in ("work", "next"):
            self.tasks.register_task_defs(
                {
                    "name": name,
                    "ownerEmail": "a@b.example",
                    "responseTimeoutSeconds": lease,
                    "timeoutSeconds": 3600,
                    "retryCount": 3,
                    "retryDelaySeconds": 0,
                }
            )
        self.workflows.register_workflow(
            {"name": "flow", "version": 1, "schemaVersion": 2, "ownerEmail": "a@b.example", "tasks": steps}
        )

    def start(self, *numbers, gate=""):
        return [self.workflows.start_workflow("flow", {"number": number, "gate": gate}) for number in numbers]

    def states(self, ids):
        return [self.workflows.get_workflow(each).status for each in ids]

    def assert_completed(self, ids):
        """The workflows are COMPLETED, at once or after a while."""
        eventually(lambda: all(state == "COMPLETED" for state in self.states(ids)), 40)


@pytest.fixture
def tasks(server):
    queue = Queue(server.url)
    queue.define()
    with queue.client:
        yield queue


@pytest.fixture
def run(tmp_path, server):
    started = []

    def start(*arguments, url=None, **more):
        (tmp_path / "app.py").exists() or (tmp_path / "app.py").write_text(APP)
        started.append(Program(tmp_path, url or server.url, *arguments, **more))
        return started[-1]

    yield start
    for program in started:
        program.kill()


def polling(program, processes=2):
    program.says("polling ", processes)
    return program


def begun(folder, number):
    """The process that has begun the task."""
    return int(eventually(lambda: (folder / f"began-{number}").exists() and (folder / f"began-{number}").read_text()))


def open_gate(folder):
    (folder / "gate").touch()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_signal_lets_running_tasks_finish(run, tasks, tmp_path, processes, number):
    program = polling(run("--processes", str(processes)), processes)
    ids = tasks.start(1, 2, 3, gate="gate")
    for task in (1, 2, 3):
        begun(tmp_path, task)
    program.process.send_signal(number)
    program.says("SIG(INT|TERM): draining", processes)  # a supervisor sends SIGTERM
    open_gate(tmp_path)
    program.assert_ends(0)
    assert tasks.states(ids) == ["COMPLETED"] * 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_every_process_is_one_drain(run, tasks, tmp_path, number):
    """As of Ctrl-C in some terminals, and of a service manager that signals all processes of a service."""
    program = polling(run("--processes", "2"))
    ids = tasks.start(1, gate="gate")
    begun(tmp_path, 1)
    for pid in (*program.workers(), program.pid):
        os.kill(pid, number)
    program.says("draining", 2)
    open_gate(tmp_path)
    program.assert_ends(0)
    assert tasks.states(ids) == ["COMPLETED"]
    assert "second request" not in program.log()


def test_a_signal_before_the_processes_can_obey_leaves_no_work(run):
    program = run("--processes", "2")
    eventually(lambda: len(program.workers()) == 2)
    for pid in (*program.workers(), program.pid):
        os.kill(pid, signal.SIGTERM)
    program.assert_ends(0)
    assert " ERROR " not in program.log()


@pytest.mark.parametrize("processes", [1, 2])
def test_signals_end_what_a_function_has_started(run, tasks, tmp_path, processes):
    (tmp_path / "app.py").write_text(WITH_PROGRAMS)
    program = polling(run("--processes", str(processes)), processes)
    (workflow_id,) = tasks.start(1)
    tasks.assert_completed([workflow_id])
    output = tasks.workflows.get_workflow(workflow_id).tasks[0].output_data
    assert output == {"copy": -signal.SIGTERM, "program": -signal.SIGINT}
    program.process.send_signal(signal.SIGTERM)
    program.assert_ends(0)


def test_the_first_of_two_signals_may_come_while_the_workers_start(run, tmp_path):
    (tmp_path / "app.py").write_text(SLOW)
    program = run("--processes", "2", "--lifespan", "app:life")
    eventually(lambda: len([*tmp_path.glob("importing-*")]) == 2)
    program.process.send_signal(signal.SIGTERM)
    program.says("the processes drain")
    (tmp_path / "go-on").touch()
    eventually(lambda: len([*tmp_path.glob("leaving-*")]) == 2)
    program.process.send_signal(signal.SIGTERM)
    program.says("the lifespan was not left in time", 2)
    program.assert_ends(1)
    assert "is killed" not in program.log()


def test_a_second_signal_ends_all_processes_at_once(run, tasks, tmp_path):
    program = polling(run("--processes", "2"))
    tasks.start(1, gate="gate")
    begun(tmp_path, 1)
    program.process.send_signal(signal.SIGTERM)
    program.says("SIGTERM: draining", 2)
    program.process.send_signal(signal.SIGTERM)
    program.assert_ends(1, within=15)
    program.says("work: left behind")


def test_a_task_that_does_not_end_in_time_is_left_behind(run, tasks, tmp_path):
    program = polling(run("--processes", "2", "--shutdown-timeout", "200ms"))
    tasks.start(1, gate="gate")
    begun(tmp_path, 1)
    program.process.send_signal(signal.SIGTERM)
    program.assert_ends(1, within=15)
    program.says("work: left behind")


def test_a_process_that_does_not_end_after_its_drain_is_killed(run, tasks, tmp_path):
    (tmp_path / "app.py").write_text(HOLDS_THE_INTERPRETER)
    program = polling(run("--processes", "2", "--shutdown-timeout", "200ms"))
    tasks.start(1)
    held = begun(tmp_path, 1)
    program.process.send_signal(signal.SIGTERM)
    program.says(rf"process \d \({held}\) has not ended in time, and is killed")
    program.assert_ends(1)


def test_a_process_that_is_ended_by_itself_drains_and_is_replaced(run, tasks, tmp_path):
    program = polling(run("--processes", "2"))
    ids = tasks.start(1, gate="gate")
    ended = begun(tmp_path, 1)
    os.kill(ended, signal.SIGTERM)
    program.says("SIGTERM: draining")
    open_gate(tmp_path)
    tasks.assert_completed(ids)
    polling(program, 3)
    assert ended not in program.workers()


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return answer.read().decode()


def metric(port, name):
    return sum(float(value) for value in re.findall(rf"^{name}{{[^}}]*}} (\S+)$", scrape(port), re.MULTILINE))


def test_a_killed_process_is_replaced_and_its_task_comes_back(run, tasks, tmp_path):
    tasks.define(lease=1)
    program = polling(run("--processes", "2", "--metrics-port", "0"))
    port = program.says(r"metrics: http://127.0.0.1:(\d+)/metrics")[0][1]
    tasks.assert_completed(tasks.start(*range(10, 20)))
    eventually(lambda: metric(port, "task_execution_started_total") == 10)
    (held,) = tasks.start(1, gate="gate")
    victim = begun(tmp_path, 1)
    os.kill(victim, signal.SIGKILL)
    program.says(rf"process \d \({victim}\) ended, and is replaced in 0.[45] s: SIGKILL")
    polling(program, 3)
    assert victim not in program.workers()
    open_gate(tmp_path)
    tasks.assert_completed([held])
    assert metric(port, "task_execution_started_total") >= 10
    eventually(lambda: metric(port, "task_execution_started_total") >= 11)
    program.process.send_signal(signal.SIGTERM)
    program.assert_ends(0)


def test_a_result_of_a_killed_process_is_sent_from_the_outbox(run, tasks, server, tmp_path):
    program = polling(run("--processes", "2", "--outbox", "results.db"))
    ids = tasks.start(1, gate="gate")
    victim = begun(tmp_path, 1)
    with server.faults.outage():
        open_gate(tmp_path)
        program.says("work: results are not accepted")
        os.kill(victim, signal.SIGKILL)
        program.says(rf"\({victim}\) ended, and is replaced")
    tasks.assert_completed(ids)
    program.says("sending results that earlier processes left")
    assert begun(tmp_path, 1) == victim
    program.process.send_signal(signal.SIGTERM)
    program.assert_ends(0)


def probe(port, page):
    """The status and the reasons of a health page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}") as answer:
            return answer.status, json.load(answer)["reasons"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["reasons"]


def test_the_health_of_all_processes_is_one(run, tasks, tmp_path):
    program = polling(run("--processes", "2", "--metrics-port", "0", "--no-legacy-names"))
    port = program.says(r"metrics: http://127.0.0.1:(\d+)/metrics")[0][1]
    eventually(lambda: probe(port, "/readyz") == (200, []))
    first = program.workers()[0]
    for number, again, text in ((signal.SIGSTOP, signal.SIGCONT, "has not reported"), (signal.SIGKILL, None, "ended")):
        os.kill(first, number)
        _, (reason,) = eventually(lambda: (found := probe(port, "/healthz"))[0] == 503 and found, 5)
        assert reason["code"] == "process_missing"
        assert text in reason["text"]
        if again:
            os.kill(first, again)
        eventually(lambda: probe(port, "/healthz") == probe(port, "/readyz") == (200, []))
    assert metric(port, "worker_slots") == 2 * (4 + 1)
    assert scrape(port).count("worker_healthy 1.0") == 1
    assert "task_poll_counter" not in scrape(port)
    tasks.start(1, gate="gate")
    begun(tmp_path, 1)
    program.process.send_signal(signal.SIGTERM)
    eventually(lambda: probe(port, "/readyz")[0] == 503)
    assert probe(port, "/healthz") == (200, [])
    open_gate(tmp_path)
    program.assert_ends(0)


def test_processes_and_their_programs_end_with_a_killed_supervisor(run, tmp_path):
    (tmp_path / "app.py").write_text(APP + WITH_CHILD)
    program = polling(run("--processes", "2"))
    programs = [int(each.name.partition("-")[2]) for each in tmp_path.glob("started-*")]
    everybody = [*program.workers(), *programs]
    assert len(everybody) == 4
    program.process.kill()
    eventually(lambda: not any(map(is_alive, everybody)))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems end the process as soon as Python code runs again")
@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_process_that_runs_no_python_code_ends_with_a_killed_supervisor(run, tasks, tmp_path, is_stopped):
    (tmp_path / "app.py").write_text(HOLDS_THE_INTERPRETER + WITH_CHILD)
    program = polling(run("--processes", "2"))
    programs = [int(each.name.partition("-")[2]) for each in tmp_path.glob("started-*")]
    tasks.start(1)
    worker = begun(tmp_path, 1)
    everybody = [*program.workers(), *programs]
    assert worker in everybody
    if is_stopped:
        os.kill(worker, signal.SIGSTOP)
    program.process.kill()
    try:
        eventually(lambda: not any(map(is_alive, everybody)))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(worker, signal.SIGKILL)  # or the end of the test would wait for it


def test_programs_that_a_process_started_end_with_it(run, tmp_path):
    (tmp_path / "app.py").write_text(APP + WITH_CHILD)
    program = polling(run("--processes", "2"))
    programs = [int(each.name.partition("-")[2]) for each in tmp_path.glob("started-*")]
    assert all(map(is_alive, programs))
    program.process.send_signal(signal.SIGTERM)
    program.assert_ends(0)
    eventually(lambda: not any(map(is_alive, programs)))


def test_a_crash_loop_is_a_line_per_start_with_growing_pauses(run, tmp_path):
    (tmp_path / "app.py").write_text("import os\nos._exit(3)")
    program = run("--processes", "2")
    lines = program.says(r"process 1 \(\d+\) ended, and is replaced in ([\d.]+) s: exit status 3", 3)
    pauses = [float(line[1]) for line in lines]
    assert pauses == sorted(pauses)
    assert pauses[2] >= 1.6
    program.process.send_signal(signal.SIGTERM)
    program.assert_ends(1, within=10)
    assert "Traceback" not in program.log()


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [("import nowhere", "cannot import 'app': ModuleNotFoundError"), ("", "module 'app' has no worker")],
)
def test_workers_that_cannot_be_started_are_told_once(run, tmp_path, processes, text, problem):
    (tmp_path / "app.py").write_text(text)
    program = run("--processes", processes)
    program.assert_ends(2)
    assert program.log().count(problem) == 1
    assert "Traceback" not in program.log()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_wrong_variable_is_told_once(run, monkeypatch, processes):
    monkeypatch.setenv("CONDUCTOR_AUTH_KEY", "key")
    program = run("--processes", processes)
    program.assert_ends(2)
    assert program.log().count("CONDUCTOR_AUTH_SECRET is missing") == 1
    assert "Traceback" not in program.log()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_lifespan_that_fails_is_told_with_its_traceback(run, tmp_path, processes):
    (tmp_path / "app.py").write_text(APP + "def life():\n    raise ValueError('no database')\n")
    program = run("--processes", processes, "--lifespan", "app:life", "--log", "json")
    if processes == "2":
        program.says("ended, and is replaced in .* exit status 1", 2)
        program.process.send_signal(signal.SIGTERM)
    program.assert_ends(1)
    records = [json.loads(line) for line in program.log().splitlines() if line.startswith("{")]
    (failed, *_) = [record for record in records if record["message"] == "the workers cannot be started"]
    assert failed["exception"].endswith("ValueError: no database")


def test_workers_wait_for_a_server_that_is_down(run, tmp_path):
    with DevServer() as server:
        url = server.url
    program = run("--processes", "2", url=url)
    program.says("polls fail", 2)
    with DevServer(port=int(url.rpartition(":")[2].removesuffix("/api"))):
        queue = Queue(url)
        queue.define()
        queue.assert_completed(queue.start(1))
        queue.client.close()
        program.process.send_signal(signal.SIGTERM)
        program.assert_ends(0)


def test_a_required_server_that_is_down_ends_the_program(run):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/api"
    program = run("--processes", "2", "--require-server", "1", url=url)
    program.assert_ends(1)
    assert f"Error: no server at {url}" in program.log()
    assert "within 1 s: " in program.log()


def test_a_required_server_that_refuses_the_request_is_not_waited_for(run):
    with DevServer(key=AuthenticationSettings("id", "secret")) as locked:
        program = run("--require-server", "1000", url=locked.url)
        program.assert_ends(1)
    assert "401" in program.log()


def test_once_each_worker_does_one_task(run, tasks):
    ids = tasks.start(1, 2, 3)
    program = run("--once")
    program.assert_ends(0)
    assert sorted(tasks.states(ids)) == ["COMPLETED", "RUNNING", "RUNNING"]
    assert tasks.tasks.queue_size("work") == 2


@pytest.mark.parametrize("processes", ["1", "2"])
def test_until_idle_all_steps_are_done(run, tasks, processes):
    tasks.define(TWO_STEPS)
    ids = tasks.start(*range(10))
    run("--until-idle", "--processes", processes).assert_ends(0)
    assert tasks.states(ids) == ["COMPLETED"] * 10


def test_a_thread_that_goes_on_does_not_keep_a_process_from_ending(run, tasks, tmp_path):
    (tmp_path / "app.py").write_text(LINGERING)
    ids = tasks.start(1)
    program = run("--until-idle", "--processes", "2")
    program.assert_ends(0)
    assert tasks.states(ids) == ["COMPLETED"]
    assert "this process ends, although this still runs: thread lingers" in program.log()


def test_a_change_starts_new_processes_and_a_syntax_error_waits_for_the_next(run, tasks, tmp_path):
    program = polling(run("--reload"), 1)
    for text, line in (
        (APP.replace('"pid": os.getpid()', '"pid": 1'), None),
        ("x = (", "waits for a change of a file: cannot import 'app': SyntaxError"),
        (APP.replace('"pid": os.getpid()', '"pid": 2'), None),
    ):
        before = len(re.findall("polling ", program.log()))
        (tmp_path / "app.py").write_text(text)
        if line:
            program.says(re.escape(line))
            continue
        polling(program, before + 1)
        (done,) = tasks.start(1)
        tasks.assert_completed([done])
        pid = tasks.workflows.get_workflow(done).tasks[0].output_data["pid"]
        assert pid == (1 if '"pid": 1' in text else 2)
    program.process.send_signal(signal.SIGINT)
    program.assert_ends(0)


def test_json_lines_of_processes_are_whole(run, tasks, tmp_path):
    (tmp_path / "app.py").write_text(LOUD)
    program = polling(run("--processes", "2", "--log", "json"))
    tasks.assert_completed(tasks.start(*range(8)))
    program.process.send_signal(signal.SIGTERM)
    program.assert_ends(0)
    records = [json.loads(line) for line in program.log().splitlines()]
    loud = [record for record in records if record["logger"] == "loud"]
    assert {(record["number"], record["turn"]) for record in loud} == {(n, t) for n in range(8) for t in range(20)}
    assert all(record["task_id"] and record["task_name"] == "work" for record in loud)
    assert len({record["process"] for record in loud}) == 2


@pytest.mark.parametrize("processes", ["1", "2"])
def test_warnings_of_a_module_are_json_too(run, tasks, tmp_path, processes):
    warns = "import warnings\nwarnings.simplefilter('default')\nwarnings.warn('an old name', DeprecationWarning)\n"
    (tmp_path / "app.py").write_text(APP + warns)
    program = run("--processes", processes, "--log", "json", "--until-idle")
    program.assert_ends(0)
    records = [json.loads(line) for line in program.log().splitlines()]
    warned = [each["message"] for each in records if each["logger"] == "py.warnings"]
    assert len(warned) == int(processes)
    assert all("DeprecationWarning: an old name" in each for each in warned)


def test_processes_have_numbered_worker_ids(run, tasks):
    program = polling(run("--processes", "2", "--worker-id", "shipper"))
    program.says("as shipper-1$|as shipper-1\n")
    program.says("as shipper-2$|as shipper-2\n")
    program.process.send_signal(signal.SIGTERM)
    program.assert_ends(0)
