"""How long a call may take, how much an answer may hold, and which connections a process uses."""

import contextlib
import gzip
import ssl
import subprocess
import sys
import threading
import time
import tracemalloc
from types import SimpleNamespace

import pytest
import trustme

from conductor import (
    ApiClient,
    DecodeError,
    HttpSettings,
    NotFoundError,
    ServerError,
    TaskExecutor,
    TransportError,
    WorkflowExecutor,
)
from conductor.testing.engine.state.clock import FakeClock
from support.byte_server import ByteServer
from support.stub import TOKEN, Answer

GET_TASK = "GET /tasks/t"
TASK = Answer(body={"taskId": "t", "workflowInstanceId": "w"})
JSON = b'{"taskId": "t", "workflowInstanceId": "w"}'
MEBIBYTE = 2**20


def get_task_from(url, **settings):
    with ApiClient(http_settings=HttpSettings(url, **settings)) as client:
        return TaskExecutor(client).get_task("t")


def dripping(start, drop):
    """An answer that begins and then comes drop by drop, without an end."""

    def answer(connection, done):
        connection.sendall(start)
        while not done.wait(0.03):
            connection.sendall(drop)

    return answer


OK = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "status line": (b"HTTP/1.1 200 ", b"x"),
    "head": (OK, b"X-A: b\r\n"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (OK + b"Content-Length: 1000\r\n\r\n", b" "),
    "body without a length": (OK + b"\r\n", b" "),
    "chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n", b" "),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunk's length": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailer": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n"),
}


@pytest.mark.parametrize("where", ENDLESS)
def test_an_answer_that_comes_drop_by_drop_is_given_up_after_the_read_timeout(where):
    with ByteServer(dripping(*ENDLESS[where])) as server:
        started = time.monotonic()
        with pytest.raises(TransportError, match="no answer within 0.3 s"):
            get_task_from(server.url, read_timeout=0.3)
        assert 0.29 < time.monotonic() - started < 5


@pytest.fixture
def tls(tmp_path):
    """Of a server with the certificate authority in tmp_path / "ca.pem"."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_so_is_one_over_tls(tmp_path, tls):
    with ByteServer(dripping(*ENDLESS["body"]), tls) as server:
        started = time.monotonic()
        with pytest.raises(TransportError, match="no answer within 0.3 s"):
            get_task_from(server.url, read_timeout=0.3, ca_file=tmp_path / "ca.pem")
        assert 0.29 < time.monotonic() - started < 5


@pytest.mark.timeout(30)
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_a_server_that_says_nothing_is_given_up_after_the_read_timeout(is_tls, tmp_path, tls):
    with ByteServer(lambda _, done: done.wait(), tls if is_tls else None) as server:
        started = time.monotonic()
        with pytest.raises(TransportError, match="no answer within 0.3 s"):
            get_task_from(server.url, read_timeout=0.3, ca_file=tmp_path / "ca.pem" if is_tls else None)
        assert 0.29 < time.monotonic() - started < 5


def test_a_proxy_has_no_longer_to_open_a_tunnel_than_to_be_connected():
    with ByteServer(dripping(*ENDLESS["head"])) as proxy:
        started = time.monotonic()
        with pytest.raises(TransportError, match="cannot reach .* through proxy_url .*: no connection within 0.3 s"):
            get_task_from("https://conductor.test", proxy_url=proxy.url, connect_timeout=0.3)
        assert 0.29 < time.monotonic() - started < 5


def test_each_call_on_a_connection_has_the_whole_read_timeout(monkeypatch):
    """By a clock that the server moves: a machine that stands still for a moment uses up nothing."""
    connections = set()
    clock = FakeClock()
    monkeypatch.setattr("conductor._exchange.time", SimpleNamespace(monotonic=clock.now))

    def answer(connection, done):
        connections.add(connection)
        for part in (OK, b"Content-Length: %d\r\n\r\n" % len(JSON), JSON[:9], JSON[9:]):
            clock.advance(12)
            connection.sendall(part)

    with ByteServer(answer) as server, ApiClient(http_settings=HttpSettings(server.url, read_timeout=60)) as client:
        for _ in range(4):  # 48 s each
            assert TaskExecutor(client).get_task("t").task_id == "t"
    assert len(connections) == 1


@pytest.mark.parametrize("kept", [False, True])
def test_a_large_body_may_take_longer_to_send_than_connecting_may(kept):
    taken = []

    def answer(connection, done):
        """Small requests first, if the connection is to be a used one."""
        if kept and not taken:
            taken.append("small")
            connection.sendall(OK + b"Content-Length: %d\r\n\r\n%b" % (len(JSON), JSON))
            return
        connection.settimeout(0.5)
        size = 0
        with contextlib.suppress(TimeoutError):
            while data := connection.recv(200_000):
                size += len(data)
                done.wait(0.02)
        taken.append(size)
        connection.sendall(OK + b"Content-Length: 2\r\n\r\nid")

    with (
        ByteServer(answer) as server,
        ApiClient(http_settings=HttpSettings(server.url, connect_timeout=0.2, read_timeout=20)) as client,
    ):
        if kept:
            TaskExecutor(client).get_task("t")
        assert WorkflowExecutor(client).start_workflow("w", {"text": "x" * 12_000_000}) == "id"
    assert taken[-1] > 12_000_000


def test_a_body_that_nobody_reads_is_given_up_after_the_read_timeout():
    with ByteServer(lambda connection, done: done.wait()) as server:
        started = time.monotonic()
        with (
            ApiClient(http_settings=HttpSettings(server.url, read_timeout=2)) as client,
            pytest.raises(TransportError, match="no answer within 2 s"),
        ):
            WorkflowExecutor(client).start_workflow("w", {"text": "x" * 12_000_000})
        assert 1.9 < time.monotonic() - started < 3.9  # and not the time twice


def endless(head, block):
    """An answer of up to 100 blocks, which is enough for one without an end."""

    def answer(connection, done):
        connection.sendall(OK + head + b"\r\n")
        for _ in range(100):
            connection.sendall(block)

    return answer


BLOCK = b" " * MEBIBYTE
BOMB = gzip.compress(50 * BLOCK)
TOO_LARGE = {
    "length": endless(b"Content-Length: %d\r\n" % (100 * MEBIBYTE), BLOCK),
    "no length": endless(b"", BLOCK),
    "chunked": endless(b"Transfer-Encoding: chunked\r\n", b"%x\r\n%b\r\n" % (MEBIBYTE, BLOCK)),
    "bomb": endless(b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(BOMB), BOMB),
}


@pytest.mark.parametrize("how", TOO_LARGE)
def test_an_answer_that_is_too_large_is_a_decode_error_and_not_held_in_memory(how):
    with ByteServer(TOO_LARGE[how]) as server:
        tracemalloc.start()
        try:
            with pytest.raises(DecodeError, match="GET /tasks/t answered 200: a body of 32 MiB or more"):
                get_task_from(server.url)
            assert tracemalloc.get_traced_memory()[1] < 60 * MEBIBYTE
        finally:
            tracemalloc.stop()


def test_after_such_an_answer_the_next_call_has_another_connection(stub, api_client):
    stub.answers[GET_TASK].extend([Answer(body=b" " * 33 * MEBIBYTE), TASK])
    with pytest.raises(DecodeError, match="32 MiB"):
        TaskExecutor(api_client).get_task("t")
    assert TaskExecutor(api_client).get_task("t").task_id == "t"


@pytest.fixture
def connection_of(stub):
    """A function that makes an answer note, in ``.taken``, its request and connection: each has a thread of its own."""
    taken = []

    def note(answer):
        def noted(request):
            taken.append((request.operation, threading.get_ident()))
            return answer

        return noted

    note.taken = taken
    return note


def test_two_hundred_calls_need_one_connection_whatever_their_answers_are(stub, api_client, connection_of):
    answers = [TASK, Answer(204), Answer(503), Answer(404, "<html>", "text/html"), Answer(), Answer(body="{")]
    answers.append(Answer(body=gzip.compress(JSON), headers={"Content-Encoding": "gzip"}))
    for number in range(200):
        stub.answers[GET_TASK].append(connection_of(answers[number % len(answers)]))
        with contextlib.suppress(DecodeError, ServerError, NotFoundError):
            TaskExecutor(api_client).get_task("t")
    assert len(connection_of.taken) == 200
    assert len({thread for _, thread in connection_of.taken}) == 1


def test_chunked_answers_leave_the_connection_open_too():
    connections = []

    def answer(connection, done):
        connections.append(connection)
        connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(JSON), JSON))

    with ByteServer(answer) as server, ApiClient(http_settings=HttpSettings(server.url)) as client:
        for _ in range(20):
            TaskExecutor(client).get_task("t")
    assert len(connections) == 20
    assert len(set(connections)) == 1


FORKING = """
import os, sys
from conductor import ApiClient, AuthenticationSettings, HttpSettings, TaskExecutor

client = ApiClient(AuthenticationSettings("key", "secret"), HttpSettings(sys.argv[1]))
executor = TaskExecutor(client)
executor.get_task("t")
child = os.fork()
executor.get_task("child" if child == 0 else "parent")
if child == 0:
    executor.get_task("child")
    client.close()
    sys.exit()
_, status = os.waitpid(child, 0)
executor.get_task("parent")
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_process_has_connections_and_a_token_of_its_own(stub, connection_of):
    for operation in (TOKEN, GET_TASK, "GET /tasks/child", "GET /tasks/parent"):
        answer = Answer(body={"token": "abc"}) if operation == TOKEN else TASK
        stub.answers[operation].extend([connection_of(answer)] * 2)
    subprocess.run([sys.executable, "-W", "error", "-c", FORKING, stub.url], check=True, timeout=30)
    threads = {
        operation: {thread for taken, thread in connection_of.taken if taken == f"GET /tasks/{operation}"}
        for operation in ("t", "child", "parent")
    }
    assert threads["t"] == threads["parent"]
    assert len(threads["child"]) == 1
    assert threads["child"] != threads["parent"]
    assert len(stub.of(TOKEN)) == 2
