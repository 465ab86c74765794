"""A kept connection that the server had just closed: a read is sent once more, and nothing else is."""

import contextlib
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conductor import ApiClient, HttpSettings, TaskExecutor, TransportError, WorkflowExecutor
from conductor.task_client import HttpTaskClient
from support.stub import Answer

TASK = b'{"taskId": "t", "workflowInstanceId": "w"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


class Closing:
    """A server that answers the first request of each connection, and does something else at the next one.

    ``then`` gets the socket, after the request; what it leaves is closed. ``requests``: first lines. ``refusing``:
    whether new connections are closed before any answer. ``together``: a barrier before the first answers.
    """

    def __init__(self, then):
        self._then = then
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests = []
        self.refusing = False
        self.together = None
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            if self._read(client) and not self.refusing:
                if self.together:
                    self.together.wait(5)
                client.sendall(ANSWER % (len(TASK), TASK))
                if self._read(client):
                    self._then(client)

    def _read(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65_536)
            if not data:
                return False
            head += data
        self.requests.append(head.split(b" HTTP", 1)[0].decode())
        return True


def close(client):
    """As a server does whose patience with an idle connection ends just then."""


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def begin_an_answer(client):
    client.sendall(b"HTTP/1.1 2")


def begin_a_body(client):
    client.sendall(ANSWER.replace(b"%b", b"{") % 100)


@pytest.fixture
def server(request):
    with Closing(request.param) as server:
        yield server


@pytest.fixture
def client(server):
    with ApiClient(http_settings=HttpSettings(server.url, read_timeout=5)) as client:
        TaskExecutor(client).get_task("first")
        yield client


closing = pytest.mark.parametrize("server", [close, reset], indirect=True)


@closing
def test_a_read_is_sent_once_more_on_a_new_connection(server, client):
    assert TaskExecutor(client).get_task("second").task_id == "t"
    assert server.requests == ["GET /api/tasks/first", "GET /api/tasks/second", "GET /api/tasks/second"]


@closing
def test_and_not_on_another_kept_one_which_may_have_ended_too(server):
    server.together = threading.Barrier(4)
    with ApiClient(http_settings=HttpSettings(server.url, read_timeout=5)) as client:
        tasks = TaskExecutor(client)
        with ThreadPoolExecutor(4) as threads:  # each needs a connection of its own
            list(threads.map(tasks.get_task, ["first"] * 4))
        server.together = None
        assert tasks.get_task("second").task_id == "t"
    assert server.requests.count("GET /api/tasks/second") == 2


@closing
def test_it_is_sent_no_third_time(server, client):
    server.refusing = True
    with pytest.raises(TransportError, match="closed before an answer came|was reset"):
        TaskExecutor(client).get_task("second")
    assert server.requests.count("GET /api/tasks/second") == 2


@closing
def test_a_new_connection_that_is_closed_is_a_failure_at_once(server, client):
    client.close()
    server.refusing = True
    with pytest.raises(TransportError):
        TaskExecutor(client).get_task("second")
    assert server.requests.count("GET /api/tasks/second") == 1


@pytest.mark.parametrize("server", [begin_an_answer, begin_a_body], indirect=True)
def test_an_answer_that_had_begun_is_not_asked_for_again(server, client):
    with pytest.raises(TransportError):
        TaskExecutor(client).get_task("second")
    assert server.requests.count("GET /api/tasks/second") == 1


NOT_AGAIN = {
    "GET /api/tasks/poll/batch/ship": lambda client: HttpTaskClient(client).batch_poll("ship", "w", None, 1, 0.0),
    "POST /api/tasks": lambda client: TaskExecutor(client).update_task("t", "w", "COMPLETED"),
    "PUT /api/workflow/w/pause": lambda client: WorkflowExecutor(client).pause("w"),
    "DELETE /api/workflow/w": lambda client: WorkflowExecutor(client).terminate("w"),
}


def test_an_answer_that_does_not_come_is_not_asked_for_again(stub):
    stub.answers["GET /tasks/second"].append(Answer(delay=1))
    with ApiClient(http_settings=HttpSettings(stub.url, read_timeout=0.2)) as client:
        TaskExecutor(client).get_task("first")
        with pytest.raises(TransportError, match="no answer within 0.2 s"):
            TaskExecutor(client).get_task("second")
    assert len(stub.of("GET /tasks/second")) == 1


@closing
@pytest.mark.parametrize("operation", NOT_AGAIN)
def test_neither_a_change_nor_a_poll_is_sent_again(server, client, operation):
    with pytest.raises(TransportError):
        NOT_AGAIN[operation](client)
    assert [request.partition("?")[0] for request in server.requests[1:]] == [operation]
