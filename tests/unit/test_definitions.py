"""Definitions read from JSON: what is accepted, and what an error says about the rest."""

import json
import os
import re
from pathlib import Path

import pytest

from conductor import ConfigurationError, TaskDef, TaskDefRetryLogic, WorkflowDef, WorkflowTask

TASK = {"name": "ship", "taskReferenceName": "ship_it"}
ORDER = {
    "name": "order",
    "version": 3,
    "tasks": [
        {**TASK, "inputParameters": {"any_key": {"retry_count": None}, "n": 7.0}},
        {
            **TASK,
            "type": "SWITCH",
            "decisionCases": {"a case": [{**TASK, "type": "DO_WHILE", "loopOver": [TASK]}]},
            "defaultCase": [{**TASK, "type": "FORK_JOIN", "forkTasks": [[TASK], [TASK, TASK]]}],
            "optional": None,
        },
        {**TASK, "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": "s", "workflowDefinition": {"tasks": [TASK]}}},
        {**TASK, "subWorkflowParam": {"name": "s", "workflowDefinition": "${workflow.input.definition}"}},
    ],
    "timeoutPolicy": "ALERT_ONLY",
    "metadata": {"what ever": {}},
    "createTime": 1700000000000,
    "ownerApp": "",
}


def at(definition, path):
    """The object at a path such as tasks[1].loopOver[0]."""
    for step in re.findall(r"[^.\[\]]+", path):
        definition = definition[int(step) if step.isdecimal() else step]
    return definition


def refusal(kind, text_or_path):
    with pytest.raises(ConfigurationError) as caught:
        kind.from_json(text_or_path)
    return str(caught.value)


def test_a_definition_is_read_from_a_text_and_from_a_file(tmp_path, caplog):
    text = json.dumps({**ORDER, "tasks": [*ORDER["tasks"], {**TASK, "taskDefinition": {"retryCount": 3}}]})
    file = tmp_path / "order.json"
    for content in (text, "\ufeff" + text, f"\n {text}\n"):
        file.write_text(content, "utf-8")
        for given in (content, str(file), file):
            definition = WorkflowDef.from_json(given)
            assert isinstance(definition, WorkflowDef)
            assert (definition.name, definition.version, len(definition.tasks)) == ("order", 3, 5)
            assert definition.tasks[0].input_parameters == {"any_key": {"retry_count": None}, "n": 7.0}
            assert definition.tasks[1].decision_cases["a case"][0].loop_over == [WorkflowTask("ship", "ship_it")]
    assert caplog.messages == []  # those of answers
    task_def = TaskDef.from_json('{"name": "ship", "retryLogic": "FIXED", "retryCount": null}')
    assert task_def == TaskDef("ship", retry_logic=TaskDefRetryLogic.FIXED)


SCHEMAS = json.loads((Path(__file__).parents[2] / "openapi" / "conductor.json").read_text())["components"]["schemas"]
OBJECTS = {
    "": "WorkflowDef",
    "tasks[0]": "WorkflowTask",
    "tasks[1].decisionCases.a case[0]": "WorkflowTask",
    "tasks[1].decisionCases.a case[0].loopOver[0]": "WorkflowTask",
    "tasks[1].defaultCase[0].forkTasks[1][0]": "WorkflowTask",
    "tasks[2].subWorkflowParam": "SubWorkflowParams",
    "tasks[2].subWorkflowParam.workflowDefinition": "WorkflowDef",
    "tasks[2].subWorkflowParam.workflowDefinition.tasks[0]": "WorkflowTask",
}


@pytest.mark.parametrize("path", OBJECTS)
def test_an_unknown_key_is_named_with_its_place_and_the_nearest_known_key(path):
    prefix = f"{path}." if path else ""
    for key in SCHEMAS[OBJECTS[path]]["properties"]:
        in_snake_case = re.sub("([A-Z])", r"_\1", key).lower()
        for wrong in {key[:-2] + key[-1] if len(key) > 3 else key + "s", in_snake_case} - {key}:
            definition = json.loads(json.dumps(ORDER))
            at(definition, path)[wrong] = None
            expected = f"{prefix}{wrong}: unknown key; the nearest known one is "
            assert refusal(WorkflowDef, json.dumps(definition)).startswith(expected)
    definition = json.loads(json.dumps(ORDER))
    at(definition, path)["zzzz"] = 1
    assert refusal(WorkflowDef, json.dumps(definition)) == f"{prefix}zzzz: unknown key"


@pytest.mark.parametrize("path", OBJECTS)
def test_all_members_of_the_document_are_known_those_that_a_server_writes_too(path):
    definition = json.loads(json.dumps(ORDER))
    place = at(definition, path)
    place |= {key: None for key in SCHEMAS[OBJECTS[path]]["properties"] if key not in place}
    assert WorkflowDef.from_json(json.dumps(definition)).name == "order"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("failurWorkflow", "failureWorkflow"),
        ("failure_workflow", "failureWorkflow"),
        ("timeout-seconds", "timeoutSeconds"),
        ("TASKS", "tasks"),
    ],
)
def test_the_nearest_key_is_the_one_that_was_meant(wrong, right):
    problem = refusal(WorkflowDef, json.dumps({**ORDER, wrong: 1}))
    assert problem == f"{wrong}: unknown key; the nearest known one is {right}"


def test_all_problems_are_told_at_once():
    problem = refusal(TaskDef, '{"nam": "a", "retryCount": "3", "retryLogic": "FIXD", "inputKeys": [1, null]}')
    assert problem.splitlines() == [
        "nam: unknown key; the nearest known one is name",
        "name: missing",
        "retryCount: must be a whole number, not a text",
        "retryLogic: must be one of EXPONENTIAL_BACKOFF, FIXED, LINEAR_BACKOFF, not 'FIXD'",
        "inputKeys[0]: must be a text, not a number",
        "inputKeys[1]: must be a text, not null",
    ]
    many = refusal(TaskDef, json.dumps({"name": "a", **{f"key{number}": 1 for number in range(50)}}))
    assert len(many.splitlines()) == 21
    assert many.endswith("\nand 30 more")


WRONG = {
    "tasks": [({}, "a list, not an object"), ("a", "a list, not a text"), ([None], None), ([[TASK]], None)],
    "version": [(1.5, "a whole number, not 1.5"), (True, "a whole number, not true or false")],
    "restartable": [(1, "true or false, not a number"), ("true", "true or false, not a text")],
    "description": [(5, "a text, not a number"), ([], "a text, not a list")],
    "outputParameters": [([], "an object, not a list"), ("x", "an object, not a text")],
    "rateLimitConfig": [(5, "an object, not a number")],
    "timeoutPolicy": [("RETRY", "one of ALERT_ONLY, TIME_OUT_WF, not 'RETRY'"), (5, "one of ALERT_ONLY")],
}


@pytest.mark.parametrize(("member", "value", "problem"), [(m, *each) for m, many in WRONG.items() for each in many])
def test_a_value_that_a_member_cannot_have_is_named_with_its_place(member, value, problem):
    found = refusal(WorkflowDef, json.dumps({**ORDER, member: value}))
    assert found.startswith(f"{member}: must be {problem}" if problem else "tasks[0]: must be an object, not ")


def test_what_has_no_place_among_definitions_is_missing():
    for member in ("name", "tasks"):
        without = {key: value for key, value in ORDER.items() if key != member}
        assert refusal(WorkflowDef, json.dumps(without)) == f"{member}: missing"
        assert refusal(WorkflowDef, json.dumps({**ORDER, member: None})) == f"{member}: missing"
    for member in TASK:
        tasks = [{**TASK, "loopOver": [{key: TASK[key] for key in TASK if key != member}]}]
        assert refusal(WorkflowDef, json.dumps({**ORDER, "tasks": tasks})) == f"tasks[0].loopOver[0].{member}: missing"


OTHERS = [
    (WorkflowDef, {"tags": [], "overwriteTags": True, "onStateChange": {}, "tasks": []}),
    (WorkflowDef, {"tasks": [{**TASK, "callbackFromWorker": True}]}),
    (TaskDef, {"tags": [{"key": "k", "value": "v"}], "overwriteTags": True}),
]


@pytest.mark.parametrize(("kind", "members"), OTHERS)
def test_keys_of_other_servers_are_known(kind, members):
    assert kind.from_json(json.dumps({"name": "a", **members})).name == "a"


BROKEN = {
    "line 3, column 13: Expecting value": '{\n "name": "a",\n  "tasks": [}\n',
    "line 3, column 2: Expecting value": "\n\n[",
    "line 1, column 2: Expecting property name enclosed in double quotes": "{",
    "line 1, column 15: Extra data": '{"name": "a"} {"name": "b"}',
    "the key 'name' stands twice in one object": '{"name": "a", "name": "b"}',
    "NaN has no JSON form": '{"name": "a", "inputTemplate": {"x": NaN}}',
    "nested too deep": '{"name": ' + "[" * 100_000,
    "must be an object, not a list": '[{"name": "a"}]',
}


@pytest.mark.parametrize("problem", BROKEN)
def test_broken_json_is_told_with_its_place(tmp_path, problem):
    assert refusal(TaskDef, BROKEN[problem]) == problem
    assert refusal(TaskDef, "\ufeff" + BROKEN[problem]) == problem
    (tmp_path / "a.json").write_text(BROKEN[problem])
    assert refusal(TaskDef, tmp_path / "a.json") == f"{tmp_path}/a.json: {problem}"


def test_numbers_and_texts_that_no_json_can_hold_are_told_with_their_place():
    assert refusal(TaskDef, '{"name": "\\ud800"}') == "name: text that is not valid Unicode"
    assert refusal(TaskDef, '{"name": "a", "inputTemplate": {"x": [1e999]}}').startswith("inputTemplate.x[0]: ")
    assert "digits" in refusal(TaskDef, '{"name": "a", "inputTemplate": {"x": ' + "1" * 5_000 + "}}")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    missing, empty, blank, latin = (tmp_path / name for name in ("missing.json", "empty.json", "blank.json", "ä.json"))
    empty.write_bytes(b"")
    blank.write_bytes(b" \n")
    latin.write_bytes('{"name": "ä"}'.encode("latin-1"))
    assert refusal(TaskDef, missing) == f"'{missing}': No such file or directory"
    assert refusal(TaskDef, str(tmp_path)) == f"'{tmp_path}': Is a directory"
    assert refusal(TaskDef, empty) == f"{empty}: empty"
    assert refusal(TaskDef, blank) == f"{blank}: empty"
    assert refusal(TaskDef, latin) == f"'{latin}': no text in UTF-8: invalid continuation byte at byte 10"
    assert refusal(TaskDef, "") == "'': No such file or directory"
    assert refusal(TaskDef, "a\0b") == "'a\\x00b': no path"
    assert len(refusal(TaskDef, "no JSON " * 10_000)) < 300


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("{}")
    file.chmod(0)
    assert refusal(TaskDef, file) == f"'{file}': Permission denied"


@pytest.mark.parametrize("given", [None, 5, b'{"name": "a"}', {"name": "a"}, ["a"]])
def test_nothing_but_a_text_or_a_path_is_read(given):
    assert refusal(TaskDef, given).startswith("text_or_path must be JSON as a text or a path, not ")


def test_a_path_may_begin_with_a_bracket_when_it_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("[a].json").write_text('{"name": "a"}')
    assert TaskDef.from_json(Path("[a].json")).name == "a"


def test_deep_definitions_are_read_to_their_end():
    task = {**TASK, "wrong": 1}
    for _ in range(300):
        task = {**TASK, "loopOver": [task]}
    place = "tasks[0]" + ".loopOver[0]" * 300
    assert refusal(WorkflowDef, json.dumps({"name": "a", "tasks": [task]})) == f"{place}.wrong: unknown key"
