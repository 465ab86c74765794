"""Worker processes that are killed: what waits for a lease then, and what an outbox brings back."""

import signal
import socket
import sqlite3
import threading
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest

from support.programs import Programs, waits_for_signals
from support.waiting import eventually

IDLE = """
import sys
from conductor import TaskRunner

runner = TaskRunner(worker_id="killed")
for task_name in sys.argv[1:]:
    runner.start_worker(task_name, lambda task: None, batch_size=10)
sys.exit(not runner.wait_workers())
"""
WITH_OUTBOX = """
import sys
from conductor import TaskRunner

with TaskRunner(outbox=sys.argv[2]) as runner:
    runner.start_worker(sys.argv[1], lambda task: {"by": "an earlier process"}, batch_size=5)
    sys.exit(not runner.wait_workers())
"""


@pytest.fixture
def start_program():
    """Starts code as a process, with a server's URL and arguments; it waits for signals. Killed at the test's end."""
    with Programs() as programs:
        yield lambda *given: waits_for_signals(programs.start(*given))


@pytest.fixture
def idle(a_workflow, tasks, server_url, start_program):
    """(the name of a workflow with two tasks, an idle worker process for both)."""
    name = a_workflow("a", "b")
    types = [f"{name}_a", f"{name}_b"]
    process = start_program(IDLE, server_url, *types)
    eventually(lambda: all(tasks.poll_data(task_name) for task_name in types))
    return name, process


@pytest.fixture
def second_worker(runner):
    """Starts the worker that takes over; returns the ids of the tasks that it has executed."""

    def start(name):
        executed = []
        for ref in ("a", "b"):
            runner.start_worker(f"{name}_{ref}", lambda task: executed.append(task.task_id), batch_size=10)
        return executed

    return start


def test_an_idle_worker_that_is_killed_takes_at_most_one_task_of_each_type_with_it(
    idle, tasks, workflows, second_worker
):
    """Of workflows that start at once: the server pops tasks into its last poll for as long as that would have waited.

    A poll for ten tasks would take ten with it.
    """
    name, process = idle
    process.kill()
    ids = [workflows.start_workflow(name) for _ in range(20)]
    executed = second_worker(name)
    eventually(lambda: len(executed) >= 2 * 20 - 3)  # one that waits has its workflow's second task wait as well
    eventually(lambda: {task.worker_id for task in open_tasks(workflows, ids)} <= {"killed"})
    waiting = open_tasks(workflows, ids)
    assert len({task.task_def_name for task in waiting}) == len(waiting)
    eventually(lambda: sum(has_ended(workflows, workflow_id) for workflow_id in ids) == 20 - len(waiting))
    for task in waiting:
        workflows.terminate(task.workflow_instance_id)


def has_ended(workflows, workflow_id):
    workflows.decide(workflow_id)  # which the server may have missed
    return workflows.get_workflow(workflow_id, include_tasks=False).status == "COMPLETED"


def open_tasks(workflows, workflow_ids):
    tasks = [task for workflow_id in workflow_ids for task in workflows.get_workflow(workflow_id).tasks]
    return [task for task in tasks if task.status in ("SCHEDULED", "IN_PROGRESS")]


def test_one_that_is_told_to_end_takes_none(idle, workflows, second_worker, ended):
    name, process = idle
    process.send_signal(signal.SIGTERM)
    ids = [workflows.start_workflow(name) for _ in range(20)]
    assert process.wait(10) == 0
    executed = second_worker(name)
    for workflow_id in ids:
        workflow, _ = ended(workflow_id)
        assert workflow.status == "COMPLETED"
    assert len(executed) == len(set(executed))


class Swallowing:
    """A TCP proxy to a server, which keeps what is posted to /api/tasks to itself until it is ``sound``."""

    def __init__(self, server_url):
        parts = urlsplit(server_url)
        self._server = parts.hostname, parts.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}{parts.path}"
        self.swallowed = 0
        self.sound = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        for end in self._sockets:
            with suppress(OSError):  # the other end is gone
                end.shutdown(socket.SHUT_RDWR)  # who waits on it ends
            end.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            self._sockets += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source, target):
        swallow = False
        with suppress(OSError):  # the other end is gone
            while data := source.recv(65_536):
                if not self.sound and data.startswith(b"POST /api/tasks"):
                    swallow = True  # nothing that follows on this connection gets through either
                    self.swallowed += 1
                if not swallow:
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def test_results_that_a_killed_worker_had_committed_are_delivered_after_the_next_start(
    a_workflow, workflows, server_url, start_program, ended, tmp_path
):
    name, outbox = a_workflow("a"), str(tmp_path / "outbox.db")
    ids = [workflows.start_workflow(name) for _ in range(5)]
    with closing(Swallowing(server_url)) as proxy:
        process = start_program(WITH_OUTBOX, proxy.url, f"{name}_a", outbox)
        eventually(lambda: proxy.swallowed >= 5)
        process.kill()
        process.wait(10)
        for workflow_id in ids:
            assert not has_ended(workflows, workflow_id)
        proxy.sound = True
        process = start_program(WITH_OUTBOX, proxy.url, f"{name}_another", outbox)
        for workflow_id in ids:
            workflow, tasks = ended(workflow_id)
            assert workflow.status == "COMPLETED"
            assert (tasks["a"].output_data, tasks["a"].poll_count) == ({"by": "an earlier process"}, 1)
        with closing(sqlite3.connect(outbox)) as rows:
            eventually(lambda: rows.execute("SELECT count(*) FROM results").fetchone() == (0,))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
