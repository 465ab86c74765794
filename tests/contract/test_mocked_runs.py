"""``POST /workflow/test``: a workflow runs with mocks in place of workers, on both servers."""

import pytest
from contract.rows import row

OWNER = "team@example.com"


@pytest.fixture
def run(rest, name, a_workflow):
    """Runs a workflow of the tasks a and b with mocks; b gets the output of a."""
    a_workflow("a", "b")
    definition = rest("GET", f"/metadata/workflow/{name}").json()
    definition["tasks"][1]["inputParameters"] = {"x": "${a.output.v}"}
    assert rest("PUT", "/metadata/workflow", [definition]).status == 200

    def test(mocks, **members):
        answer = rest("POST", "/workflow/test", {"name": name, "taskRefToMockOutput": mocks, **members})
        assert answer.status == 200, answer.data
        return answer.json()

    return test


def tasks(workflow):
    return [(each["referenceTaskName"], each["status"], each["outputData"]) for each in workflow["tasks"]]


@row("1.2-13")
def test_tasks_end_as_their_mocks_say(run, rest, name):
    workflow = run({"a": [{"output": {"v": 7}}], "b": [{"status": "FAILED", "output": {"w": 8}}]}, input={"i": 1})
    assert tasks(workflow) == [("a", "COMPLETED", {"v": 7}), ("b", "FAILED", {"w": 8})]
    assert (workflow["status"], workflow["input"], workflow["tasks"][1]["inputData"]) == ("FAILED", {"i": 1}, {"x": 7})
    assert rest("GET", f"/workflow/{workflow['workflowId']}").json()["status"] == "FAILED"
    assert list(workflow["taskToDomain"]) == ["*"]  # so that no worker gets its tasks
    assert rest("GET", f"/tasks/poll/{name}_a").status == 204


@row("1.2-13")
def test_it_stops_at_a_task_without_a_mock(run):
    workflow = run({"a": [{"output": {"v": 7}}]})
    assert (workflow["status"], [status for _, status, _ in tasks(workflow)]) == ("RUNNING", ["COMPLETED", "SCHEDULED"])
    assert tasks(run({})) == [("a", "SCHEDULED", {})]


@row("1.2-13")
def test_a_mock_says_how_long_its_task_has_waited_and_run(run):
    workflow = run({"a": [{"output": {}, "executionTime": 2000, "queueWaitTime": 5000}]})
    task = workflow["tasks"][0]
    assert task["startTime"] - task["scheduledTime"] == 5000
    assert 2000 <= task["endTime"] - task["startTime"] < 12_000


@row("1.2-13")
def test_a_sub_workflow_has_mocks_of_its_own(run, rest, name):
    child = {"name": "s", "taskReferenceName": "s", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": name}}
    last = {
        "name": f"{name}_a",
        "taskReferenceName": "last",
        "type": "SIMPLE",
        "inputParameters": {"x": "${s.output.w}"},
    }
    parent = {"name": f"{name}_parent", "tasks": [child, last], "ownerEmail": OWNER, "timeoutSeconds": 0}
    assert rest("POST", "/metadata/workflow", parent).status == 200
    inner = {"name": name, "taskRefToMockOutput": {"a": [{"output": {"v": 7}}], "b": [{"output": {"w": 8}}]}}
    workflow = run({"last": [{"output": {}}]}, name=f"{name}_parent", subWorkflowTestRequest={"s": inner})
    assert (workflow["status"], workflow["tasks"][1]["inputData"]) == ("COMPLETED", {"x": 8})


@row("1.2-13")
@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        ({}, 400, "Validation failed, check below errors for detail."),
        ({"name": "no_such_workflow"}, 404, "No such workflow defined. name=no_such_workflow, version=null"),
    ],
)
def test_a_run_that_cannot_begin_is_refused(rest, request_, status, message):
    answer = rest("POST", "/workflow/test", request_)
    assert (answer.status, answer.json()["message"]) == (status, message)
