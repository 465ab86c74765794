"""Read, change, write: a definition loses nothing that this version does not know, or cannot read."""

import copy
import functools

import msgspec
import pytest
from conductor_client import models
from conductor_client.models import SubWorkflowParams, TaskDef, WorkflowDef, WorkflowTask
from conductor_client.decoding import Decoder
from conductor_client.writing import encode, whole
from hypothesis import given, settings, strategies as st

from support.document import OTHERS, definitions, resolved, schemas

VALUES = st.sampled_from([1, "text", True, ["x", {"y": 1.5}], {"z": [None, 2]}, 60.0, *OTHERS])
UNKNOWN = st.dictionaries(st.sampled_from(["new", "x-new", "unknownMembers", "unknown_members", "ownerEmail2"]), VALUES)


@functools.cache
def strategy(name):
    """Objects of the model, with unknown members at every level, and now and then a member of another type."""
    known = {member: st.deferred(lambda each=each: of(each)) for member, each in schemas()[name]["properties"].items()}
    odd = st.dictionaries(st.sampled_from(sorted(known)), VALUES, max_size=1)
    required = {member: known.pop(member) for member in schemas()[name].get("required", ())}
    few = st.lists(st.sampled_from(sorted(known)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({member: st.none() | known[member] for member in names})
    )
    return st.builds(
        lambda *parts: functools.reduce(dict.__or__, parts), odd, few, UNKNOWN, st.fixed_dictionaries(required)
    )


def of(schema):
    if "$ref" in schema and "properties" in resolved(schema):
        return strategy(schema["$ref"].rsplit("/", 1)[1])
    schema = resolved(schema)
    if "enum" in schema:
        return st.sampled_from([*schema["enum"], "A_NEWER_ONE"])
    match schema.get("type"):
        case "array":
            return st.lists(of(schema["items"]), max_size=2)
        case "object":
            return st.dictionaries(st.sampled_from(["a", "b"]), of(schema["additionalProperties"]), max_size=2)
        case "string":
            return st.sampled_from(["", "text"])
        case "integer":
            return st.integers(-3, 3)
        case "boolean":
            return st.booleans()
    return VALUES


def without_nothings(value):
    """Without nulls and empty lists and maps, which a server takes for members left out."""
    if isinstance(value, dict):
        return {key: kept for key, each in value.items() if (kept := without_nothings(each)) not in (None, [], {})}
    if isinstance(value, list):
        return [kept for each in value if (kept := without_nothings(each)) not in (None, [], {})]
    return value


def deeply_replaced(definition):
    return msgspec.structs.replace(copy.copy(copy.deepcopy(definition)))


@pytest.mark.parametrize("name", definitions())
@settings(max_examples=40)
@given(data=st.data())
def test_a_definition_is_sent_as_it_was_read(name, data):
    text = msgspec.json.encode(data.draw(strategy(name)))
    definition = Decoder(list[getattr(models, name)]).decode(b"[%b]" % text)[0]
    for same in (definition, deeply_replaced(definition)):
        sent = msgspec.json.decode(encode(same))
        assert without_nothings(sent) == without_nothings(msgspec.json.decode(text))
        assert msgspec.json.decode(msgspec.json.encode(whole([same]))) == [sent]


def read(struct, value):
    return Decoder(struct).decode(msgspec.json.encode(value))


def sent(definition):
    return msgspec.json.decode(encode(definition))


def test_what_is_changed_is_sent_changed_and_the_rest_as_it_was():
    definition = read(TaskDef, {"name": "n", "retryCount": 3, "newer": {"a": [None]}, "inputTemplate": {"b": None}})
    definition.retry_count = 5
    assert sent(definition) == {"name": "n", "retryCount": 5, "newer": {"a": [None]}, "inputTemplate": {"b": None}}


def test_a_member_of_another_type_is_sent_again_until_it_is_set():
    definition = read(TaskDef, {"name": "n", "retryCount": ["three"], "inputKeys": ["a", 7], "retryLogic": 5})
    assert (definition.retry_count, definition.input_keys, definition.retry_logic) == (None, ["a"], None)
    assert sent(definition) == {"name": "n", "retryCount": ["three"], "inputKeys": ["a", 7], "retryLogic": 5}
    definition.retry_count = 0
    definition.input_keys.append("b")
    assert sent(definition) == {"name": "n", "retryCount": 0, "inputKeys": ["a", "b"], "retryLogic": 5}


def test_a_required_name_that_is_null_is_still_sent():
    step = read(WorkflowDef, {"name": "n", "tasks": [{"name": None, "taskReferenceName": "r"}, {"name": 7}]})
    assert sent(step)["tasks"] == [{"name": None, "taskReferenceName": "r"}, {"name": 7, "taskReferenceName": None}]


def test_a_caller_may_send_members_that_this_version_does_not_know():
    step = WorkflowTask("s", "s", unknown_members={"hedge": True})
    inline = WorkflowDef("inline", [step])
    outer = WorkflowTask("o", "o", sub_workflow_param=SubWorkflowParams(workflow_definition=inline))
    for holder in (
        outer,
        WorkflowTask("o", "o", decision_cases={"c": [step]}),
        WorkflowTask("o", "o", fork_tasks=[[step]]),
    ):
        assert b'{"name":"s","taskReferenceName":"s","hedge":true}' in encode(WorkflowDef("n", [holder]))
    assert sent(TaskDef("n", unknown_members={"retryCount": 4})) == {"name": "n", "retryCount": 4}


def test_a_definition_inside_of_an_open_member_is_sent_with_its_unknown_members():
    step = read(WorkflowTask, {"name": "s", "taskReferenceName": "s", "hedge": True})
    plain = {"name": "s", "taskReferenceName": "s", "hedge": True}
    inline = SubWorkflowParams(workflow_definition={"name": "inline", "tasks": [step]})
    assert sent(inline) == {"workflowDefinition": {"name": "inline", "tasks": [plain]}}
    assert sent(WorkflowTask("o", "o", input_parameters={"x": [step]}))["inputParameters"] == {"x": [plain]}
    assert sent(WorkflowDef("n", (step,)))["tasks"] == sent([(step,)])[0] == [plain]
    assert sent(TaskDef("t", input_template={"x": {"y": step}}))["inputTemplate"] == {"x": {"y": plain}}


def test_a_number_that_came_as_a_text_is_sent_as_a_number():
    assert sent(read(TaskDef, {"name": "n", "retryCount": "3", "timeoutSeconds": 60.0})) == {
        "name": "n",
        "retryCount": 3,
        "timeoutSeconds": 60,
    }


def test_what_has_no_unknown_members_is_not_copied():
    definition = WorkflowDef("n", [WorkflowTask("a", "b", decision_cases={"x": []}, input_parameters={"c": [{}]})])
    assert whole(definition) is definition
    assert whole([definition])[0] is definition


def test_unknown_members_stand_neither_on_the_wire_nor_in_a_repr():
    definition = read(TaskDef, {"name": "n", "unknownMembers": {"a": "hidden"}})
    assert sent(definition) == {"name": "n", "unknownMembers": {"a": "hidden"}}
    assert repr(definition) == "TaskDef(name='n')"
