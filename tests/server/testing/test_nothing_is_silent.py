"""Each parameter and each member that the server's own document names has an effect, or is refused, or is listed.

Two values of it must lead to two different views of a small world, see ``support.observed``. The tables are in
``tests/support``: parameters.py, definition_members.py, request_members.py, event_members.py.
"""

import pytest

from conductor.testing.server.binding import document
from conductor.testing.server.routes import NOT_SERVED, OPERATIONS
from support import definition_members, event_members, parameters, request_members
from support.observed import seen_after, step, task_def, workflow_def

MEMBERS = {**definition_members.EFFECTS, **request_members.EFFECTS, **event_members.EFFECTS}
LISTED = {**definition_members.KEPT, **definition_members.IGNORED, **request_members.IGNORED, **event_members.REFUSED}
SAMPLES = {"string": "some text", "boolean": True, "integer": 7, "object": {"some": "text"}, "array": ["some text"]}


def id_of(key):
    return " ".join(key)


def documented_parameters():
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "query":
                    yield f"{method.upper()} {path}", parameter["name"]


def references(schema):
    """The names of the schemas in a schema or a body."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for inner in schema.values():
            yield from references(inner)


def documented_members():
    """The members of all bodies, and of the objects in them, other than objects that are kept or refused as a whole."""
    operations = [each for item in document()["paths"].values() for each in item.values()]
    pending, known = [name for each in operations for name in references(each.get("requestBody"))], set()
    while pending:
        name = pending.pop()
        if name in known:
            continue
        known.add(name)
        for member, schema in document()["components"]["schemas"][name]["properties"].items():
            yield name, member
            if (name, member) not in LISTED:
                pending += references(schema)


def test_each_parameter_of_the_document_is_in_a_table():
    tables = [*parameters.EFFECTS, *parameters.IGNORED]
    assert sorted(tables) == sorted(documented_parameters())


def test_each_member_of_the_document_is_in_a_table():
    assert sorted([*MEMBERS, *LISTED]) == sorted(documented_members())


def test_each_operation_of_the_document_is_served():
    operations = {f"{method.upper()} {path}" for path, item in document()["paths"].items() for method in item}
    assert operations == OPERATIONS - {"GET /", "GET /api-docs", "GET /api/version", "POST /api/token"}


def test_the_same_requests_lead_to_the_same_view():
    assert seen_after(lambda world: world.start()) == seen_after(lambda world: world.start())


@pytest.mark.parametrize("key", parameters.EFFECTS, ids=id_of)
def test_a_parameter_has_an_effect(key):
    one, two = (seen_after(lambda world, each=each: world.request(*each)) for each in parameters.EFFECTS[key])
    assert one != two


@pytest.mark.parametrize("key", [*request_members.EFFECTS, *event_members.EFFECTS], ids=id_of)
def test_a_member_of_a_request_has_an_effect(key):
    one, two = (seen_after(act) for act in MEMBERS[key])
    assert one != two


@pytest.mark.parametrize("key", definition_members.EFFECTS, ids=id_of)
def test_a_member_of_a_definition_has_an_effect(key):
    one, two = (seen_after(act, begins=False) for act in MEMBERS[key])
    assert one != two


@pytest.mark.parametrize("key", definition_members.KEPT, ids=id_of)
def test_other_members_of_definitions_are_given_back(http, key):
    schema, member = key
    described = document()["components"]["schemas"][schema]["properties"][member]
    value = described["enum"][-1] if "enum" in described else SAMPLES[described.get("type", "object")]
    if "$ref" in described:
        value = {"name": "n", "type": "JSON"} if member.endswith("Schema") else {"key": "k"}
    if member == "rateLimitConfig":
        value = {"rateLimitKey": "k"}
    if member == "onStateChange":
        value = {"onStart": [{"type": "t", "payload": {}}]}
    sent = {member: value}
    task = task_def("a", **sent) if schema == "TaskDef" else task_def("a")
    steps = [step("a", **(sent if schema == "WorkflowTask" else {}))]
    flow = workflow_def("flow", 1, *steps, **(sent if schema == "WorkflowDef" else {}))
    assert http.post("/api/metadata/taskdefs", [task]).status == 200
    assert http.post("/api/metadata/workflow", flow).status == 200
    found = http.get("/api/metadata/workflow/flow").json()
    found = {
        "TaskDef": http.get("/api/metadata/taskdefs/a").json(),
        "WorkflowDef": found,
        "WorkflowTask": found["tasks"][0],
    }
    kept = found[schema][member]
    assert kept == value or value.items() <= kept.items()


@pytest.mark.parametrize("key", event_members.REFUSED, ids=id_of)
def test_what_cannot_be_done_is_a_400_that_names_it(http, key):
    answer = http.post("/api/event", event_members.REFUSED[key])
    assert answer.status == 400
    assert any(key[1] in each["message"] for each in answer.json()["validationErrors"])


@pytest.mark.parametrize("route", NOT_SERVED, ids=lambda route: route.operation)
def test_an_operation_that_is_not_served_says_so(http, route):
    method, _, path = route.operation.partition(" ")
    answer = http(method, path, None if method == "GET" else [])
    assert answer.status == 501
    assert answer.json()["message"].startswith(f"the embedded server does not serve {route.operation}: ")
