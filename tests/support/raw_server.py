"""A Conductor server in this process, on raw sockets: it can lie about lengths, reset, drip, hang and go down.

    with RawServer() as server:
        server.add_task("t")
        server.fault("update_v2", Reset(after_effect=True), at=1)
        ...
        assert server.accepted == {"t1": "COMPLETED"}

Behind it are real queues with leases (TaskQueue), so that what a fault leads to is counted, not scripted.
"""

import contextlib
import json
import socket
import struct
import threading
from collections import Counter
from urllib.parse import parse_qsl, unquote, urlsplit

from support.raw_faults import Answer, Fault, Request, answer_soundly, conductor_error
from support.raw_queue import ENDINGS, Refused, TaskQueue

TASKS = "/api/tasks"
POLL = f"{TASKS}/poll/batch/"


class Cut(OSError):
    """The connection was cut on this side."""


class Connection:
    """One accepted connection, served by one thread."""

    def __init__(self, client):
        self._socket = client
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.cut = threading.Event()
        self.thread = None

    def read_request(self):
        """None: the client has closed it."""
        while b"\r\n\r\n" not in self._received:
            if not self._receive():
                return None
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self._received) < length:
            if not self._receive():
                return None
        body, self._received = self._received[:length], self._received[length:]
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Request(method, parts.path, query, headers, body, _operation(method, parts.path, body))

    def _receive(self):
        data = self._socket.recv(65_536)
        self._received += data
        return data

    def send(self, data):
        if self.cut.is_set():
            raise Cut
        self._socket.sendall(data)

    def abort(self):
        """Close it by RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.cut.set()
        self._socket.close()

    def interrupt(self):
        """From another thread: what waits on it ends."""
        self.cut.set()
        with contextlib.suppress(OSError):  # closed already
            self._socket.shutdown(socket.SHUT_RDWR)


class Exchange:
    """A request, and what an action may do about it."""

    def __init__(self, server, connection, request):
        self.server = server
        self.request = request
        self.reset = connection.abort
        self.close = connection.close
        self.send_bytes = connection.send
        self._connection = connection
        self._answer = None

    def apply(self):
        """Do what is asked, once; the Answer of a sound server."""
        if self._answer is None:
            self._answer = self.server.answer(self.request, self._connection.cut.is_set)
        return self._answer

    def send(self, answer):
        self.send_bytes(answer.head() + (b"" if answer.status == 204 else answer.content))

    def wait(self, seconds):
        """Do nothing for so long, or with None until the connection is cut, which ends the action at once."""
        if self._connection.cut.wait(seconds):
            raise Cut


class RawServer(TaskQueue):
    """A context manager. Leaving it cuts all connections and waits for nobody.

    Operations: "poll", "update" (POST /tasks), "update_v2", "any_update" (both), "extend" (either with extendLease),
    "get_task", "log", "token", "other". key: (key id, secret), with which calls need a token.

    ``requests``: every request so far; ``of(operation)``: those of one. ``counts``: how many, by operation.
    ``connections``: how many were accepted. ``tokens_issued``. The rest is counted by TaskQueue.
    """

    def __init__(self, key=None, **queue):
        super().__init__(**queue)
        self.requests = []
        self.counts = Counter()
        self.connections = 0
        self.tokens_issued = 0
        self.stopping = threading.Event()
        self._key = key
        self._tokens = set()
        self._faults = []
        self._open = set()
        self._listener = None
        self._acceptor = None
        self._place = _bound(0)  # never listens: it keeps the port while the server is down
        self.port = self._place.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/api"

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def fault(self, operation, action, **when):
        """From now on do this to the requests of an operation that ``when`` selects: see Fault, which is returned.

        Of several faults the one that was added first strikes, each counting for itself.
        """
        fault = Fault(operation, action, **when)
        with self._changed:
            self._faults.append(fault)
        return fault

    def clear_faults(self):
        """Be sound from the next request on."""
        with self._changed:
            self._faults.clear()

    def of(self, operation):
        """The requests of an operation so far, in order."""
        with self._changed:
            return [request for request in self.requests if operation in request.operations]

    def results(self):
        """Every result that was sent, accepted or not, in order."""
        return [request.json() for request in self.of("any_update")]

    def expire_tokens(self):
        """Every token that was given out is refused from now on."""
        with self._changed:
            self._tokens.clear()

    @property
    def open_connections(self):
        with self._changed:
            return len(self._open)

    def up(self):
        """Accept connections, on the same port as before."""
        with self._changed:
            if self._listener is not None or self.stopping.is_set():
                return
            self._listener = _bound(self.port)
            self._listener.listen(256)
            self._acceptor = threading.Thread(
                target=self._accept, args=(self._listener,), name="raw-server", daemon=True
            )
            self._acceptor.start()

    def down(self):
        """Refuse new connections and cut those that are open."""
        with self._changed:
            listener, self._listener = self._listener, None
            cut = list(self._open)
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)  # accept() returns
            self._acceptor.join(5)
        for connection in cut:
            connection.interrupt()
        with self._changed:
            self._changed.notify_all()  # polls that wait

    def stop(self):
        """For good."""
        self.stopping.set()
        with self._changed:
            threads = [connection.thread for connection in self._open]
        self.down()
        for thread in threads:
            thread.join(5)
        self._place.close()

    def _accept(self, listener):
        with listener:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                self._admit(client, listener)

    def _admit(self, client, listener):
        with self._changed:
            if self._listener is not listener:
                client.close()
                return
            self.connections += 1
            connection = Connection(client)
            connection.thread = threading.Thread(
                target=self._serve, args=(connection,), name=f"raw-server-{self.connections}", daemon=True
            )
            self._open.add(connection)
            connection.thread.start()

    def _serve(self, connection):
        try:
            while not connection.cut.is_set():
                request = connection.read_request()
                if request is None:
                    return
                self._choose(request)(Exchange(self, connection, request))
        except OSError:
            pass  # the client went away, or it was cut here
        finally:
            connection.close()
            with self._changed:
                self._open.discard(connection)

    def _choose(self, request):
        """Count the request; what is to be done about it."""
        with self._changed:
            self.requests.append(request)
            self.counts.update(request.operations)
            struck = [fault for fault in self._faults if fault.strikes(request)]
            if not struck:
                return answer_soundly
            struck[0].hits += 1
            return struck[0].action

    def answer(self, request, is_over):
        """What a sound server does about a request, and answers."""
        try:
            if request.operation == "token":
                return self._issue_token(request)
            if self._key and request.headers.get("x-authorization") not in self._tokens:
                return _error(401, "the token is invalid or has expired")
            return self._act(request, is_over)
        except Refused as refusal:
            return _error(refusal.status, refusal.message)

    def _issue_token(self, request):
        if self._key is None:
            return _error(404, "No static resource api/token.")
        given = request.json()
        if (given["keyId"], given["keySecret"]) != self._key:
            return _error(401, "the key is unknown or its secret is wrong")
        with self._changed:
            self.tokens_issued += 1
            token = f"token-{self.tokens_issued}"
            self._tokens.add(token)
        return Answer(body={"token": token})

    def _act(self, request, is_over):
        if request.operation == "poll":
            return self._answer_poll(request, is_over)
        if request.operation in ("update", "update_v2", "extend"):
            return self._answer_update(request, is_over)
        if request.operation == "log":
            self.add_log(request.path.split("/")[3], request.body.decode())
            return Answer()
        if request.operation == "get_task":
            return Answer(body=self.task(request.path.removeprefix(f"{TASKS}/")))
        return _error(404, f"No static resource {request.path[1:]}.")

    def _answer_poll(self, request, is_over):
        query = request.query
        milliseconds = int(query.get("timeout", 100))
        if milliseconds > 5000:
            return _error(400, "Long Poll Timeout value cannot be more than 5 seconds")
        name, number = unquote(request.path.removeprefix(POLL)), int(query.get("count", 1))
        worker_id = query.get("workerid", "")
        tasks = self.poll(name, query.get("domain"), number, milliseconds / 1000, worker_id, is_over)
        return Answer(body=tasks)

    def _answer_update(self, request, is_over):
        try:
            result = request.json()
        except ValueError as error:
            return _error(500, f"JSON parse error: {error}")
        if not result.get("extendLease") and result.get("status") not in (*ENDINGS, "IN_PROGRESS"):
            return _error(500, f"JSON parse error: no TaskResult$Status {result.get('status')!r}")
        ended = self.update(result)
        if not request.path.endswith("/update-v2"):
            return Answer(body=result["taskId"], headers={"Content-Type": "text/plain"})
        with self._changed:
            record = self._records.get(result["taskId"])
        if not ended or record is None:
            return Answer(204)
        following = self.poll(record.wire["taskType"], record.domain, 1, 0.0, result.get("workerId", ""), is_over)
        return Answer(body=following[0]) if following else Answer(204)


def _error(status, message):
    return Answer(status, conductor_error(status, message).body)


def _bound(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _operation(method, path, body):
    if method == "POST" and path in (TASKS, f"{TASKS}/", f"{TASKS}/update-v2"):
        if b'"extendLease"' in body and _extends(body):
            return "extend"
        return "update_v2" if path.endswith("/update-v2") else "update"
    if (method, path) == ("POST", "/api/token"):
        return "token"
    if method == "GET" and path.startswith(POLL):
        return "poll"
    if method == "POST" and path.startswith(f"{TASKS}/") and path.endswith("/log"):
        return "log"
    return "get_task" if method == "GET" and path.count("/") == 3 and path.startswith(f"{TASKS}/") else "other"


def _extends(body):
    try:
        return bool(json.loads(body).get("extendLease"))
    except ValueError:
        return False
