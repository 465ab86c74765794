"""A DevServer of each test's own, and a plain HTTP client that shares nothing with the project's."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from conductor import ApiClient, AuthenticationSettings, HttpSettings, TaskRunner


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.media_type = response.getheader("Content-Type")
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


class Http:
    """One kept-alive connection, opened again when the server has closed it."""

    def __init__(self, server):
        self.address = urlsplit(server.url).netloc
        self.connection = HTTPConnection(self.address, timeout=10)

    def __call__(self, method, path, body=None, **headers):
        """body: bytes or str as they are, anything else as JSON. headers: Content_Type="…"."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes | str):
            body = json.dumps(body)
        if body is not None:
            named.setdefault("Content-Type", "application/json")
        try:
            self.connection.request(method, path, body, {k: v for k, v in named.items() if v})
            return Answer(self.connection.getresponse())
        except OSError:
            self.connection.close()
            raise

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self("POST", path, body, **headers)

    def start(self, *task_names, name="flow", **of_definition):
        """Register a workflow of simple tasks and start it; returns its id. Tasks fail at once: no retries."""
        definitions = [
            {"name": each, "retryCount": 0, "responseTimeoutSeconds": 60, **of_definition} for each in task_names
        ]
        assert self.post("/api/metadata/taskdefs", definitions).status == 200
        tasks = [{"name": each, "taskReferenceName": f"{each}_ref", "type": "SIMPLE"} for each in task_names]
        workflow = {"name": name, "version": 1, "tasks": tasks, "schemaVersion": 2}
        assert self("PUT", "/api/metadata/workflow", [workflow]).status == 200
        started = self.post("/api/workflow", {"name": name})
        assert started.status == 200, started.body
        return started.body.decode()

    def poll(self, task_name, **query):
        given = "&".join(f"{name}={value}" for name, value in {"timeout": 1000, **query}.items())
        return self.get(f"/api/tasks/poll/batch/{task_name}?{given}").json()

    def finish(self, task, status="COMPLETED", path="/api/tasks", **members):
        ids = {name: task[name] for name in ("taskId", "workflowInstanceId")}
        return self.post(path, {**ids, "status": status, "workerId": "tester", **members})


@pytest.fixture
def http(server):
    client = Http(server)
    yield client
    client.connection.close()


@pytest.fixture
def connect():
    """Makes an Http for another server."""
    clients = []

    def make(server):
        clients.append(Http(server))
        return clients[-1]

    yield make
    for client in clients:
        client.connection.close()


@pytest.fixture
def runner(server):
    client = ApiClient(AuthenticationSettings("", ""), HttpSettings(server.url, read_timeout=5))
    with client, TaskRunner(client, worker_id="worker-1", shutdown_timeout=5) as runner:
        yield runner
