"""Each condition that makes a process ill or not ready, made for real, seen at the metrics port, and gone again."""

import asyncio
import ctypes
import json
import os
import signal
import threading
import urllib.error
import urllib.request
from datetime import timedelta
from multiprocessing import resource_tracker
from weakref import WeakSet

import pytest

from conductor import (
    ApiClient,
    AuthenticationSettings,
    HttpSettings,
    Interceptor,
    MetricsSettings,
    TaskRunner,
    _runners,
    process_pool,
    provide_metrics,
)
from conductor.calling import process_place
from conductor.task_client import HttpTaskClient
from support import process_functions
from support.process_functions import refuse_if, wait_while
from support.programs import children_of
from support.raw_faults import HalfOpen, Status
from support.raw_server import RawServer
from support.waiting import eventually

SEEN_WITHIN = 5.0


class Pages:
    """The health pages of this process."""

    def __init__(self, port):
        self._url = f"http://127.0.0.1:{port}"

    def ask(self, path):
        """Status and JSON."""
        try:
            with urllib.request.urlopen(self._url + path, timeout=5) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, json.load(answer)

    def codes(self, path):
        return [reason["code"] for reason in self.ask(path)[1]["reasons"]]

    def ill(self, path, code):
        """Waits until the page answers 503 for that reason; returns its sentence."""

        def found():
            status, body = self.ask(path)
            return status == 503 and next((r["text"] for r in body["reasons"] if r["code"] == code), None)

        return eventually(found, timeout=SEEN_WITHIN)

    def well(self, path="/healthz"):
        eventually(lambda: self.ask(path)[0] == 200, timeout=10)


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.setattr(_runners, "_runners", WeakSet())  # a runner that another test has left behind counts as ill
    with provide_metrics(MetricsSettings(port=0)) as metrics:
        yield Pages(metrics.port)


@pytest.fixture
def impatient(server):
    """A client whose polls have a deadline of about a second."""
    settings = HttpSettings(server.url, connect_timeout=0.2, read_timeout=0.3)
    with ApiClient(http_settings=settings) as client:
        yield client


class Deadly(HttpTaskClient):
    """Ends the threads that poll, on demand."""

    is_deadly = False

    def batch_poll(self, *args):
        if self.is_deadly:
            raise SystemExit
        return super().batch_poll(*args)


def test_h1_a_poll_thread_that_has_died_is_seen_ends_with_its_worker_and_is_replaced_by_a_new_start(
    api_client, server, pages, caplog
):
    client = Deadly(api_client)
    with TaskRunner(client, shutdown_timeout=60) as runner:
        runner.start_worker("t", lambda task: None)
        pages.well("/readyz")
        client.is_deadly = True
        text = pages.ill("/healthz", "poll_thread_dead")
        assert text == "Worker t: its poll thread has died, so it gets no tasks."
        assert pages.ask("/readyz")[0] == 503
        assert "t: its poll thread has ended, so it gets no tasks any more" in caplog.text
        client.is_deadly = False
        runner.shutdown("t")
        assert runner.wait_workers(timeout=5)  # and not after the 60 s of the drain
        runner.start_worker("t", lambda task: None)
        pages.well("/healthz")
        pages.well("/readyz")


class Blocking(Interceptor):
    """Blocks the poll thread on demand, before or after a request."""

    def __init__(self, place):
        self.place = place
        self.blocks = threading.Event()
        self.goes_on = threading.Event()

    def poll(self, worker, proceed):
        found = proceed() if self.place == "after" else None
        if self.blocks.is_set():
            self.goes_on.wait(20)
        return proceed() if found is None else found


@pytest.mark.parametrize("place", ["before", "after"])
def test_h2_an_interceptor_that_holds_up_the_poll_thread_is_seen_with_the_default_deadlines_of_requests(
    server, pages, place
):
    interceptor = Blocking(place)
    with (
        ApiClient(http_settings=HttpSettings(server.url)) as client,
        TaskRunner(client, interceptors=[interceptor]) as runner,
    ):
        runner.start_worker("t", lambda task: None)
        pages.well("/readyz")
        interceptor.blocks.set()
        text = pages.ill("/healthz", "poll_stalled")
        assert "its poll thread has stood still in an interceptor or other code around the request for 3 s" in text
        interceptor.goes_on.set()
        pages.well("/healthz")
        pages.well("/readyz")


class Hanging(HttpTaskClient):
    """Has requests that do not end at their deadline, on demand."""

    def __init__(self, api_client):
        super().__init__(api_client)
        self.hangs = threading.Event()
        self.goes_on = threading.Event()

    def batch_poll(self, *args):
        if self.hangs.is_set():
            self.goes_on.wait(20)
        return super().batch_poll(*args)


def test_h2_a_request_that_does_not_end_at_its_deadline_is_seen(impatient, server, pages):
    client = Hanging(impatient)
    with TaskRunner(client) as runner:
        runner.start_worker("t", lambda task: None, poll_timeout=0.1)
        pages.well("/readyz")
        client.hangs.set()
        assert "its poll thread has stood still in its request" in pages.ill("/healthz", "poll_stalled")
        client.goes_on.set()
        pages.well("/healthz")
        pages.well("/readyz")


def test_h3_an_event_loop_that_an_async_function_blocks_is_seen(server, runner, pages):
    goes_on = threading.Event()

    async def block(task):
        goes_on.wait(20)

    async def work(task):
        await asyncio.sleep(0)

    runner.start_worker("block", block)
    runner.start_worker("work", work)
    server.add_task("block")
    pages.ill("/healthz", "event_loop_blocked")
    goes_on.set()
    pages.well()


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorised"), (403, "unauthorised"), (503, "polls_fail")])
def test_h4_a_worker_that_the_server_refuses_is_not_ready_and_healthy(server, runner, pages, status, code):
    runner.start_worker("t", lambda task: None)
    pages.well("/readyz")
    server.fault("poll", Status(status))
    assert str(status) in pages.ill("/readyz", code)
    assert pages.ask("/healthz")[0] == 200  # a restart would change nothing
    server.clear_faults()
    pages.well("/readyz")


def test_h5_a_server_that_hangs_makes_the_worker_not_ready(server, runner, pages):
    runner.start_worker("t", lambda task: None, poll_timeout=0.1)
    pages.well("/readyz")
    server.fault("poll", HalfOpen())
    pages.ill("/readyz", "no_answer")
    assert pages.ask("/healthz")[0] == 200
    server.clear_faults()
    server.down()
    pages.ill("/readyz", "polls_fail")
    server.up()
    pages.well("/readyz")


def test_h11_a_worker_is_not_ready_before_its_first_good_poll(server, runner, pages):
    server.fault("poll", HalfOpen())
    runner.start_worker("t", lambda task: None, poll_timeout=0.1)
    pages.ill("/readyz", "no_good_poll")
    assert pages.ask("/healthz")[0] == 200
    server.clear_faults()
    pages.well("/readyz")


def test_h12_a_worker_whose_access_key_gets_no_token_is_not_ready(pages):
    with RawServer(key=("key", "secret")) as server:
        key = AuthenticationSettings("key", "secret")
        with ApiClient(key, HttpSettings(server.url)) as client, TaskRunner(client) as runner:
            runner.start_worker("t", lambda task: None)
            pages.well("/readyz")
            server.fault("token", Status(401))
            server.expire_tokens()
            assert "POST /token" in pages.ill("/readyz", "unauthorised")
            assert pages.ask("/healthz")[0] == 200
            server.clear_faults()
            pages.well("/readyz")


def processes():
    """The ids of this process's children."""
    resource_tracker.ensure_running()  # another child, which would start with the first process
    return set(children_of(os.getpid()))


def test_h6_a_process_that_cannot_be_replaced_is_missing_until_one_starts(server, runner, pages, tmp_path):
    broken = tmp_path / "broken"
    pool = process_pool(2, initializer=refuse_if, initargs=(str(broken),))
    before = processes()
    runner.start_worker("t", process_functions.work, executor=pool)
    ours = eventually(lambda: len(found := processes() - before) == 2 and found)
    pages.well("/readyz")
    broken.touch()
    os.kill(ours.pop(), signal.SIGKILL)
    eventually(lambda: "is broken" in pages.ill("/healthz", "process_missing"))
    broken.unlink()
    pages.well()


def test_h6_a_process_whose_initializer_hangs_is_missing(server, runner, pages, tmp_path, monkeypatch):
    monkeypatch.setattr(process_place, "STARTS_WITHIN", timedelta(seconds=1))
    hangs = tmp_path / "hangs"
    before = processes()
    runner.start_worker(
        "t", process_functions.work, executor=process_pool(1, initializer=wait_while, initargs=(str(hangs),))
    )
    (process,) = processes() - before
    hangs.touch()
    os.kill(process, signal.SIGKILL)
    assert "does its initializer hang?" in pages.ill("/healthz", "process_missing")
    hangs.unlink()
    pages.well()


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux tells that a process is stopped")
def test_h7_a_process_that_a_signal_has_stopped_is_seen(server, runner, pages):
    before = processes()
    runner.start_worker("t", process_functions.work, executor=process_pool(1))
    (process,) = processes() - before
    pages.well("/readyz")
    os.kill(process, signal.SIGSTOP)
    try:
        assert pages.ill("/healthz", "process_missing") == "Worker t: a process is stopped, as by SIGSTOP."
    finally:
        os.kill(process, signal.SIGCONT)
    pages.well()


def test_h8_a_runner_that_drains_is_not_ready_and_healthy(server, runner, pages, gate):
    server.add_task("t")
    runner.start_worker("t", gate)
    gate.inside.get(timeout=10)
    pages.well("/readyz")
    runner.shutdown()
    pages.ill("/readyz", "draining")
    assert pages.ask("/healthz") == (200, {"healthy": True, "reasons": []})
    gate.opened.set()
    pages.ill("/readyz", "ended")
    runner.start_worker("t", gate)
    pages.well("/readyz")


def kill_the_timers(server, gate):
    """End the thread of the timers by an error, as soon as it runs again: when the time limit of a task has passed.

    A callback of Python that runs there at that moment may swallow the error. Then another task follows.
    """
    is_alive = True
    while is_alive:
        server.add_task("t")
        gate.inside.get(timeout=10)
        (timers,) = (each for each in threading.enumerate() if each.name == "conductor-timers")
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(timers.ident), ctypes.py_object(SystemExit))
        timers.join(3)
        is_alive = timers.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_h9_timers_that_have_died_are_seen_and_start_again_with_the_workers(server, runner, pages, gate):
    runner.start_worker("t", gate, timeout=1.0)
    kill_the_timers(server, gate)
    assert "time limits do not end tasks" in pages.ill("/healthz", "timers_dead")
    gate.opened.set()
    runner.shutdown()
    assert runner.wait_workers(timeout=10)
    runner.start_worker("t", gate, timeout=1.0)
    pages.well()


PROGRAM = """
import sys, threading
from conductor import ApiClient, MetricsSettings, TaskRunner, provide_metrics
from conductor.calling import process_place
from conductor.task_client import HttpTaskClient

method, kind = sys.argv[1:]

def work(task):
    if method == "extend_lease":
        threading.Event().wait()

async def work_async(task):
    pass

def die(self, *args):
    raise SystemExit

client = type("Deadly", (HttpTaskClient,), {method: die})(ApiClient())
with provide_metrics(MetricsSettings(port=0)) as metrics, TaskRunner(client) as runner:
    runner.start_worker("t", work_async if kind == "async" else work, lease_extension=True)
    print(metrics.port)
    runner.wait_workers()
"""


@pytest.mark.parametrize(
    ("method", "kind", "text"),
    [
        ("update_and_poll", "def", "Worker t: a thread has died in the middle of a task, and its slot is lost."),
        ("update_and_poll", "async", "A thread that sends results has died during its work."),
        ("extend_lease", "def", "A thread that extends leases has died during its work."),
    ],
)
def test_h10_a_thread_that_dies_during_its_work_makes_the_process_ill_until_it_is_started_again(
    server, programs, method, kind, text
):
    process = programs.start(PROGRAM, server.url, method, kind)
    pages = Pages(int(process.stdout.readline()))
    pages.well("/readyz")
    server.add_task("t", responseTimeoutSeconds=2)
    assert pages.ill("/healthz", "thread_dead") == text
    process.kill()
    pages = Pages(int(programs.start(PROGRAM, server.url, "none", kind).stdout.readline()))
    pages.well("/readyz")
