"""Answers that are odd somewhere: all the rest of them is read."""

import contextlib
import logging
import time

import msgspec
import pytest
from conductor_client import decoding, models
from conductor_client.models import (
    PollData,
    SearchResultTask,
    Task,
    TaskDef,
    TaskStatus,
    Workflow,
    WorkflowDef,
    WorkflowTask,
)
from conductor_client.decoding import Decoder
from conductor_client.lenient import DEEPEST
from hypothesis import given, settings, strategies as st

from support.document import members, others, sample, schemas

READ = sorted(name for name, schema in schemas().items() if "properties" in schema)
DEFINITIONS = ("taskDefinition", "workflowTask")
REQUIRED = {name: schema.get("required", []) for name, schema in schemas().items()}
BROKEN = [b"NaN", b'"\\ud800"', b'"\xff"', b"1e999", b"9" * 5000, b"[" * 2000 + b"]" * 2000, b'{"a":{"b":["\\ud800"]}}']


@pytest.fixture(autouse=True)
def nothing_is_told_yet(monkeypatch):
    monkeypatch.setattr(decoding, "_told", set())


def read(struct, value, **options):
    return Decoder(struct, **options).decode(value if isinstance(value, bytes) else msgspec.json.encode(value))


@pytest.mark.parametrize("name", READ)
def test_a_member_that_is_odd_is_its_default_and_costs_no_other(name):
    """Of every model, each member as each other type."""
    struct = getattr(models, name)
    whole = sample(schemas()[name])
    decoder = Decoder(struct, whole=False)
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    good = decoder.decode(msgspec.json.encode(whole))
    for member, schema in members(name).items():
        field = fields[member]
        if field.required:
            continue
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        for odd in others(schema):
            found = decoder.decode(msgspec.json.encode(whole | {member: odd}))
            value = getattr(found, field.name)
            assert value == default, odd
            assert msgspec.structs.replace(found, **{field.name: getattr(good, field.name)}) == good


@pytest.mark.parametrize("name", [name for name in READ if REQUIRED[name]])
def test_without_a_required_member_an_answer_is_an_error_that_names_it(name):
    whole = sample(schemas()[name])
    for member in REQUIRED[name]:
        odd = [value for value in others(members(name)[member]) if not isinstance(value, list)]
        for broken in [None, *odd]:
            with pytest.raises(msgspec.ValidationError, match=member):
                read(getattr(models, name), whole | {member: broken})
        del whole[member]
        with pytest.raises(msgspec.ValidationError, match=member):
            read(getattr(models, name), whole)
        whole = sample(schemas()[name])


def test_a_needed_member_may_be_missing_or_null_but_not_odd():
    ids = {"taskId": "t", "workflowInstanceId": "w"}
    needed = {"needed": frozenset({"inputData"})}
    for task in (ids, ids | {"inputData": None}, ids | {"inputData": None, "seq": "x"}):
        assert read(Task, task, **needed) == Task("t", "w")
    for odd in others(members("Task")["inputData"]):
        with pytest.raises(msgspec.ValidationError, match=r"\$\.inputData"):
            read(Task, ids | {"inputData": odd}, **needed)
        assert read(Task, ids | {"inputData": odd, "seq": 3}) == Task("t", "w", seq=3)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_member_that_is_no_valid_json_costs_no_other(broken):
    ids = b'"taskId":"t","workflowInstanceId":"w"'
    task = Task("t", "w", seq=3)
    for member in (b"outputData", b"reasonForIncompletion", b"status", b"pollCount", b"unheardOf"):
        text = b'{"%b": %b, %b, "seq": 3}' % (member, broken, ids)
        assert read(Task, text) == read(Task, text, whole=False) == task
        assert read(Workflow, b'{"tasks":[%b],"workflowId":"w"}' % text) == Workflow(tasks=[task], workflow_id="w")
        assert read(SearchResultTask, b'{"results":[{"taskId":%b},%b]}' % (broken, text)).results[1] == task
    with pytest.raises(msgspec.DecodeError):
        read(Task, b'{"taskId":%b,"workflowInstanceId":"w"}' % broken)
    with pytest.raises(msgspec.DecodeError):
        read(Task, b'{"inputData":%b,%b}' % (broken, ids), needed=frozenset({"inputData"}))
    nested = read(Task, b'{%b,"workflowTask":{"name":"n","taskReferenceName":"r","metadata":%b}}' % (ids, broken))
    assert (nested.workflow_task.name, nested.workflow_task.metadata) == ("n", {})


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"workflowId":"w"', b"[]", b"[NaN]", b"7", b'"{}"', b"null", b"{}}", b"{]"]
)
def test_what_is_no_object_from_its_beginning_to_its_end_is_an_error(text):
    with pytest.raises(msgspec.DecodeError):
        read(Workflow, text)
    with pytest.raises(msgspec.DecodeError):
        read(list[TaskDef], text if text != b"[]" and text != b"[NaN]" else b"{}")


def test_one_odd_item_hides_none_of_the_others():
    steps = [{"name": None, "taskReferenceName": "a"}, 7, None, {"taskReferenceName": "b", "joinOn": ["a", 7, None]}]
    found = read(
        list[WorkflowDef], [{"tasks": steps}, "odd", {"name": "n", "tasks": {}}, {"name": "o", "tasks": [[], steps[0]]}]
    )
    assert [(each.name, each.tasks and [step.task_reference_name for step in each.tasks]) for each in found] == [
        (None, ["a", "b"]),
        ("n", None),
        ("o", ["a"]),
    ]
    assert found[0].tasks[1].join_on == ["a"]
    assert [
        each.task_id for each in read(SearchResultTask, {"results": [{"taskId": 7}, 7, {"taskId": "t"}]}).results
    ] == [None, "t"]
    lists = {"a": [{"workflowId": 7}, 7, {"workflowId": "w"}], "b": 7, "c": None, "d": []}
    assert read(dict[str, list[Workflow]], lists) == {"a": [Workflow(), Workflow(workflow_id="w")], "d": []}
    broken = b'{"b":NaN,"a":[{"workflowId":"w","input":NaN},"\\ud800"]}'
    assert read(dict[str, list[Workflow]], broken) == {"a": [Workflow(workflow_id="w")]}
    assert read(list[PollData], [{"queueName": "q", "lastPollTime": "soon"}, []]) == [PollData(queue_name="q")]


def test_nothing_is_made_of_another_map_or_number():
    """An error in JSON is neither an empty list of queues nor an empty queue."""
    error = b'{"message":"log in"}'
    for kind, text in ((dict[str, int], error), (dict[str, list[Workflow]], error), (int, b'"7"'), (int, b"{}")):
        with pytest.raises(msgspec.DecodeError):
            read(kind, text)


def test_a_null_in_a_typed_list_or_map_is_left_out_without_a_word(caplog):
    step = {"name": "n", "taskReferenceName": "r", "decisionCases": {"a": None, "b": [None]}, "joinOn": [None, "x"]}
    found = read(WorkflowTask, step)
    assert (found.decision_cases, found.join_on, found.unknown_members) == ({"b": []}, ["x"], {})
    assert read(Workflow, {"taskToDomain": {"a": None, "b": "c"}}).task_to_domain == {"b": "c"}
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("sent", "number"),
    [("60.0", 60), ('"60"', 60), ('"-7"', -7), (str(2**63 - 1), 2**63 - 1), ("1e3", 1000), ("-0.0", 0)]
    + [(odd, 0) for odd in ("60.5", '"6e1"', '" 60"', '""', '"٣"', str(2**63), "9" * 400, f'"{"9" * 5000}"', "true")],
)
def test_a_whole_number_may_come_in_other_forms(sent, number):
    text = f'{{"taskId":"t","workflowInstanceId":"w","responseTimeoutSeconds":{sent}}}'
    assert read(Task, text.encode(), whole=False).response_timeout_seconds == number
    assert type(read(Task, text.encode()).response_timeout_seconds) is int


def test_each_odd_member_is_named_once_with_its_place_and_without_its_value(caplog):
    step = {"name": 7, "taskReferenceName": "r", "forkTasks": [[{"taskReferenceName": "r", "sink": ["secret"]}]]}
    for _ in range(3):
        read(Task, {"taskId": "t", "workflowInstanceId": "w", "workflowTask": step, "status": "s" * 200}, whole=False)
    places = [record.args for record in caplog.records if record.levelno == logging.WARNING]
    assert sorted(places) == [
        ("Task.status", "status"),
        ("WorkflowTask.name", "workflowTask.name"),
        ("WorkflowTask.sink", "workflowTask.forkTasks[][].sink"),
    ]
    assert "secret" not in caplog.text


def test_a_status_of_a_newer_server_is_kept():
    assert read(Task, {"taskId": "t", "workflowInstanceId": "w", "seq": "x", "status": "LOST"}).status == TaskStatus(
        "LOST"
    )


def test_what_is_nested_deeper_than_a_definition_ever_is_reads_as_empty():
    def nest(depth):
        step = {"name": "n", "taskReferenceName": "r"}
        for _ in range(depth):
            step = {"name": "n", "taskReferenceName": "r", "forkTasks": [[step]]}
        return step

    found, depth = read(WorkflowTask, nest(200)), 1
    while found.fork_tasks and found.fork_tasks[0]:
        (((found,),), depth) = (found.fork_tasks, depth + 1)
    assert depth == DEEPEST


@pytest.mark.parametrize(
    "text",
    [
        b'{"workflowId":"w","tasks":[%b]}' % b",".join([b'{"taskId":7,"seq":"x"}'] * 20_000),
        b'{"workflowId":"w","tasks":[%b]}' % b",".join([b'{"taskId":"\\ud800"}'] * 20_000),
        b'{"workflowId":"w",%b}' % b",".join(b'"unheard%d":NaN' % number for number in range(50_000)),
        b'{"workflowId":"w","tasks":%b}' % (b'[{"workflowTask":' * 20_000 + b"NaN" + b"}]" * 20_000),
        b'{"workflowId":"w","output":{"a":"' + b'\\"' * 500_000 + b'"},"input":{"b":NaN}}',
    ],
    ids=["odd items", "broken items", "broken members", "broken and deep", "long"],
)
def test_time_grows_with_the_size_of_an_answer_and_no_faster(text):
    started = time.process_time()
    assert read(Workflow, text).workflow_id == "w"
    assert time.process_time() - started < 5


def test_a_task_that_is_read_strictly_is_the_same_as_one_that_is_read_leniently():
    for name in READ:
        text = msgspec.json.encode(sample(schemas()[name], depth=3))
        strict, lenient = (read(getattr(models, name), text, whole=whole) for whole in (False, True))
        assert strict == lenient


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


@settings(max_examples=200)
@given(st.fixed_dictionaries({}, optional={name: JSON for name in members("Task") if name not in DEFINITIONS}))
def test_whatever_is_read_has_the_types_that_it_is_annotated_with(wire):
    task = read(Task, wire | {"taskId": "t", "workflowInstanceId": "w"}, whole=False)
    assert msgspec.json.decode(msgspec.json.encode(task), type=Task) == task


@settings(max_examples=200)
@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(members("Workflow"), JSON)), st.integers(0, 30), st.binary())
def test_whatever_comes_is_read_or_is_a_decode_error(wire, place, noise):
    text = msgspec.json.encode(wire)
    for kind in (Workflow, Task, list[WorkflowDef], list[msgspec.Raw], dict[str, int]):
        with contextlib.suppress(msgspec.DecodeError):
            read(kind, text[:place] + noise + text[place:])
