"""The generated models: tolerant towards servers of other ages."""

import copy
import inspect
import pickle

import msgspec
import pytest
from conductor_client import models
from conductor_client.models import Task, TaskDef, TaskStatus, Workflow, WorkflowDef, WorkflowTask
from conductor_client.base import Model
from conductor_client.decoding import Decoder

from support.document import members, sample, schemas

IDS = b'"taskId":"t","workflowInstanceId":"w"'
STRUCTS = [each for each in vars(models).values() if isinstance(each, type) and issubclass(each, Model)]


def decode_task(members):
    return Decoder(Task).decode(b"{%b,%b}" % (IDS, members))


def test_names_are_snake_case_here_and_as_the_document_has_them_on_the_wire():
    task = decode_task(b'"executionNameSpace":"n","subworkflowChanged":true,"inputData":{"someKey":[1]}')
    assert (task.execution_name_space, task.subworkflow_changed, task.input_data) == ("n", True, {"someKey": [1]})
    assert msgspec.json.decode(msgspec.json.encode(WorkflowTask("a", "b", type="WAIT"))) == {
        "name": "a",
        "taskReferenceName": "b",
        "type": "WAIT",
    }


def test_what_a_server_leaves_out_has_a_value_to_work_with():
    task = decode_task(b'"more":1')
    assert (task.input_data, task.output_data, task.retry_count, task.retried, task.task_type) == ({}, {}, 0, False, "")
    assert task.status is None


def test_what_is_not_set_is_not_sent():
    assert msgspec.json.encode(TaskDef("x")) == b'{"name":"x"}'
    assert msgspec.json.encode(TaskDef("x", retry_count=0)) == b'{"name":"x","retryCount":0}'
    assert msgspec.json.encode(WorkflowDef("x", [])) == b'{"name":"x","tasks":[]}'


def test_an_unknown_status_is_kept_as_it_is():
    task = decode_task(b'"status":"LOST_IN_SPACE"')
    assert task.status == "LOST_IN_SPACE"
    assert isinstance(task.status, TaskStatus)
    assert task.status not in TaskStatus.__members__.values()
    assert decode_task(b'"status":"FAILED"').status is TaskStatus.FAILED
    assert msgspec.json.encode(task).endswith(b'"status":"LOST_IN_SPACE"}')
    assert copy.deepcopy(task) == pickle.loads(pickle.dumps(task)) == task  # noqa: S301 - its own


@pytest.mark.parametrize("struct", STRUCTS)
def test_an_explicit_null_is_a_member_left_out(struct):
    """For every member that is not required, of every model."""
    required = {field.encode_name: "x" for field in msgspec.structs.fields(struct) if field.required}
    for name in {"tasks", "status"} & required.keys():
        required[name] = [] if name == "tasks" else "COMPLETED"
    nulls = {field.encode_name: None for field in msgspec.structs.fields(struct) if not field.required}
    nulls.pop("unknownMembers", None)
    decoder = Decoder(struct)
    assert decoder.decode(msgspec.json.encode(required | nulls)) == decoder.decode(msgspec.json.encode(required))


def test_nulls_deep_inside_are_left_out_too_but_those_in_maps_of_anything_stay():
    workflow = Decoder(Workflow).decode(
        b'{"tasks":[{"taskId":"t","workflowInstanceId":"w","retryCount":null,"inputData":{"a":null},'
        b'"workflowTask":{"name":"n","taskReferenceName":"r","decisionCases":{"x":[{"name":"n",'
        b'"taskReferenceName":"r","joinOn":null}]}}}],"input":{"b":null}}'
    )
    (task,) = workflow.tasks
    assert (task.retry_count, task.input_data, workflow.input) == (0, {"a": None}, {"b": None})
    assert task.workflow_task.decision_cases["x"][0].join_on == []


def test_large_whole_numbers_keep_every_digit():
    assert decode_task(b'"inputData":{"n":9007199254740993,"m":18446744073709551617}').input_data == {
        "n": 9007199254740993,
        "m": 18446744073709551617,
    }


@pytest.mark.parametrize("struct", STRUCTS)
def test_only_the_first_members_go_by_position(struct):
    """Those that are required, and a few more."""
    first = {"TaskResult": ["output_data"], "TaskExecLog": ["log", "task_id"]}.get(struct.__name__, [])
    fields = msgspec.structs.fields(struct)
    by_position = [field.name for field in fields if field.required or field.name in first]
    parameters = inspect.signature(struct).parameters.values()
    assert [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD] == by_position
    assert [field.name for field in fields][: len(by_position)] == by_position


PAYLOADS = {
    "additionalContext", "data", "input", "inputData", "inputParameters", "inputTemplate", "keySecret", "output",
    "outputData", "outputParameters", "payload", "runtimeMetadata", "taskInput", "token", "unknownMembers", "variables",
    "workflowDefinition", "workflowInput",
}  # fmt: skip


@pytest.mark.parametrize("name", [struct.__name__ for struct in STRUCTS])
def test_a_repr_shows_no_payload_and_no_secret(name):
    """Wherever they stand: also in the definitions inside a task, whose parameters are its input."""

    def marked(value, member=""):
        if member in PAYLOADS:
            return {"secret-key": ["secret"]} if isinstance(value, dict) else "secret"
        if isinstance(value, dict):
            return {key: marked(each, key) for key, each in value.items()}
        return [marked(each) for each in value] if isinstance(value, list) else value

    model = Decoder(getattr(models, name)).decode(msgspec.json.encode(marked(sample(schemas()[name], depth=4))))
    assert "secret" in str(msgspec.json.encode(model)) or not PAYLOADS & members(name).keys()
    assert "secret" not in repr(model) + repr(list(model.__rich_repr__()))


def test_a_repr_leaves_out_what_holds_its_default():
    task = Task("t", "w", retry_count=0, task_def_name="n", workflow_task=WorkflowTask("n", "r", optional=False))
    assert repr(task) == (
        "Task(task_id='t', workflow_instance_id='w', task_def_name='n', "
        "workflow_task=WorkflowTask(name='n', task_reference_name='r', optional=False))"
    )
    assert repr(TaskDef("n", input_keys=["a"], retry_count=0)) == "TaskDef(name='n', retry_count=0, input_keys=['a'])"
