"""``DevServer(strict_inputs=True)``: an expression without a value fails its workflow, and the test is told."""

import pytest

from conductor import ApiClient, ApiError, AuthenticationSettings, ConfigurationError, HttpSettings, WorkflowExecutor
from conductor.testing import DevServer, UnresolvedInput


def step(name, kind="SIMPLE", **members):
    inputs = members.pop("inputs", {})
    return {"name": name, "taskReferenceName": name, "type": kind, "inputParameters": inputs, **members}


class World:
    """A server with the option, and workflows of one name."""

    def __init__(self, server, http):
        self.server = server
        self.http = http

    def register(self, *steps, name="flow", **members):
        definition = {"name": name, "version": 1, "schemaVersion": 2, "tasks": list(steps), **members}
        answer = self.http("PUT", "/api/metadata/workflow", [definition])
        assert not answer.json()["bulkErrorResults"], answer.body

    def start(self, **given):
        return self.http.post("/api/workflow", {"name": "flow", "input": given})

    def run(self, name, output):
        (task,) = self.http.poll(name)
        assert self.http.finish(task, outputData=output).status == 200

    def workflow(self, workflow_id):
        return self.http.get(f"/api/workflow/{workflow_id}").json()


@pytest.fixture
def world(connect):
    with DevServer(strict_inputs=True) as server:
        yield World(server, connect(server))


def test_the_start_is_refused_if_the_first_task_lacks_a_value(world):
    world.register(step("charge", inputs={"order": {"amount": "${workflow.input.amont}"}}))
    answer = world.start(amount=9)
    said = (
        "strict_inputs: task charge, parameter order.amount: ${workflow.input.amont} has no value: "
        "workflow.input has amount; did you mean amount?"
    )
    assert (answer.status, answer.json()["message"]) == (400, said)
    assert world.start(amont=9).status == 200


def test_join_raises_for_a_later_task_and_the_workflow_has_the_reason(world):
    world.register(step("validate"), step("charge", inputs={"amount": "${validate.output.totl}"}))
    workflow_id = world.start().body.decode()
    world.run("validate", {"total": 9, "currency": "EUR"})
    said = (
        "strict_inputs: task charge, parameter amount: ${validate.output.totl} has no value: "
        "validate.output has currency, total; did you mean total?"
    )
    with pytest.raises(UnresolvedInput) as caught:
        world.server.join(5)
    assert (caught.value.reason, caught.value.workflow_id) == (said, workflow_id)
    assert str(caught.value) == f"{said} (workflow_id={workflow_id!r})"
    found = world.workflow(workflow_id)
    assert (found["status"], found["reasonForIncompletion"]) == ("FAILED", said)
    assert [task["status"] for task in found["tasks"]] == ["COMPLETED"]
    world.server.join(1)  # told once


def test_execute_raises_for_any_task(world):
    world.register(
        step("inline", "INLINE", inputs={"evaluatorType": "javascript", "expression": "1"}),
        step("charge", inputs={"amount": "${inline.output.nothing}"}),
    )
    with ApiClient(AuthenticationSettings("", ""), HttpSettings(world.server.url)) as client:
        workflows = WorkflowExecutor(client)
        with pytest.raises(
            ApiError, match=r"task charge, parameter amount: \$\{inline\.output\.nothing\} has no value"
        ):
            workflows.execute_workflow("flow", timeout=5)


def test_the_cause_in_a_sub_workflow_is_raised(world):
    world.register(step("charge", inputs={"amount": "${workflow.input.nothing}"}), name="child")
    world.register(step("wait"), step("sub", "SUB_WORKFLOW", subWorkflowParam={"name": "child", "version": 1}))
    world.start()
    world.run("wait", {})
    with pytest.raises(UnresolvedInput, match=r"^strict_inputs: task charge, parameter amount"):
        world.server.join(5)


def test_what_starts_a_sub_workflow_is_checked_too(world):
    world.register(step("sub", "SUB_WORKFLOW", subWorkflowParam={"name": "${workflow.input.nme}", "version": 1}))
    assert b"task sub, parameter subWorkflowParam.name: ${workflow.input.nme} has no value" in world.start(name=1).body


def test_nulls_and_defaults_are_values(world):
    task_def = {"name": "charge", "inputTemplate": {"currency": "EUR"}, "responseTimeoutSeconds": 60}
    assert world.http.post("/api/metadata/taskdefs", [task_def]).status == 200
    inputs = {"note": "${workflow.input.note}", "currency": "${workflow.input.currency}", "id": "${CPEWF_TASK_ID}"}
    world.register(step("charge", inputs=inputs))
    assert world.start(note=None).status == 200
    (task,) = world.http.poll("charge")
    assert task["inputData"] == {"note": None, "currency": "EUR", "id": task["taskId"]}


def test_a_loop_may_name_tasks_inside_of_it(world):
    condition = "if ($.n < 1) { true } else { false }"
    loop = step(
        "loop", "DO_WHILE", inputs={"n": "${inner.output.n}"}, loopCondition=condition, loopOver=[step("inner")]
    )
    world.register(loop)
    workflow_id = world.start().body.decode()
    world.run("inner", {"n": 0})
    world.run("inner", {"n": 1})
    assert world.workflow(workflow_id)["status"] == "COMPLETED"


@pytest.mark.parametrize(
    "members", [{"items": "${workflow.input.lst}"}, {"inputs": {"_items": "${workflow.input.lst}"}}]
)
def test_the_list_of_a_loop_is_checked(world, members):
    """Without it the loop would end at once, in silence."""
    world.register(step("loop", "DO_WHILE", loopCondition="true", loopOver=[step("inner")], **members))
    said = b"items: ${workflow.input.lst} has no value: workflow.input has list; did you mean list?"
    assert said in world.start(list=[1]).body


def test_the_item_of_a_loop_is_a_value_for_its_tasks(world):
    inner = step("inner", inputs={"item": "${loop.output.loopItem}"})
    world.register(step("loop", "DO_WHILE", items="${workflow.input.list}", loopCondition="", loopOver=[inner]))
    workflow_id = world.start(list=["a", "b"]).body.decode()
    for item in ("a", "b"):
        (task,) = world.http.poll("inner")
        assert task["inputData"] == {"item": item}
        assert world.http.finish(task).status == 200
    assert world.workflow(workflow_id)["status"] == "COMPLETED"


def test_outputs_of_a_workflow_may_have_no_value(world):
    world.register(step("charge"), outputParameters={"branch": "${charge.output.nothing}"})
    workflow_id = world.start().body.decode()
    world.run("charge", {})
    assert world.workflow(workflow_id)["status"] == "COMPLETED"
    world.server.join(1)


@pytest.mark.parametrize(
    "decides",
    [
        step("switch", "SWITCH", evaluatorType="value-param", expression="case", decisionCases={"a": [step("charge")]}),
        step("set", "SET_VARIABLE"),
        step("end", "TERMINATE"),
    ],
    ids=lambda each: each["type"],
)
def test_the_inputs_of_system_tasks_are_checked(world, decides):
    world.register(
        {**decides, "inputParameters": {"terminationStatus": "COMPLETED", "case": "${workflow.input.nothing}"}}
    )
    assert f"task {decides['name']}, parameter case: ".encode() in world.start().body


def test_a_task_of_a_fork_is_checked(world):
    branches = [[step("one")], [step("two", inputs={"n": "${workflow.input.nothing}"})]]
    world.register(step("fork", "FORK_JOIN", forkTasks=branches), step("join", "JOIN", joinOn=["one", "two"]))
    assert b"task two, parameter n: " in world.start().body


def test_without_the_option_such_an_expression_is_null(server, http):
    world = World(server, http)
    world.register(step("charge", inputs={"amount": "${workflow.input.nothing}"}))
    assert world.start().status == 200
    (task,) = http.poll("charge")
    assert task["inputData"] == {"amount": None}


def test_the_option_is_true_or_false():
    with pytest.raises(ConfigurationError, match="strict_inputs must be True or False"):
        DevServer(strict_inputs="yes")
