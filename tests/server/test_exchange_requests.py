"""Requests as they go over the wire."""

import contextlib
import re
import socket
import sys

import pytest

from conductor import ApiClient, HttpSettings, TaskExecutor, WorkflowExecutor
from conductor.task_client import HttpTaskClient
from support.byte_server import ID, OK, TASK, ByteServer, get_task, playing, sent


def test_a_request_has_the_headers_that_it_needs_and_no_others():
    with ByteServer(playing(TASK)) as server:
        get_task(server.url)
        line, headers = sent(server)
    assert line == "GET /api/tasks/t HTTP/1.1"
    assert sorted(name for name, _ in headers) == ["Accept", "Accept-Encoding", "Host", "User-Agent"]
    headers = dict(headers)
    assert headers["Host"] == server.address
    assert headers["Accept"] == "application/json, text/plain"
    assert headers["Accept-Encoding"] == "identity"
    assert re.fullmatch(r"conductor-worker/\d\S*", headers["User-Agent"])


def test_one_with_a_body_has_its_length_in_bytes_and_its_type():
    def answer(connection, done):
        bodies.append(server.read_body(connection))
        connection.sendall(ID)

    bodies = []
    with ByteServer(answer) as server:
        with ApiClient(http_settings=HttpSettings(server.url)) as client:
            TaskExecutor(client).add_log("t", 'say "ä€😀"')
        line, headers = sent(server)
    assert line == "POST /api/tasks/t/log HTTP/1.1"
    assert bodies == ['say "ä€😀"'.encode()]
    assert [value for name, value in headers if name == "Content-Length"] == [str(len(bodies[0]))]
    assert [value for name, value in headers if name == "Content-Type"] == ["application/json"]


CALLS = {
    "PUT /api/workflow/w/pause": lambda client: WorkflowExecutor(client).pause("w"),
    "DELETE /api/workflow/w": lambda client: WorkflowExecutor(client).terminate("w"),
    "POST /api/tasks/queue/requeue/n": lambda client: TaskExecutor(client).requeue("n"),
    "GET /api/tasks/poll/batch/n": lambda client: HttpTaskClient(client).batch_poll("n", "w", None, 1, 0.0),
}


@pytest.mark.parametrize("call", CALLS)
def test_one_without_a_body_has_neither(call):
    """A server may refuse a GET with a length, and needs none for the others' sake."""
    with ByteServer(playing(OK + b"Content-Length: 1\r\n\r\n0")) as server:
        with ApiClient(http_settings=HttpSettings(server.url)) as client, contextlib.suppress(Exception):
            CALLS[call](client)
        line, headers = sent(server)
    assert line.startswith(call)
    assert not {"Content-Length", "Content-Type", "Transfer-Encoding"} & {name for name, _ in headers}


@pytest.mark.parametrize(
    ("base", "path"),
    [("", "/api"), ("/", "/api"), ("/api/", "/api"), ("/a/b%20c/api", "/a/b%20c/api"), ("/x", "/x/api")],
)
def test_the_path_of_the_base_url_comes_first(base, path):
    with ByteServer(playing(TASK)) as server:
        get_task(server.url + base)
        assert sent(server)[0] == f"GET {path}/tasks/t HTTP/1.1"


def test_an_ipv6_address_is_in_brackets():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with ByteServer(playing(TASK), host="::1") as server:
        get_task(server.url)
        assert dict(sent(server)[1])["Host"] == server.address
        assert server.address.startswith("[::1]:")


def test_a_default_port_is_left_out_where_the_user_left_it_out():
    """Asked of a proxy, for nobody listens on port 80 here."""
    for host in ("conductor.test", "conductor.test:80", "conductor.test:8080", "[2001:db8::1]", "[2001:db8::1]:8080"):
        with ByteServer(playing(TASK)) as proxy:
            get_task(f"http://{host}", proxy_url=proxy.url)
            line, headers = sent(proxy)
        assert line == f"GET http://{host}/api/tasks/t HTTP/1.1"
        assert dict(headers)["Host"] == host


def test_a_host_in_other_letters_needs_no_further_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "idna", None)
    with ByteServer(playing(TASK)) as proxy:
        get_task("http://bücher.example:8080", proxy_url=proxy.url.replace("://", "://user:pass@"))
        line, headers = sent(proxy)
    assert line == "GET http://xn--bcher-kva.example:8080/api/tasks/t HTTP/1.1"
    assert dict(headers)["Host"] == "xn--bcher-kva.example:8080"


@pytest.mark.parametrize("name", ["Accept", "accept", "User-Agent", "USER-AGENT", "Accept-Encoding", "host"])
def test_a_header_of_the_user_takes_the_place_of_ours(name):
    with ByteServer(playing(TASK)) as server:
        get_task(server.url, headers={name: "own"})
        headers = sent(server)[1]
    assert [value for each, value in headers if each.lower() == name.lower()] == ["own"]
    assert len(headers) == 4


FRAMING = ["Content-Length", "content-length", "Transfer-Encoding", "Connection", "connection", "Content-Type"]


@pytest.mark.parametrize("name", FRAMING)
@pytest.mark.parametrize("value", ["0", "3", "chunked", "close", "text/odd"])
def test_none_breaks_the_request(name, value):
    def answer(connection, done):
        bodies.append(server.read_body(connection))
        connection.sendall(ID)

    bodies = []
    with ByteServer(answer) as server:
        settings = HttpSettings(server.url, headers={name: value}, read_timeout=5)
        with ApiClient(http_settings=settings) as client:
            for _ in range(2):
                TaskExecutor(client).add_log("t", "the text")
    assert bodies == [b"the text"] * 2
    for head in server.heads:
        assert head.lower().count(b"\r\ncontent-length: ") == 1
        assert head.lower().count(b"\r\ncontent-type: ") == 1
        assert b"transfer-encoding" not in head.lower()
    assert server.connections == 1


def test_a_header_with_all_that_latin_1_has_goes_out_as_it_is():
    value = "".join(map(chr, [*range(32, 127), *range(160, 256)])).strip()
    with ByteServer(playing(TASK)) as server:
        get_task(server.url, headers={"X-A": value, "X-Empty": ""})
        headers = dict(sent(server)[1])
    assert (headers["X-A"], headers["X-Empty"]) == (value, "")
