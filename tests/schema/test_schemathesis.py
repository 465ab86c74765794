"""Requests that schemathesis makes up from the served document, valid and invalid ones: each gets a proper answer.

The same requests every time. Many of the ids and names in them exist: each request finds a workflow that has just been
started, with a task that has just been polled. What asks the server to wait asks for a moment only.
"""

import copy
import json
import re

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings, strategies as st

from conductor.testing.dev_server import DevServer
from conductor.testing.server.binding import document

pytestmark = pytest.mark.schema

EXAMPLES = 15  # of each operation
LONGEST_ANSWER = 30  # seconds; the server waits for 10 in execute unless it is told otherwise
LONGEST_WAIT = {"timeout": 10, "timeoutMillis": 10, "waitForSeconds": 1}  # what a request may ask; of these 0 means 10

NAME = "known"  # of the workflow, its task, and that task's reference
NAMES = ("name", "tasktype", "taskType", "taskRefName", "taskReferenceName")
WORKFLOW_IDS = ("workflowId", "workflowInstanceId", "reRunFromWorkflowId")
TASK_IDS = ("taskId", "reRunFromTaskId")
CHOICES = [*NAMES, *WORKFLOW_IDS, *TASK_IDS]

OF_BODIES = {
    "/api/tasks": {"taskId", "workflowInstanceId"},
    "/api/tasks/update-v2": {"taskId", "workflowInstanceId"},
    "/api/workflow": {"name"},
    "/api/workflow/test": {"name"},
    "/api/workflow/{workflowId}/rerun": {"reRunFromTaskId"},
}
"""The members of bodies, by path, in which something that exists may stand."""

STATUSES = {200, 204, 400, 404, 409, 500}

KINDS_OF_500 = {
    "JSON that cannot be read, or a member of the wrong type, range or enum": r"JSON parse error: .+",
    "a body that is missing": r"Required request body is missing: .+",
    "a null in a list of definitions": r"Cannot invoke a method because an element of the list is null",
    "a body that is no JSON": r"Content-Type '.+' is not supported",
    "a content type that is none": r"Invalid mime type \".*\": .+",
    "a parameter that is missing": r"Required request parameter '\w+' for method parameter type String is not present",
    "a parameter of the wrong type, range or enum": r"Method parameter '\w+': Failed to convert value of type .+",
    "sizes of no queues": r'Cannot invoke "java\.util\.List\.iterator\(\)" because "taskDefNames" is null',
    "update-v2 without an id": r"Validation failed for argument \[0\] with [12] errors: .+",
    "deleting a task definition that does not exist": r"No such task definition",
    "deleting a workflow definition that does not exist": r"No such workflow definition: .+ version: .+",
    "a result without a status": r'Cannot invoke "com\.netflix\..+" because .+TaskResult\.getStatus\(\)" is null',
    "a signal that nothing is there to answer": r"value",
    "resuming what is not paused": r"The workflow \S+ is not PAUSED so cannot resume\. Current status is [A-Z_]+",
    "skipping a task of a workflow that is not running": r"The workflow .+ is not running so the task .+ be skipped",
    "skipping a task that does not exist": r"The task referenced by .+ does not exist in the WorkflowDefinition .+",
    "skipping a task that has begun": r"The task referenced .+ has already been processed, cannot be skipped",
    "a sub-workflow that does not exist": r"The Task .+ defined as a sub-workflow has no .+ available ",
    "an event handler that exists, or does not": r"EventHandler with name .+ (already exists|not found)!",
    "a part of a list that begins before it": r"fromIndex = -\d+",
    "repairs, which are disabled": r"WorkflowRepairService is disabled\.",
    "a payload that is not in the storage": r"Unable to download payload from external storage path: .*",
    "an object in a query that is none": r"Validation failed: Field error on field 'task\w+': .*",
    "a mock without an output": r'Cannot invoke "java\.util\.Map\.size\(\)" because "m" is null',
}
"""The 500s that the dev server means to give, and their texts."""


def without_depth(schema):
    """Workflow tasks hold workflow tasks without end, which are slow to make up: below the first, any object."""
    if isinstance(schema, list):
        return [without_depth(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("$ref", "").endswith("/WorkflowTask"):
        return {"type": "object"}
    return {name: without_depth(value) for name, value in schema.items()}


def schema_for_requests():
    found = copy.deepcopy(document())
    schemas = found["components"]["schemas"]
    schemas["WorkflowTask"] = without_depth(schemas["WorkflowTask"])
    config = schemathesis.Config.from_dict({"phases": {"coverage": {"enabled": False}}})  # slow here
    return schemathesis.openapi.from_dict(found, config=config)


schema = schema_for_requests()


class Known:
    """A DevServer with a workflow of the moment."""

    def __init__(self, server, session):
        self.root = server.url.removesuffix("/api")
        self.session = session
        self._url = server.url

    def _ask(self, method, path, body=None):
        response = self.session.request(method, self._url + path, json=body, timeout=LONGEST_ANSWER)
        assert response.status_code == 200, response.text
        return response

    def _start(self):
        return self._ask("POST", "/workflow", {"name": NAME, "version": 1}).text

    def begin(self):
        """Start a workflow and poll its task, and one more to be polled. Returns what exists, by its names."""
        step = {"name": NAME, "taskReferenceName": NAME, "type": "SIMPLE"}
        self._ask("POST", "/metadata/taskdefs", [{"name": NAME, "retryCount": 0}])
        self._ask("PUT", "/metadata/workflow", [{"name": NAME, "version": 1, "tasks": [step], "schemaVersion": 2}])
        started = self._start()
        self._ask("GET", f"/tasks/poll/batch/{NAME}?count={10 * EXAMPLES}")  # and what is left of the times before
        (task,) = self._ask("GET", f"/workflow/{started}").json()["tasks"]
        self._start()
        ids = dict.fromkeys(WORKFLOW_IDS, started) | dict.fromkeys(TASK_IDS, task["taskId"])
        return dict.fromkeys(NAMES, NAME) | ids


@pytest.fixture
def known():
    with DevServer() as server, requests.Session() as session:
        yield Known(server, session)


def replaced(parameters, existing):
    return {name: existing.get(name, value) for name, value in parameters.items()}


def hurried(query):
    """The query with waits of a moment only."""
    return {name: _hurried(name, value) for name, value in query.items()}


def _hurried(name, value):
    try:
        return min(int(value), LONGEST_WAIT[name])
    except (KeyError, TypeError, ValueError, OverflowError):
        return value


def check_error(response, media_type):
    """Conductor's JSON, or for requests that HTTP itself forbids the page of its web server."""
    if response.status_code == 400 and media_type == "text/html;charset=utf-8":
        assert "<h1>HTTP Status 400 – Bad Request</h1>" in response.text  # noqa: RUF001 - Tomcat's dash
        return
    assert media_type == "application/json"
    error = json.loads(response.content)
    assert error["status"] == response.status_code
    assert isinstance(error["message"], str)
    assert isinstance(error["retryable"], bool)
    assert ("instance" in error) != ("validationErrors" in error)


def is_known_500(response):
    error = response.json()
    assert error.keys() == {"status", "message", "retryable", "instance"}
    return any(re.fullmatch(text, error["message"], re.DOTALL) for text in KINDS_OF_500.values())


@schema.parametrize()
@schema.given(exist=st.just(set(CHOICES)) | st.sets(st.sampled_from(CHOICES)))
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_request_gets_an_answer_and_no_500_but_of_a_known_kind(case, exist, known, caplog):
    existing = {name: value for name, value in known.begin().items() if name in exist}
    case.path_parameters = replaced(case.path_parameters, existing)
    case.query = hurried(replaced(case.query, existing))
    if isinstance(case.body, dict):
        members = OF_BODIES.get(case.path, set())
        case.body |= {name: value for name, value in existing.items() if name in members}

    response = case.call(base_url=known.root, session=known.session, timeout=LONGEST_ANSWER)

    assert response.status_code in STATUSES
    if response.status_code >= 400:
        check_error(response, *response.headers["content-type"])
    if response.status_code == 500:
        assert is_known_500(response), response.json()["message"]
    assert not [record.getMessage() for record in caplog.records if record.name.startswith("conductor.")]


@pytest.mark.parametrize(
    ("path", "media_type", "body"),
    [
        ("/api/tasks", "text/plain", "{}"),
        ("/api/tasks", "application/xml", "<a/>"),
        ("/api/tasks", "nonsense", "{}"),
        ("/api/tasks", "application/json", "{"),
        ("/api/tasks", "application/json", ""),
        ("/api/tasks", "application/json", "[" * 100_000),
        ("/api/metadata/taskdefs", "application/json", "[null]"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_500_of_a_known_kind(known, path, media_type, body):
    headers = {"Content-Type": media_type}
    response = known.session.post(known.root + path, body, headers=headers, timeout=LONGEST_ANSWER)
    assert response.status_code == 500
    check_error(response, response.headers["Content-Type"])
    assert is_known_500(response), response.text


def test_the_served_document_is_the_one_that_the_requests_are_made_from(known):
    served = known.session.get(known.root + "/api-docs", timeout=LONGEST_ANSWER).json()
    assert served == document()
    assert len(list(schema.get_all_operations())) == sum(len(methods) for methods in served["paths"].values()) == 89
