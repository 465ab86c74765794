"""A small world on an embedded server whose clock stands still, and all that a client can see of it afterwards.

Two requests have the same effect if they lead to the same view.
"""

import json
import re
import urllib.parse

import urllib3

from conductor.testing import DevServer, FakeClock

MISSING = object()
"""In place of a value: the member or parameter is left out."""

OWNER = "team@example.com"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DEFINITIONS = ("workflowDefinition", "workflowTask", "taskDefinition")  # they repeat what was registered


def step(name="a", **members):
    return {"name": name, "taskReferenceName": name, "type": "SIMPLE", **members}


def task_def(name="a", **members):
    return {"name": name, "retryCount": 0, "responseTimeoutSeconds": 60, "ownerEmail": OWNER, **members}


def workflow_def(name="flow", version=1, *steps, **members):
    return {"name": name, "version": version, "ownerEmail": OWNER, "timeoutSeconds": 0, "tasks": [*steps], **members}


def given(**members):
    """The members that are not left out."""
    return {name: value for name, value in members.items() if value is not MISSING}


class World:
    """clock: stands still until it is advanced."""

    def __init__(self, server, clock):
        self._url = server.url
        self._clock = clock
        self._pool = urllib3.PoolManager(retries=False)
        self.answers = []
        self.ids = {}

    def ask(self, method, path, body=None):
        """The answer, which is part of the view."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        answer = self._pool.request(method, self._url + path, body=sent, headers=headers)
        text = answer.data.decode()
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        self.answers.append((answer.status, value))
        return value

    def define(self):
        """Definitions that a request may name."""
        self.ask("POST", "/metadata/taskdefs", [task_def("a"), task_def("b")])
        child = step("child", type="SUB_WORKFLOW", subWorkflowParam={"name": "child", "version": 1})
        self.ask(
            "PUT",
            "/metadata/workflow",
            [
                workflow_def("flow", 1, step("a")),
                workflow_def("flow", 2, step("a"), step("b")),
                workflow_def("child", 1, step("b")),
                workflow_def("child", 2, step("b"), step("a")),
                workflow_def("parent", 1, child),
                workflow_def("waits", 1, step("w", type="WAIT", inputParameters={"x": 1})),
                workflow_def("bounded", 1, step("w", type="WAIT"), step("b")),
                workflow_def("changed", 1, step("a")),
                workflow_def("noop", 1, step("n", type="NOOP"), step("b")),
                workflow_def("rescue", 1, step("b")),
                workflow_def("rescue", 2, step("b"), step("a")),
                workflow_def("tagged", 1, step("b"), metadata={"classifier": "special"}),
            ],
        )
        self.answers.clear()

    def begin(self):
        """A workflow of each kind that a request may be about."""
        action = {"action": "start_workflow", "start_workflow": {"name": "flow"}}
        self.ask("POST", "/event", {"name": "idle", "event": "conductor:e", "actions": [action]})
        self.ask("POST", "/event", {"name": "other", "event": "conductor:f", "actions": [action], "active": True})
        self.ids["done"] = self.start("flow", version=2, correlationId="c", input={"n": 1})
        self.ids["task"] = self.do("a", outputData={"o": 1})["taskId"]
        self.ids["last"] = self.do("b", outputData={"p": 2})["taskId"]
        self.ids["failed"] = self.start("parent")
        self.do("b", "FAILED")
        self._clock.advance(10)
        self.ids["running"] = self.start("flow", version=1, correlationId="c", input={"n": 2})
        self.ids["other"] = self.start("flow", version=2, correlationId="d")
        self.ids["parent"] = self.start("parent")
        self.ids["child"] = self.ask("GET", f"/workflow/{self.ids['parent']}")["tasks"][0]["subWorkflowId"]
        self.ids["waits"] = self.start("waits")
        self.ids["bounded"] = self.start("bounded")
        self.ids["old"] = self.start("changed")
        self.ask("DELETE", f"/workflow/{self.ids['old']}")
        self.ask("PUT", "/metadata/workflow", [workflow_def("changed", 1, step("b"))])
        self.answers.clear()

    def start(self, name="flow", **members):
        return self.ask("POST", "/workflow", {"name": name, **members})

    def poll(self, name="a"):
        return next(iter(self.ask("GET", f"/tasks/poll/batch/{name}?timeout=0&count=1")), None)

    def do(self, name="a", status="COMPLETED", **members):
        """Poll a task and send its result. Returns the task."""
        task = self.poll(name)
        if task is not None:
            ids = {member: task[member] for member in ("taskId", "workflowInstanceId")}
            self.ask("POST", "/tasks", {**ids, "status": status, **members})
        return task

    def go_on(self, words):
        """Each word is a step: ``do``, ``fail``, ``poll``, ``restart``, ``retry``, or ``+5`` for seconds."""
        for word in words.split():
            if word.startswith("+"):
                self._clock.advance(float(word))
            elif word in ("restart", "retry"):
                self.ask("POST", f"/workflow/{self.ids['started']}/{word}")
            else:
                {"do": self.do, "poll": self.poll, "fail": lambda: self.do("a", "FAILED")}[word]()

    def view(self):
        """All that can be seen: the answers, workflows with their tasks and logs, searches, queues, polls."""
        found = list(self.answers)
        summaries = self.ask("GET", "/workflow/search?size=1000")["results"]
        workflows = [self.ask("GET", f"/workflow/{each['workflowId']}") for each in summaries]
        tasks = [task["taskId"] for workflow in workflows for task in workflow["tasks"]]
        shown = [*summaries, *workflows, *(self.ask("GET", f"/tasks/{each}/log") for each in tasks)]
        found += sorted(json.dumps(_without_ids(each), sort_keys=True) for each in shown)
        found += [self.ask("GET", path) for path in ("/tasks/queue/all", "/tasks/queue/polldata/all", "/event")]
        return _without_ids(found)

    def request(self, request, query=None, body=None):
        """A method and a path, with the ids of ``begin`` in place of their names in braces."""
        method, _, path = request.partition(" ")
        if query:
            path += "?" + urllib.parse.urlencode(query)
        self.ask(method, self._named(path), self._named(body))

    def _named(self, value):
        if isinstance(value, dict):
            return {name: self._named(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._named(each) for each in value]
        return re.sub(r"\{(\w+)\}", lambda found: self.ids[found[1]], value) if isinstance(value, str) else value


def _without_ids(value):
    if isinstance(value, dict):
        return {_without_ids(name): _without_ids(each) for name, each in value.items() if name not in _DEFINITIONS}
    if isinstance(value, list | tuple):
        return [_without_ids(each) for each in value]
    return _ID.sub("<id>", value) if isinstance(value, str) else value


def seen_after(act, *, begins=True):
    """The view of a new world in which this has been done. begins: with the workflows of ``begin``."""
    clock = FakeClock()
    with DevServer(clock=clock) as server:
        world = World(server, clock)
        world.define()
        if begins:
            world.begin()
        act(world)
        return world.view()
