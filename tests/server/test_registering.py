"""Definitions in all the forms that an executor takes, as they arrive at a server."""

import enum
import json
from pathlib import PurePosixPath
from types import MappingProxyType

import pytest

from conductor import ConfigurationError, TaskDef, TaskExecutor, WorkflowDef, WorkflowExecutor, WorkflowTask
from support.stub import Answer

PUT, POST = "PUT /metadata/workflow", "POST /metadata/workflow"
TASK = {"name": "a", "taskReferenceName": "a"}
WIRE = {
    "name": "wire",
    "tasks": [{**TASK, "inputParameters": {"x": None, "y": 1.0}, "callbackFromWorker": True}],
    "version": 2.0,
    "description": None,
    "tags": [],
    "restartable": True,
}


def named(name):
    return {**WIRE, "name": name}


@pytest.fixture
def workflows(stub, api_client):
    stub.answers[PUT].append(Answer(body={"bulkErrorResults": {}, "bulkSuccessfulResults": []}))
    return WorkflowExecutor(api_client)


@pytest.fixture
def one(tmp_path):
    file = tmp_path / "one.json"
    file.write_text(json.dumps(named("one")))
    return file


@pytest.fixture
def many(tmp_path):
    file = tmp_path / "many.json"
    file.write_text(json.dumps([named("first"), named("second")]))
    return file


def test_workflows_are_registered_in_any_form_and_as_they_were_given(stub, workflows, one, many):
    struct, text = WorkflowDef("struct", [WorkflowTask("a", "a")]), json.dumps(named("text"))
    texts = json.dumps([named("in a text")])
    forms = (named("mapping"), struct, one, str(many), text, [named("in a list"), struct, one], (str(one), many), texts)
    workflows.register_workflow(*forms)
    (request,) = stub.requests
    in_struct = {"name": "struct", "tasks": [TASK]}
    alone = ["mapping", in_struct, "one", "first", "second", "text"]
    in_lists = ["in a list", in_struct, "one", "one", "first", "second", "in a text"]
    assert request.json() == [named(each) if isinstance(each, str) else each for each in alone + in_lists]


def test_without_overwrite_they_are_sent_one_by_one(stub, workflows, many):
    workflows.register_workflow(many, named("third"), overwrite=False)
    assert [request.json() for request in stub.of(POST)] == [named(name) for name in ("first", "second", "third")]


def test_task_definitions_are_registered_and_replaced_in_any_form(stub, api_client, tmp_path):
    wire, file = {"name": "a", "retryCount": 0, "description": None, "tags": []}, tmp_path / "a.json"
    file.write_text(json.dumps(wire))
    forms = (wire, file, str(file), json.dumps(wire), TaskDef("a", retry_count=0))
    tasks = TaskExecutor(api_client)
    tasks.register_task_defs(*forms, [*forms])
    for form in forms:
        tasks.update_task_def(form)
    registered, *replaced = (request.json() for request in stub.requests)
    in_struct = {"name": "a", "retryCount": 0}
    assert registered == [wire, wire, wire, wire, in_struct] * 2
    assert replaced == [wire, wire, wire, wire, in_struct]


class Owner(enum.Enum):
    TEAM = "team@example.com"


def test_a_mapping_may_hold_whatever_an_output_may(stub, api_client):
    template = MappingProxyType({"path": PurePosixPath("/p"), "pair": (1, 2)})
    definition = MappingProxyType({"name": "a", "ownerEmail": Owner.TEAM, "inputTemplate": template})
    TaskExecutor(api_client).register_task_defs(definition)
    sent = {"name": "a", "ownerEmail": "team@example.com", "inputTemplate": {"path": "/p", "pair": [1, 2]}}
    assert stub.requests[0].json() == [sent]


WRONG = {"name": "wrong", "tasks": [TASK, {**TASK, "inputParamters": {}}]}
UNKNOWN = "tasks[1].inputParamters: unknown key; the nearest known one is inputParameters"


@pytest.mark.parametrize("overwrite", [True, False])
def test_an_error_names_the_argument_or_the_file_and_nothing_is_sent(stub, workflows, tmp_path, overwrite):
    file = tmp_path / "wrong.json"

    def refusal(*forms):
        with pytest.raises(ConfigurationError) as caught:
            workflows.register_workflow(named("right"), *forms, overwrite=overwrite)
        return str(caught.value)

    assert refusal(WRONG) == f"workflow_defs[1].{UNKNOWN}"
    assert refusal([named("right"), WRONG]) == f"workflow_defs[1][1].{UNKNOWN}"
    assert refusal(json.dumps(WRONG)) == f"workflow_defs[1].{UNKNOWN}"
    assert refusal(json.dumps([named("right"), WRONG])) == f"workflow_defs[1][1].{UNKNOWN}"
    assert refusal("{") == "workflow_defs[1]: line 1, column 2: Expecting property name enclosed in double quotes"
    assert refusal("[5]") == "workflow_defs[1][0]: must be an object, not a number"
    assert refusal({**WRONG, "tasks": [object()]}) == "workflow_defs[1].tasks[0]: object has no JSON form"
    file.write_text(json.dumps(WRONG))
    assert refusal(file) == refusal([str(file)]) == f"{file}: {UNKNOWN}"
    file.write_text(json.dumps([named("right"), WRONG]))
    assert refusal(file) == f"{file}: [1].{UNKNOWN}"
    file.write_text('["other.json"]')
    assert refusal(file) == f"{file}: [0]: must be an object, not a text"
    assert refusal("missing.json") == "'missing.json': No such file or directory"
    assert refusal([[WRONG] * 1000]).endswith("or lists of these, not list")
    assert stub.requests == []


def test_a_mapping_inside_of_a_struct_is_checked_as_any_other(stub, workflows):
    def refusal(*tasks):
        with pytest.raises(ConfigurationError) as caught:
            workflows.register_workflow(WorkflowDef("n", tasks))
        return str(caught.value)

    step = WorkflowTask("a", "a", unknown_members={"newer": 1})
    assert refusal(step, WRONG["tasks"][1]) == f"workflow_defs[0].{UNKNOWN}"
    assert refusal(WorkflowTask("a", "a", decision_cases={"x": [{"name": "b"}]})) == (
        "workflow_defs[0].tasks[0].decisionCases.x[0].taskReferenceName: missing"
    )
    assert refusal(WorkflowTask("a", "a", task_definition={"name": "a", "retryCoun": 1})) == (
        "workflow_defs[0].tasks[0].taskDefinition.retryCoun: unknown key; the nearest known one is retryCount"
    )
    assert refusal(step, TaskDef("a")) == "workflow_defs[0].tasks[1]: must be an object, not TaskDef"
    assert stub.requests == []
    workflows.register_workflow(WorkflowDef("n", [step, TASK, WorkflowTask("a", "a", fork_tasks=((TASK,), [step]))]))
    newer = {**TASK, "newer": 1}
    assert stub.requests[0].json()[0]["tasks"] == [newer, TASK, {**TASK, "forkTasks": [[TASK], [newer]]}]


@pytest.mark.parametrize(("levels", "problem"), [(2, "circular"), (600, "nested")])
def test_a_struct_that_is_circular_or_too_deep_is_an_error_that_names_the_argument(stub, workflows, levels, problem):
    innermost = outermost = WorkflowTask("a", "a")
    for _ in range(levels):
        outermost = WorkflowTask("a", "a", default_case=[outermost])
    if problem == "circular":
        innermost.default_case.append(outermost)
    with pytest.raises(ConfigurationError, match=rf"^workflow_defs\[0\].*{problem}"):
        workflows.register_workflow(WorkflowDef("n", [outermost]))
    assert stub.requests == []


def test_one_definition_is_replaced_at_a_time(stub, api_client, tmp_path):
    file = tmp_path / "list.json"
    file.write_text('[{"name": "a"}]')
    with pytest.raises(ConfigurationError, match=r"list\.json: must be an object, not a list$"):
        TaskExecutor(api_client).update_task_def(file)
    with pytest.raises(ConfigurationError, match=r"^task_def\.retryCoun: unknown key"):
        TaskExecutor(api_client).update_task_def({"name": "a", "retryCoun": 1})
    assert stub.requests == []
