"""Connections that are kept: no answer is taken for another's, none is lost, and nothing is sent twice."""

import contextlib
import gc
import socket
import struct
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from conductor_client.api.task_resource import get_task

from conductor import ApiClient, ApiError, HttpSettings, TaskExecutor, TransportError, WorkflowExecutor
from support.byte_server import ByteServer, playing
from support.pki import Pki
from support.waiting import eventually

OK = b"HTTP/1.1 200 OK\r\n"


def task(name):
    body = b'{"taskId": "%b", "workflowInstanceId": "w"}' % name
    return OK + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def client_of(server, **settings):
    return ApiClient(http_settings=HttpSettings(server.url, **{"read_timeout": 5} | settings))


@pytest.fixture
def pki(tmp_path):
    return Pki(tmp_path)


@pytest.fixture
def tls(pki):
    return pki.server()


@pytest.fixture(autouse=True, params=[True, False], ids=["options of Linux", "polls"])
def _looks(request, monkeypatch):
    """Other systems than Linux have no such options."""
    if not request.param:
        monkeypatch.setattr("conductor._sockets._HAS_OPTIONS", False)


SURPLUS = {
    "another answer": task(b"wrong"),
    "the first byte of one": b"H",
    "a part of one": task(b"wrong")[:-5],
    "a body without a head": b'{"taskId": "wrong"}',
    "a byte too many": b"x",
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "a time-out of the server": b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("is_later", [False, True], ids=["together", "later"])
@pytest.mark.parametrize("surplus", SURPLUS)
def test_what_follows_an_answer_is_never_taken_for_the_next_one(surplus, is_later):
    first = (task(b"first"), SURPLUS[surplus]) if is_later else task(b"first") + SURPLUS[surplus]
    play, is_played = playing(first, task(b"second")), threading.Event()

    def answer(connection, done):
        play(connection, done)
        is_played.set()

    with ByteServer(answer) as server, client_of(server) as client:
        assert TaskExecutor(client).get_task("t").task_id == "first"
        assert is_played.wait(20)
        assert TaskExecutor(client).get_task("t").task_id == "second"
    assert server.connections == 2


@pytest.mark.parametrize("surplus", SURPLUS)
def test_nor_over_tls_in_a_record_of_its_own(surplus, tls, pki):
    """Both records may arrive before the first is read."""

    def answer(connection, done):
        connection.sendall(task(b"first" if server.connections == 1 else b"second"))
        if server.connections == 1:
            connection.sendall(SURPLUS[surplus])

    with ByteServer(answer, tls) as server, client_of(server, ca_file=pki.ca_file) as client:
        assert TaskExecutor(client).get_task("t").task_id == "first"
        time.sleep(0.05)
        assert TaskExecutor(client).get_task("t").task_id == "second"
    assert server.connections == 2


@pytest.mark.parametrize("ends", ["close", "announced"])
def test_a_server_that_ends_a_connection_after_100_requests_costs_no_call_and_doubles_none(ends):
    """As Tomcat does."""
    counts = {}

    def answer(connection, done):
        counts[connection] = counts.get(connection, 0) + 1
        body = server.read_body(connection)
        taken.append(body)
        is_last = counts[connection] == 100
        end = b"Connection: close\r\n" if is_last and ends == "announced" else b""
        connection.sendall(OK + end + b"Content-Length: 2\r\n\r\nid")
        if is_last:
            raise ConnectionAbortedError

    taken = []
    with ByteServer(answer) as server, client_of(server) as client:
        for number in range(350):
            if ends == "close" and number and number % 100 == 0:
                time.sleep(0.1)  # or it could be sent before the end has come
            assert TaskExecutor(client).update_task(f"t{number}", "w", "COMPLETED") == "id"
    assert len(taken) == len(set(taken)) == 350
    assert server.connections == 4


def test_a_system_that_does_not_tell_the_state_of_a_connection_keeps_it_all_the_same(monkeypatch):
    monkeypatch.setattr(socket, "TCP_INFO", 9999)  # an OSError, as of WSL 1
    with ByteServer(playing(task(b"first"), task(b"second"))) as server, client_of(server) as client:
        assert TaskExecutor(client).get_task("t").task_id == "first"
        assert TaskExecutor(client).get_task("t").task_id == "second"
    assert server.connections == 1


@pytest.mark.parametrize("lingers", [True, False], ids=["closed", "reset"])
def test_a_kept_connection_that_the_server_ended_while_idle_is_not_used(lingers):
    is_read = threading.Event()

    def answer(connection, done):
        if server.connections > 1:
            server.read_body(connection)
            connection.sendall(OK + b"Content-Length: 2\r\n\r\nid")
            return
        connection.sendall(task(b"first"))
        is_read.wait(10)
        if not lingers:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise OSError

    with ByteServer(answer) as server, client_of(server) as client:
        TaskExecutor(client).get_task("t")
        is_read.set()
        time.sleep(0.1)
        assert TaskExecutor(client).update_task("t", "w", "COMPLETED") == "id"
    assert len(server.heads) == 2


@pytest.mark.parametrize("how", ["length", "end"])
def test_a_tls_server_that_closes_without_a_word_ends_its_answer_as_others_do(how, tls, pki):
    """Without close_notify."""
    body = b'{"taskId": "t", "workflowInstanceId": "w"}'

    def answer(connection, done):
        connection.sendall(OK + (b"Content-Length: %d\r\n" % len(body) if how == "length" else b"") + b"\r\n" + body)
        socket.close(connection.detach())

    with ByteServer(answer, tls) as server, client_of(server, ca_file=pki.ca_file) as client:
        for _ in range(2):
            assert TaskExecutor(client).get_task("t").task_id == "t"
            time.sleep(0.05)
    assert server.connections == 2


def test_nor_is_its_answer_whole_that_is_cut_off_so(tls, pki):
    def answer(connection, done):
        connection.sendall(OK + b"Content-Length: 100\r\n\r\n{")
        socket.close(connection.detach())

    with (
        ByteServer(answer, tls) as server,
        client_of(server, ca_file=pki.ca_file) as client,
        pytest.raises(TransportError, match="cut off"),
    ):
        TaskExecutor(client).get_task("t")


LARGE = 30_000_000


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_large_bodies_go_both_ways_whole_though_the_server_reads_slowly(is_tls, tls, pki):
    def answer(connection, done):
        if server.head_of(connection).startswith(b"GET"):
            connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(body))
            for place in range(0, len(body), 100_000):
                connection.sendall(body[place : place + 100_000])
            return
        size = int(server.head_of(connection).lower().partition(b"content-length: ")[2].split()[0])
        left, taken = size, 0
        while left:
            data = connection.recv(min(left, 400_000))
            taken += data.count(b"z")
            left -= len(data)
            done.wait(0.001)
        sent.append(taken)
        connection.sendall(OK + b"Content-Length: 2\r\n\r\nid")

    sent = []
    body = b'{"taskId":"t","workflowInstanceId":"w","outputData":{"text":"%b"}}' % (b"y" * LARGE)
    with (
        ByteServer(answer, tls if is_tls else None) as server,
        client_of(server, ca_file=pki.ca_file if is_tls else None, read_timeout=60) as client,
    ):
        for _ in range(2):
            assert WorkflowExecutor(client).start_workflow("w", {"text": "z" * LARGE}) == "id"
            assert TaskExecutor(client).get_task("t").output_data == {"text": "y" * LARGE}
    assert sent == [LARGE] * 2
    assert server.connections == 1


def test_after_a_request_that_was_long_to_send_the_answer_has_the_whole_timeout():
    def answer(connection, done):
        done.wait(1.6)
        server.read_body(connection)
        done.wait(1.6)
        connection.sendall(OK + b"Content-Length: 2\r\n\r\nid")

    with ByteServer(answer) as server, client_of(server, read_timeout=3) as client:
        assert WorkflowExecutor(client).start_workflow("w", {"text": "x" * LARGE}) == "id"


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_an_answer_that_comes_before_the_request_is_read_counts(is_tls, tls, pki):
    """A proxy that refuses a large body does not read it, and closes. The next call has another connection."""

    def answer(connection, done):
        if server.connections == 1:
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
            raise ConnectionAbortedError
        connection.sendall(task(b"t"))

    with (
        ByteServer(answer, tls if is_tls else None) as server,
        client_of(server, ca_file=pki.ca_file if is_tls else None) as client,
    ):
        with pytest.raises(ApiError, match="answered 413"):
            WorkflowExecutor(client).start_workflow("w", {"text": "x" * LARGE})
        assert TaskExecutor(client).get_task("t").task_id == "t"
    assert server.connections == 2


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_threads_share_connections_and_no_answer_is_mixed_up(is_tls, tls, pki):
    """The answer is a word of the request's own body."""

    def answer(connection, done):
        text = server.read_body(connection).partition(b'"word":"')[2].partition(b'"')[0]
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n%b" % (len(text), text))

    with (
        ByteServer(answer, tls if is_tls else None) as server,
        client_of(server, ca_file=pki.ca_file if is_tls else None, read_timeout=30) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        tasks = TaskExecutor(client)

        def ask(thread):
            words = [f"{thread}-{number}-{'x' * (number % 50)}" for number in range(200)]
            return words == [tasks.update_task("t", "w", "COMPLETED", {"word": word}) for word in words]

        assert all(threads.map(ask, range(8)))
    assert server.connections <= 8
    assert len(server.heads) == 1600


def test_the_connection_that_was_used_last_is_used_next_so_that_the_others_may_end_as_idle():
    together, used = threading.Barrier(4), []

    def answer(connection, done):
        used.append(connection)
        if len(used) <= 4:
            together.wait(5)
        connection.sendall(task(b"t"))

    with ByteServer(answer) as server, client_of(server) as client, ThreadPoolExecutor(4) as threads:
        list(threads.map(TaskExecutor(client).get_task, "abcd"))
        for _ in range(8):
            TaskExecutor(client).get_task("t")
    assert len({*used[:4]}) == 4
    assert len({*used[4:]}) == 1


def test_close_during_calls_ends_none_of_them_and_a_later_call_works():
    asked, go_on = threading.Semaphore(0), threading.Event()

    def answer(connection, done):
        asked.release()
        go_on.wait(5)
        connection.sendall(task(b"t"))

    with ByteServer(answer) as server, client_of(server) as client, ThreadPoolExecutor(4) as threads:
        tasks = TaskExecutor(client)
        calls = [threads.submit(tasks.get_task, "t") for _ in range(4)]
        for _ in calls:
            asked.acquire()
        client.close()
        go_on.set()
        assert [call.result().task_id for call in calls] == ["t"] * 4
        assert tasks.get_task("t").task_id == "t"


def test_close_again_and_again_beside_calls_harms_none():
    def answer(connection, done):
        connection.sendall(task(b"t"))

    with ByteServer(answer) as server, client_of(server) as client, ThreadPoolExecutor(4) as threads:
        tasks = TaskExecutor(client)
        calls = [threads.submit(lambda: [tasks.get_task("t").task_id for _ in range(200)]) for _ in range(4)]
        while not all(call.done() for call in calls):
            client.close()
            time.sleep(0.001)  # without it, the other threads would hardly run
        assert all(call.result() == ["t"] * 200 for call in calls)


def test_close_closes_the_connections_that_are_idle_and_no_socket_is_left():
    ended = []

    def answer(connection, done):
        connection.sendall(task(b"t"))
        with contextlib.suppress(OSError):
            if not connection.recv(1):
                ended.append(connection)
        raise ConnectionAbortedError

    with ByteServer(answer) as server, client_of(server) as client:
        TaskExecutor(client).get_task("t")
        client.close()
        eventually(lambda: len(ended) == 1)


def test_close_during_a_call_closes_its_connection_after_the_answer():
    asked, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def answer(connection, done):
        asked.set()
        go_on.wait(5)
        connection.sendall(task(b"t"))
        if not connection.recv(1):
            ended.set()

    with ByteServer(answer) as server, client_of(server) as client, ThreadPoolExecutor(1) as threads:
        call = threads.submit(TaskExecutor(client).get_task, "t")
        asked.wait(5)
        client.close()
        go_on.set()
        assert call.result().task_id == "t"
        assert ended.wait(5)


def test_a_client_that_is_dropped_and_not_closed_closes_its_connections():
    """And Python has nothing to warn of."""
    ended = []

    def answer(connection, done):
        connection.sendall(task(b"t"))
        if not connection.recv(1):
            ended.append(connection)

    with ByteServer(answer) as server, warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        client_of(server).call(get_task.sync, "t")
        gc.collect()
        eventually(lambda: len(ended) == 1)
