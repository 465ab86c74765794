"""A scripted HTTP server in this process: queues of tasks, the results it was sent, answers that go wrong on demand."""

import json
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import parse_qs, unquote, urlsplit

POLL = "GET /tasks/poll/batch/"
UPDATE = "POST /tasks"
UPDATE_V2 = "POST /tasks/update-v2"
TOKEN = "POST /token"


@dataclass
class Answer:
    """What a request gets: also a delay before it, or the connection closed instead of it."""

    status: int = 200
    body: bytes | str | list | dict = b""
    content_type: str = "application/json"
    headers: dict = field(default_factory=dict)
    delay: float = 0.0
    close: bool = False


@dataclass
class Request:
    operation: str
    query: dict
    headers: dict
    body: bytes
    at: float

    def json(self):
        return json.loads(self.body)


def error(status, message, **more):
    """Conductor's error JSON."""
    return Answer(status, {"status": status, "message": message, "retryable": False, "instance": "stub", **more})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """Clients that go away are what some tests are about."""


class Stub:
    """By default every poll is answered from its queue and every update accepted; ``answers`` come first, in order.

    ``answers[operation]`` is a deque of Answers, or of functions from Request to Answer or None (None: as by default).
    An operation is "METHOD /path" without /api; a trailing part may be left out.
    """

    def __init__(self, tls=None):
        self.answers = defaultdict(deque)
        self.requests = []
        self.tasks = defaultdict(deque)
        self._delivered = {}
        self._ids = count(1)
        self._changed = threading.Condition()  # guards everything above
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="stub", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self._server.server_port}/api"

    def add_task(self, task_name, domain=None, **members):
        """Queue a task; returns its id."""
        number = next(self._ids)
        task = {
            "taskId": f"t{number}",
            "workflowInstanceId": f"w{number}",
            "taskType": task_name,
            "taskDefName": task_name,
            "status": "IN_PROGRESS",
            "inputData": {"n": number},
            "responseTimeoutSeconds": 60,
            "pollCount": 1,
            **members,
        }
        with self._changed:
            self.tasks[task_name, domain].append(task)
            self._changed.notify_all()
        return task["taskId"]

    def of(self, operation):
        """The requests of an operation so far."""
        with self._changed:
            return [request for request in self.requests if _matches(request.operation, operation)]

    def results(self):
        """Every result that was sent, in order, whichever update carried it."""
        with self._changed:
            return [r.json() for r in self.requests if r.operation in (UPDATE, UPDATE_V2)]

    def _respond(self, request):
        with self._changed:
            self.requests.append(request)
            script = next((self.answers[key] for key in self.answers if _matches(request.operation, key)), None)
            answer = script.popleft() if script else None
        if callable(answer):
            answer = answer(request)
        return answer or self._default(request)

    def _default(self, request):
        if request.operation.startswith(POLL):
            return Answer(body=self._pop(request))
        if request.operation == UPDATE_V2:
            return Answer(204)
        if request.operation.startswith("GET /tasks/"):
            return Answer(body=self._task(request.operation.removeprefix("GET /tasks/")))
        return Answer(body="id", content_type="text/plain")

    def _task(self, task_id):
        """As it was delivered: whatever was sent for it has not arrived."""
        with self._changed:
            return self._delivered.get(task_id, {"taskId": task_id, "workflowInstanceId": "w", "status": "IN_PROGRESS"})

    def _pop(self, request):
        """Waits as a server does, until one task is there or the timeout has passed, but less long: tests must end."""
        key = unquote(request.operation.removeprefix(POLL)), request.query.get("domain")
        with self._changed:
            self._changed.wait_for(lambda: self.tasks[key], min(0.1, float(request.query["timeout"]) / 1000))
            count = min(int(request.query["count"]), len(self.tasks[key]))
            tasks = [self.tasks[key].popleft() for _ in range(count)]
            self._delivered.update((task["taskId"], task) for task in tasks)
            return tasks

    def _handler(stub):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                parts = urlsplit(self.path)
                answer = stub._respond(
                    Request(
                        f"{self.command} {parts.path.removeprefix('/api')}",
                        {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
                        {name.lower(): value for name, value in self.headers.items()},
                        self.rfile.read(int(self.headers.get("Content-Length", 0))),
                        time.monotonic(),
                    )
                )
                time.sleep(answer.delay)
                if answer.close:
                    self.close_connection = True
                    return
                body = answer.body if isinstance(answer.body, bytes) else _encoded(answer.body)
                send = self.send_response_only if "Date" in answer.headers else self.send_response
                send(answer.status)
                self.send_header("Content-Type", answer.content_type)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if answer.status != 204:
                    self.wfile.write(body)

            do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, *args):
                pass

        return Handler


def _encoded(body):
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _matches(operation, key):
    return operation == key or (operation.startswith(key) and key.endswith("/"))
