"""Stubs of the embedded server: answers in place of tasks."""

import pytest

from conductor import ConfigurationError, NonRetryableError
from conductor.testing import DevServer
from conductor.testing.engine import Refusal
from conductor.testing.engine.tasks.stubs import Stubs


def fails(error):
    def stub(given):
        raise error

    return stub


def test_a_stub_answers_for_a_type_that_the_server_does_not_run(make_world, build):
    world = make_world(stubs=Stubs({"HTTP": {"response": {"body": {"ok": True}}}}))
    task = build.system("HTTP", "call", inputParameters={"uri": "http://example.com"})
    workflow_id = world.start(task, outputParameters={"ok": "${call.output.response.body.ok}"})
    assert world.engine.workflows.get(workflow_id)["output"] == {"ok": True}
    (done,) = world.tasks(workflow_id)
    assert (done["taskType"], done["status"], done["inputData"]) == ("HTTP", "COMPLETED", {"uri": "http://example.com"})


def test_a_stub_is_a_function_of_the_input_in_place_of_a_worker(make_world, build):
    world = make_world(stubs=Stubs({"charge": lambda given: {"paid": given["amount"]}}))
    workflow_id = world.start(
        build.simple("charge", inputParameters={"amount": "${workflow.input.n}"}), request={"input": {"n": 3}}
    )
    assert world.status(workflow_id) == "COMPLETED"
    (done,) = world.tasks(workflow_id)
    assert (done["taskType"], done["outputData"]) == ("charge", {"paid": 3})
    assert world.take("charge") == []


def test_the_reference_name_comes_before_the_task_name_and_the_type(make_world, build):
    world = make_world(stubs=Stubs({"SIMPLE": {"by": "type"}, "a": {"by": "name"}, "second": {"by": "ref"}}))
    workflow_id = world.start(build.simple("a"), build.simple("a", ref="second"), build.simple("b"))
    assert [task["outputData"]["by"] for task in world.tasks(workflow_id)] == ["name", "ref", "type"]


def test_a_function_cannot_change_the_input(make_world, build):
    world = make_world(stubs=Stubs({"a": lambda given: given.clear()}))
    workflow_id = world.start(build.simple("a", inputParameters={"x": 1}))
    (done,) = world.tasks(workflow_id)
    assert (done["inputData"], done["outputData"]) == ({"x": 1}, {})


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("no"), "FAILED"), (NonRetryableError("no"), "FAILED_WITH_TERMINAL_ERROR")]
)
def test_an_error_of_a_function_fails_the_task(make_world, build, error, status):
    world = make_world(stubs=Stubs({"a": fails(error)}))
    world.task_def(retryCount=0)
    workflow_id = world.start(build.simple())
    (done,) = world.tasks(workflow_id)
    assert (done["status"], done["reasonForIncompletion"]) == (status, f"{type(error).__name__}: no")
    assert world.status(workflow_id) == "FAILED"


def test_a_failed_stub_is_tried_again_after_the_delay_of_its_definition(make_world, build):
    tries = []

    def stub(given):
        tries.append(given)
        assert len(tries) > 1, "no"

    world = make_world(stubs=Stubs({"a": stub}))
    world.task_def(retryCount=1, retryDelaySeconds=5)
    workflow_id = world.start(build.simple())
    assert world.statuses(workflow_id) == [("a", "FAILED"), ("a", "SCHEDULED")]
    assert world.take() == []
    world.clock.advance(5)
    assert world.statuses(workflow_id) == [("a", "FAILED"), ("a", "COMPLETED")]


@pytest.mark.parametrize(
    "output", [{"x": object()}, {"x": float("nan")}, [1], "text"], ids=["object", "nan", "list", "text"]
)
def test_an_output_that_is_no_object_of_json_fails_the_task(make_world, build, output):
    world = make_world(stubs=Stubs({"a": lambda given: output}))
    world.task_def(retryCount=0)
    workflow_id = world.start(build.simple())
    assert world.tasks(workflow_id)[0]["reasonForIncompletion"].startswith(("TypeError: ", "ValueError: "))


def test_a_type_without_a_stub_is_refused_still(make_world, build):
    world = make_world(stubs=Stubs({"HTTP": {}}))
    with pytest.raises(Refusal):
        world.start(build.system("KAFKA_PUBLISH", "k"))


def structure(build, kind):
    branch = [build.simple()]
    members = {
        "SWITCH": {"evaluatorType": "value-param", "expression": "k", "decisionCases": {"a": branch}},
        "DO_WHILE": {"loopCondition": "false", "loopOver": branch},
        "JOIN": {"joinOn": []},
        "TERMINATE": {"inputParameters": {"terminationStatus": "FAILED"}},
    }[kind]
    return build.system(kind, "s", **members)


@pytest.mark.parametrize("kind", ["SWITCH", "DO_WHILE", "JOIN", "TERMINATE"])
@pytest.mark.parametrize("stub", ["s", "task"])
def test_a_stub_for_a_task_that_decides_about_others_is_refused_with_its_definition(make_world, build, kind, stub):
    """The stub is named like the step's reference name, or like its task."""
    world = make_world(stubs=Stubs({stub: {}}))
    step = {**structure(build, kind), "name": "task"}
    with pytest.raises(Refusal, match="Validation failed") as caught:
        world.start(step)
    assert caught.value.status == 400
    (problem,) = caught.value.validation_errors
    assert problem["message"] == (
        f"the stub {stub!r} cannot answer for taskType: {kind} taskName: task, which decides about other tasks"
    )


def test_a_stub_for_a_terminate_task_in_a_loop_is_refused_too(make_world, build):
    loop = build.system("DO_WHILE", "l", loopCondition="false", loopOver=[structure(build, "TERMINATE")])
    with pytest.raises(Refusal, match="Validation failed") as caught:
        make_world(stubs=Stubs({"s": {}})).start(loop)
    (problem,) = caught.value.validation_errors
    assert problem["message"].startswith("the stub 's' cannot answer for taskType: TERMINATE")


@pytest.mark.parametrize(
    ("stubs", "problem"),
    [
        ({"JOIN": {}}, "JOIN decides about other tasks"),
        ({"a": 5}, "'a' must be an output"),
        ([], "stubs must be a mapping"),
    ],
)
def test_a_wrong_stub_is_an_error_that_names_it(stubs, problem):
    with pytest.raises(ConfigurationError, match=problem):
        DevServer(stubs=stubs)
