"""Requests to a proxy that passes them on, and through a proxy's tunnel."""

import contextlib
import socket
import threading
import time
from base64 import b64encode

import pytest

from conductor import ApiClient, AuthenticationSettings, HttpSettings, TaskExecutor, TransportError
from support.byte_server import ID, OK, TASK, ByteServer, get_task, playing, sent
from support.pki import Pki


def test_a_proxy_gets_the_whole_url_and_its_own_authorization_on_each_request():
    key = AuthenticationSettings("key", "secret")
    token = b'{"token": "abc"}'
    answers = [OK + b"Content-Length: %d\r\n\r\n%b" % (len(token), token), TASK]

    def answer(connection, done):
        proxy.read_body(connection)
        connection.sendall(answers.pop(0))

    with ByteServer(answer) as proxy:
        proxy_url = proxy.url.replace("http://", "http://user:p%40ss@")
        get_task("http://conductor.test:8080/c", key, proxy_url=proxy_url)
    lines = [head.split(b"\r\n", 1)[0].decode() for head in proxy.heads]
    assert lines == [
        f"{each} HTTP/1.1"
        for each in ("POST http://conductor.test:8080/c/api/token", "GET http://conductor.test:8080/c/api/tasks/t")
    ]
    for head in proxy.heads:
        assert head.count(b"\r\nProxy-Authorization: Basic %b\r\n" % b64encode(b"user:p@ss")) == 1
        assert head.count(b"\r\nHost: conductor.test:8080\r\n") == 1
    assert proxy.connections == 1


@pytest.fixture
def pki(tmp_path):
    return Pki(tmp_path)


def passing_on(address, answer=b"HTTP/1.1 200 Connection established\r\n\r\n"):
    """A proxy's answer to CONNECT: what comes afterwards goes to the address, and back."""

    def tunnel(connection, done):
        connection.sendall(answer)
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            back = threading.Thread(target=pass_on, args=(server, connection), daemon=True)
            back.start()
            pass_on(connection, server)
            server.shutdown(socket.SHUT_WR)
            back.join(5)
        raise ConnectionAbortedError

    return tunnel


def pass_on(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_a_tunnel_is_opened_once_and_used_for_all_calls(is_tls, pki):
    """Also through a proxy with TLS of its own. A large body goes through it, too."""

    def answer(connection, done):
        bodies.append(server.read_body(connection))
        connection.sendall(ID)

    bodies = []
    with (
        ByteServer(answer, pki.server("conductor.test")) as server,
        ByteServer(passing_on(server.address), pki.server() if is_tls else None) as proxy,
    ):
        url = "https://conductor.test:8443"
        settings = HttpSettings(url, ca_file=pki.ca_file, proxy_url=proxy.url.replace("://", "://user:pass@"))
        with ApiClient(http_settings=settings) as client:
            for _ in range(3):
                assert TaskExecutor(client).update_task("t", "w", "COMPLETED", {"text": "x" * 3_000_000}) == "id"
        line, headers = sent(proxy)
    assert line == "CONNECT conductor.test:8443 HTTP/1.1"
    assert dict(headers)["Host"] == "conductor.test:8443"
    assert dict(headers)["Proxy-Authorization"] == f"Basic {b64encode(b'user:pass').decode()}"
    assert [len(body) > 3_000_000 for body in bodies] == [True] * 3
    assert server.connections == 1
    for head in server.heads:
        assert b"\r\nHost: conductor.test:8443\r\n" in head
        assert b"proxy-authorization" not in head.lower()
        assert head.startswith(b"POST /api/tasks HTTP/1.1\r\n")


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_a_name_that_ends_with_a_dot_has_the_certificate_of_the_name(is_tls, pki):
    with (
        ByteServer(playing(TASK), pki.server("conductor.test")) as server,
        ByteServer(passing_on(server.address), pki.server() if is_tls else None) as proxy,
    ):
        get_task("https://conductor.test.", ca_file=pki.ca_file, proxy_url=proxy.url)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 Connection established\r\n\r\n",
        b"HTTP/1.1 200\r\nVia: 1.1 proxy\r\nProxy-Agent: odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_a_success_of_a_proxy_opens_the_tunnel_whatever_its_headers_are(answer, pki):
    """RFC 9110, section 9.3.6: it has no body."""
    with (
        ByteServer(playing(TASK), pki.server("conductor.test")) as server,
        ByteServer(passing_on(server.address, answer)) as proxy,
    ):
        assert get_task("https://conductor.test", ca_file=pki.ca_file, proxy_url=proxy.url).task_id == "t"
        assert sent(proxy)[0] == "CONNECT conductor.test:443 HTTP/1.1"


NO_TUNNEL = {
    "407": (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 5\r\n\r\nlogin", "the proxy answered 407"),
    "502": (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy answered 502"),
    "302": (b"HTTP/1.1 302 Found\r\nLocation: http://login.test\r\n\r\n", "the proxy answered 302"),
    "garbage": (b"hello\r\n\r\n", "the answer is no HTTP: "),
    "TLS": (b"\x15\x03\x03\x00\x02\x02\x46", "the answer is no HTTP: "),
    "a head without an end": (b"HTTP/1.1 200 " + b"x" * 200_000, "head is longer than 128 KiB"),
}


@pytest.mark.parametrize("what", NO_TUNNEL)
def test_a_proxy_that_opens_no_tunnel_is_named_with_its_reason_and_hears_no_request(what):
    answer, reason = NO_TUNNEL[what]
    with (
        ByteServer(playing(answer)) as proxy,
        pytest.raises(TransportError, match=f"cannot reach https://conductor.test.* through .*{reason}") as caught,
    ):
        get_task("https://conductor.test", proxy_url=proxy.url.replace("://", "://user:pass@"))
    assert len(proxy.heads) == 1
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("parts", [[], [b"HTTP/1.1 2"], [b"HTTP/1.1 200 OK\r\n"]], ids=["nothing", "a bit", "a line"])
def test_a_proxy_that_is_slow_to_open_a_tunnel_is_given_up_after_the_connect_timeout(parts):
    def answer(connection, done):
        for part in parts:
            connection.sendall(part)
        done.wait(10)

    with ByteServer(answer) as proxy:
        started = time.monotonic()
        with pytest.raises(TransportError, match="cannot reach .*: no connection within 0.3 s"):
            get_task("https://conductor.test", proxy_url=proxy.url, connect_timeout=0.3)
        assert 0.29 < time.monotonic() - started < 3


def test_so_is_a_server_that_says_nothing_in_its_tunnel():
    def answer(connection, done):
        connection.sendall(OK + b"\r\n")
        done.wait(10)

    with ByteServer(answer) as proxy:
        started = time.monotonic()
        with pytest.raises(TransportError, match="cannot reach .*: no connection within 0.3 s"):
            get_task("https://conductor.test", proxy_url=proxy.url, connect_timeout=0.3)
        assert 0.29 < time.monotonic() - started < 3


def test_a_certificate_is_checked_inside_the_tunnel_of_a_proxy_with_tls(pki):
    with (
        ByteServer(playing(TASK), pki.server("other.test")) as server,
        ByteServer(passing_on(server.address), pki.server()) as proxy,
        pytest.raises(TransportError, match="certificate not accepted"),
    ):
        get_task("https://conductor.test", ca_file=pki.ca_file, proxy_url=proxy.url)
    assert server.heads == []


@pytest.mark.parametrize("surplus", [TASK, b"H"])
def test_what_follows_an_answer_in_such_a_tunnel_is_not_taken_for_the_next_one(surplus, pki):
    """TLS in TLS: the second record may be read with the first, and then no socket tells of it."""

    def answer(connection, done):
        name = b"first" if server.connections == 1 else b"later"
        body = b'{"taskId": "%b", "workflowInstanceId": "w"}' % name
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        if name == b"first":
            connection.sendall(surplus)

    def collecting(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                time.sleep(0.02)  # so that both records go on together
                source.settimeout(0.01)
                with contextlib.suppress(TimeoutError):
                    data += source.recv(65_536)
                source.settimeout(None)
                sink.sendall(data)

    def tunnel(connection, done):
        connection.sendall(OK + b"\r\n")
        host, _, port = server.address.rpartition(":")
        with socket.create_connection((host, int(port))) as target:
            threading.Thread(target=collecting, args=(target, connection), daemon=True).start()
            pass_on(connection, target)
        raise ConnectionAbortedError

    with (
        ByteServer(answer, pki.server("conductor.test")) as server,
        ByteServer(tunnel, pki.server()) as proxy,
        ApiClient(
            http_settings=HttpSettings(
                "https://conductor.test", ca_file=pki.ca_file, proxy_url=proxy.url, read_timeout=5
            )
        ) as client,
    ):
        tasks = TaskExecutor(client)
        assert [tasks.get_task("t").task_id for _ in range(2)] == ["first", "later"]
