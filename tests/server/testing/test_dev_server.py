"""A DevServer's life: start and stop, join, its clock, tokens, and state on a file; with the project's own client."""

import ast
import re
import subprocess
import sys
import threading
import time
import types
from datetime import timedelta
from pathlib import Path

import pytest

from conductor import (
    ApiClient,
    AuthenticationError,
    AuthenticationSettings,
    ConfigurationError,
    HttpSettings,
    NonRetryableError,
    TaskExecutor,
    TaskRunner,
)
from conductor.testing import dev_server
from conductor.testing.dev_server import DevServer, TaskFailed
from conductor.testing.engine.state.clock import FakeClock
from support.waiting import eventually

KEY = types.SimpleNamespace(key_id="the-key", key_secret="the-secret")


def fds():
    return len(list(Path("/proc/self/fd").iterdir()))


def client_of(server, key_id="", key_secret=""):
    return ApiClient(AuthenticationSettings(key_id, key_secret), HttpSettings(server.url, read_timeout=5))


def test_a_worker_runs_a_workflow_to_its_end(server, http, runner):
    workflow = http.start("double", "add")
    runner.start_worker("double", lambda task: {"n": 42})
    runner.start_worker("add", lambda task: "done")
    server.join(10)
    state = http.get(f"/api/workflow/{workflow}").json()
    assert state["status"] == "COMPLETED"
    assert [task["outputData"] for task in state["tasks"]] == [{"n": 42}, {"result": "done"}]
    assert {task["workerId"] for task in state["tasks"]} == {"worker-1"}


def test_many_workflows_are_worked_off_by_several_workers(server, http, runner):
    for _ in range(40):
        http.start("quick")
    runner.start_worker("quick", lambda task: {}, batch_size=8)
    server.join(20)
    assert http.get("/api/tasks/queue/size?taskType=quick").json() == 0


def test_join_returns_at_once_when_there_is_nothing_to_wait_for(server):
    started = time.monotonic()
    server.join(10)
    assert time.monotonic() - started < 1


def test_join_that_times_out_names_what_is_open(server, http):
    http.start("nobody_polls_this")
    said = (
        r"^still open after 0\.05 s \(1\): nobody polls nobody_polls_this; polled: no queue\. "
        r"nobody_polls_this SCHEDULED \(task_id='[^']+'\)$"
    )
    with pytest.raises(TimeoutError, match=said):
        server.join(0.05)


def test_it_names_the_polled_queue_that_a_misspelt_task_was_meant_for(server, http):
    http.start("validate_ordr")
    http.start("validate_ordr")
    for name in ("charge", "validate_order"):
        http.get(f"/api/tasks/poll/{name}?workerid=w")
    said = "nobody polls validate_ordr; polled: validate_order, charge; did you mean validate_order? validate_ordr SCH"
    with pytest.raises(TimeoutError) as caught:
        server.join(0.05)
    assert said in str(caught.value)
    assert str(caught.value).count("nobody polls") == 1


def test_it_names_the_domains_in_which_a_task_of_another_one_is_polled(server, http):
    http.start("elsewhere")
    http.post("/api/workflow", {"name": "flow", "taskToDomain": {"elsewhere": "eu"}})
    http.get("/api/tasks/poll/elsewhere?workerid=w")
    http.get("/api/tasks/poll/elsewhere?workerid=w&domain=us")
    said = r"nobody polls eu:elsewhere; polled: us:elsewhere, elsewhere; did you mean us:elsewhere\?"
    with pytest.raises(TimeoutError, match=said):
        server.join(0.05)


def test_it_tells_a_type_that_is_no_system_task_and_has_no_poller(server, http):
    for kind, given in (("SIMPEL", "charge"), ("AUDIT", "audit")):
        step = {"name": given, "taskReferenceName": given, "type": kind}
        assert http.post("/api/metadata/workflow", {"name": given, "tasks": [step]}).status == 200
        assert http.post("/api/workflow", {"name": given}).status == 200
    http.get("/api/tasks/poll/other?workerid=w")
    with pytest.raises(TimeoutError) as caught:
        server.join(0.05)
    text = str(caught.value)
    assert (
        "SIMPEL is no type of system task, and nobody polls SIMPEL; polled: other; did you mean SIMPLE? AUDIT is"
        in text
    )
    assert "AUDIT is no type of system task, and nobody polls AUDIT; polled: other. " in text


def test_it_lists_no_more_than_ten_polled_queues(server, http):
    http.start("nobody_polls_this")
    for number in range(12):
        http.get(f"/api/tasks/poll/task_{number:02}?workerid=w")
    with pytest.raises(TimeoutError, match="polled: task_00, .*, task_09 and 2 more. nobody_polls_this SCHEDULED"):
        server.join(0.05)


def test_it_tells_why_a_task_is_tried_again(server, http, runner):
    http.start("breaks", retryCount=3, retryDelaySeconds=60)

    def breaks(task):
        raise ValueError("no stock")

    runner.start_worker("breaks", breaks)
    eventually(lambda: b"no stock" in http.get("/api/tasks/search").body)
    said = r"breaks SCHEDULED for \d+ s more, the retry of one that FAILED: ValueError: no stock \(task_id="
    with pytest.raises(TimeoutError, match=said):
        server.join(0.05)


def test_join_raises_what_a_task_failed_of_with_its_log(server, http, runner):
    http.start("breaks")

    def breaks(task):
        raise NonRetryableError("no such customer")

    runner.start_worker("breaks", breaks)
    with pytest.raises(TaskFailed, match="breaks ended FAILED_WITH_TERMINAL_ERROR: .*no such customer") as caught:
        server.join(10)
    assert "no such customer" in caught.value.reason
    assert any("in breaks" in line for line in caught.value.log)
    assert caught.value.task["taskDefName"] == "breaks"
    server.join(1)  # told once


def test_a_failure_that_a_retry_makes_good_is_none(server, http, runner):
    http.start("flaky", retryCount=1, retryDelaySeconds=0)

    def flaky(task):
        if not task.retry_count:
            raise ValueError("once")

    runner.start_worker("flaky", flaky)
    server.join(10)


def test_a_task_that_timed_out_has_failed(server, http):
    http.start("slow", responseTimeoutSeconds=30)
    assert http.poll("slow")
    server.clock.advance(31)
    with pytest.raises(TaskFailed, match="slow ended TIMED_OUT"):
        server.join(5)


def test_advance_has_swept_when_it_returns(server, http):
    workflow = http.start("slow", responseTimeoutSeconds=30, retryCount=1, retryDelaySeconds=60)
    task = http.poll("slow")[0]
    server.clock.advance(15)  # by far not all: the clock goes on by itself, too
    assert http.get(f"/api/tasks/{task['taskId']}").json()["status"] == "IN_PROGRESS"
    server.clock.advance(16)
    assert http.get(f"/api/tasks/{task['taskId']}").json()["status"] == "TIMED_OUT"
    assert http.poll("slow", timeout=1) == []
    server.clock.advance(60)
    again = http.poll("slow", timeout=1)[0]
    assert (again["retryCount"], again["retriedTaskId"]) == (1, task["taskId"])
    assert http.get(f"/api/workflow/{workflow}").json()["status"] == "RUNNING"


def test_advance_wakes_a_poll_that_waits(server, http, connect):
    http.start("later")
    task = http.poll("later")[0]
    http.finish(task, "IN_PROGRESS", callbackAfterSeconds=300)
    delivered = []
    poller = threading.Thread(target=lambda: delivered.extend(connect(server).poll("later", timeout=5000)))
    poller.start()
    server.clock.advance(301)
    poller.join(4)
    assert [each["pollCount"] for each in delivered] == [2]


def test_a_due_timeout_is_swept_without_a_request(server, http):
    http.start("slow", responseTimeoutSeconds=1)
    task = http.poll("slow")[0]
    server.clock.advance(0.9)
    deadline = time.monotonic() + 5
    with pytest.raises(TaskFailed):
        server.join(5)
    assert time.monotonic() < deadline
    assert http.get(f"/api/tasks/{task['taskId']}").json()["status"] == "TIMED_OUT"


def test_the_clock_follows_real_time_and_never_goes_back(server):
    assert abs(server.clock.now() - time.time()) < 1
    server.clock.advance(100)
    assert 99 < server.clock.now() - time.time() < 101
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="only advanced forward"):
            server.clock.advance(wrong)


def test_a_clock_of_ones_own_stands_still_until_it_is_advanced(connect):
    clock = FakeClock()
    with DevServer(clock=clock) as server:
        http = connect(server)
        http.start("slow", responseTimeoutSeconds=1)
        task = http.poll("slow")[0]
        assert task["startTime"] == int(clock.now() * 1000)
        server.clock.advance(2)
        assert http.get(f"/api/tasks/{task['taskId']}").json()["status"] == "TIMED_OUT"


def test_with_hold_until_count_a_long_poll_waits_for_all_it_asked_for(connect):
    with DevServer(hold_until_count=True) as server:
        http = connect(server)
        http.start("one")
        started = time.monotonic()
        assert len(http.poll("one", count=2, timeout=300)) == 1
        assert time.monotonic() - started > 0.25


def test_a_db_file_keeps_everything_over_a_restart_on_the_same_port(tmp_path, connect):
    server = DevServer(db=tmp_path / "conductor.db")
    with server:
        url = server.url
        http = connect(server)
        workflow = http.start("one", "two")
        http.finish(http.poll("one")[0], outputData={"n": 1})
    with server:
        assert server.url == url
        http = connect(server)
        state = http.get(f"/api/workflow/{workflow}").json()
        assert [task["outputData"] for task in state["tasks"]] == [{"n": 1}, {}]
        http.finish(http.poll("two")[0])
        server.join(5)
        assert http.get(f"/api/workflow/{workflow}").json()["status"] == "COMPLETED"


def test_failures_from_before_a_restart_are_not_told_again(tmp_path, connect):
    server = DevServer(db=tmp_path / "conductor.db")
    with server:
        http = connect(server)
        http.start("one")
        http.finish(http.poll("one")[0], "FAILED")
        server.clock.advance(1)
    with server:
        server.join(5)


def test_stop_ends_a_call_that_waits_for_a_workflow(connect):
    with DevServer() as server:
        connect(server).start("one")
        answers = []

        def execute():
            answers.append(connect(server).post("/api/workflow/execute/flow/1?waitForSeconds=30", {"name": "flow"}))

        waiting = threading.Thread(target=execute)
        waiting.start()
        while not server.faults.seen("POST /workflow/execute/{name}/{version}"):
            time.sleep(0.01)
    waiting.join(20)
    assert answers  # had the call gone on waiting, its connection would have been cut


def test_in_memory_a_restart_begins_anew(connect):
    server = DevServer()
    with server:
        workflow = connect(server).start("one")
    with server:
        assert connect(server).get(f"/api/workflow/{workflow}").status == 404


def test_a_runner_survives_a_restart(tmp_path, connect):
    server = DevServer(db=tmp_path / "conductor.db").start()
    with client_of(server) as client, TaskRunner(client, shutdown_timeout=5) as runner:
        runner.start_worker("one", lambda task: {})
        server.stop()
        server.start()
        connect(server).start("one")
        server.join(20)
    server.stop()


def test_stop_ends_idle_connections_waiting_polls_and_all_threads(connect, monkeypatch):
    monkeypatch.setattr("conductor.testing.server.http_server.STOP_WITHIN", 20.0)  # after which it would cut them
    before = set(threading.enumerate())
    server = DevServer().start()
    http = connect(server)
    http.get("/health")
    poller = threading.Thread(target=connect(server).poll, args=("nothing",), kwargs={"timeout": 5000})
    poller.start()
    while server.faults.seen("poll") == 0:
        time.sleep(0.01)
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 10
    poller.join(20)
    assert set(threading.enumerate()) <= before
    with pytest.raises((ConnectionError, TimeoutError)):
        http.get("/health")
    server.stop()  # repeating it changes nothing


def test_join_on_a_server_that_does_not_run_is_an_error():
    with pytest.raises(RuntimeError, match="not running"):
        DevServer().join(1)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
def test_starting_and_stopping_leaks_no_thread_descriptor_or_file(tmp_path, connect):
    def cycle(number):
        with DevServer(db=tmp_path / f"{number % 2}.db" if number % 5 == 0 else ":memory:") as server:
            http = connect(server)
            http.start("one")
            http.finish(http.poll("one")[0])
            http.connection.close()

    cycle(0)
    threads, descriptors = set(threading.enumerate()), fds()
    for number in range(50):
        cycle(number)
    assert set(threading.enumerate()) <= threads  # what other tests left may end meanwhile
    assert fds() <= descriptors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.db", "1.db"]


def test_stopping_waits_for_threads_of_connections_that_have_ended(connect):
    """The interpreter is slow to end them, once their ``run`` has come back."""
    ending = threading.Event()

    def slowly(frame, event, _argument):
        if event == "return" and frame.f_code is threading.Thread.run.__code__ and not ending.is_set():
            ending.set()
            time.sleep(0.3)

    before = set(threading.enumerate())
    server = DevServer()
    threading.setprofile(slowly)
    try:
        server.start()
        http = connect(server)
        http.get("/health")
    finally:
        threading.setprofile(None)
    http.connection.close()
    assert ending.wait(5)
    server.stop()
    assert set(threading.enumerate()) <= before  # what other tests left may end meanwhile


def test_with_a_key_a_call_needs_a_token_that_has_not_expired(connect):
    with DevServer(key=KEY, token_seconds=60) as server:
        http = connect(server)
        refused = http.get("/api/tasks/unknown")
        assert (refused.status, refused.json()["error"]) == (401, "INVALID_TOKEN")
        assert http.post("/api/token", {"keyId": "the-key", "keySecret": "wrong"}).status == 401
        token = http.post("/api/token", {"keyId": "the-key", "keySecret": "the-secret"}).json()["token"]
        assert http.get("/api/tasks/unknown", X_Authorization=token).status == 404
        assert http.get("/health").status == 200
        server.clock.advance(60)
        refused = http.get("/api/tasks/unknown", X_Authorization=token)
        assert (refused.status, refused.json()["error"]) == (401, "EXPIRED_TOKEN")


def test_the_client_gets_a_token_and_renews_it_when_it_has_expired():
    with DevServer(key=AuthenticationSettings("the-key", "the-secret"), token_seconds=60) as server:
        with client_of(server, "the-key", "the-secret") as client:
            executor = TaskExecutor(client)
            for _ in range(3):  # one right after the other
                assert executor.queue_size("one") == 0
                server.clock.advance(61)
            assert executor.queue_size("one") == 0
            assert server.faults.seen("token") == 4
        with client_of(server, "the-key", "wrong") as client, pytest.raises(AuthenticationError) as caught:
            TaskExecutor(client).queue_sizes()
        assert "wrong" not in str(caught.value)


def test_the_module_serves_until_it_is_told_to_end(tmp_path):
    command = [sys.executable, "-m", "conductor.testing", "--port", "0", "--db", tmp_path / "x.db"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/api", url)
        with ApiClient(AuthenticationSettings("", ""), HttpSettings(url)) as client:
            assert TaskExecutor(client).queue_size("one") == 0
        process.terminate()
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.communicate()


def test_the_module_says_when_the_port_is_in_use(server):
    port = server.url.split(":")[2].removesuffix("/api")
    command = [sys.executable, "-m", "conductor.testing", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"conductor.testing: cannot listen on 127.0.0.1:{port}: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "port must be a whole number from 0 to 65535, not 70000"),
        (["--port", "-1"], "port must be a whole number from 0 to 65535, not -1"),
        (["--host", "a b"], "host must be a host name or an address, not 'a b'"),
        (["--port", "0", "--db", "/nonexistent/x.db"], "--db /nonexistent/x.db: unable to open database file"),
    ],
)
def test_the_module_says_in_one_line_what_cannot_work(arguments, message):
    command = [sys.executable, "-m", "conductor.testing", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (2, f"conductor.testing: {message}\n", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("port", port) for port in ("x", -1, 70_000, True, None)),
        *(("host", host) for host in ("", " ", "a b", "a\nb", "a..\u00e4", None)),
        *(("retention", retention) for retention in (0, -1, "1", True)),
        *(("key", key) for key in (("K", "hush"), "hush", 5)),
        *(("update_v2", form) for form in ("403", 1, False, [])),
        *(("db", db) for db in (5, None, b"a.db")),
        *(("clock", clock) for clock in (5, time, "now")),
        *((name, "x") for name in ("hold_until_count", "page_actions", "payload_storage", "strict_inputs", "stubs")),
        *(("hold_until_count", hold) for hold in (1, None)),
        *(("names", names) for names in ("localhost", ["a:80"], None)),
        *(("task_payload_threshold", size) for size in (0, True, 20_000_000)),
    ],
)
def test_what_a_server_cannot_work_with_is_refused_when_it_is_made(name, value):
    with pytest.raises(ConfigurationError, match=f"^{name} must be ") as caught:
        DevServer(**{name: value})
    assert "hush" not in str(caught.value)


def test_the_http_side_shares_no_code_with_the_client_that_it_tests():
    package = Path(dev_server.__file__).parent
    seen, pending = set(), ["dev_server"]
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        place = package / name.replace(".", "/")
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for module in [each.name for each in node.names] if isinstance(node, ast.Import) else [node.module]:
                    first, _, rest = module.partition(".")
                    allowed = first in sys.stdlib_module_names or module.startswith("conductor.testing")
                    # Names, how a test may write a duration, which workers of the process are stopping, and a table;
                    # libraries of others: the parser of HTTP, and urllib3 for the requests of HTTP tasks.
                    shared = ("conductor", "conductor._arguments", "conductor._stopping", "conductor.errors")
                    shared += ("conductor.server_defaults", "httptools")
                    shared += ("urllib3", "urllib3.connection", "urllib3.exceptions")
                    names = {each.name for each in node.names}
                    assert allowed or (module in shared and (module != "conductor" or names == {"_stopping"})), name
                    if rest.startswith("testing."):
                        pending.append(rest.removeprefix("testing."))
                    elif module == "conductor.testing":
                        pending += [each.name for each in node.names]
    assert {"server.routes", "page", "engine", "engine.state.store"} <= seen


def test_durations_may_be_timedeltas(connect):
    with DevServer(key=KEY, token_seconds=timedelta(hours=1)) as server:
        http = connect(server)
        token = http.post("/api/token", {"keyId": KEY.key_id, "keySecret": KEY.key_secret}).json()["token"]
        server.clock.advance(timedelta(minutes=59))
        assert http.get("/api/tasks/queue/all", X_Authorization=token).status == 200
        server.clock.advance(timedelta(minutes=1))
        assert http.get("/api/tasks/queue/all", X_Authorization=token).status == 401
        server.join(timedelta(seconds=5))


def test_a_duration_that_cannot_work_is_refused_by_name(server):
    with pytest.raises(ConfigurationError, match="token_seconds must be"):
        DevServer(key=KEY, token_seconds="60")
    with pytest.raises(ConfigurationError, match="timeout must be"):
        server.join(None)
