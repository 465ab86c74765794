"""Events that workflows send, and what handlers do with them, on both servers."""

import pytest
from contract.rows import row

from support.waiting import eventually

OWNER = "team@example.com"


@pytest.fixture
def event(name):
    return f"conductor:{name}:e"


@pytest.fixture
def sender(rest, name, a_workflow):
    """A workflow that sends an event and then has the task a; NAME_other has the task a alone."""
    a_workflow("a")
    definition = rest("GET", f"/metadata/workflow/{name}").json()
    given = {"x": "${workflow.input.x}", "w": "${workflow.workflowId}", "text": '{"k": 5}', "list": ['{"k": 5}']}
    step = {"name": "e", "taskReferenceName": "e", "type": "EVENT", "sink": "conductor", "inputParameters": given}
    other = {**definition, "name": f"{name}_other"}
    sending = {**definition, "tasks": [step, *definition["tasks"]]}
    assert rest("PUT", "/metadata/workflow", [other, sending]).status == 200
    return name


@pytest.fixture
def handle(rest, name, event):
    """Registers an active handler of the event; it is removed at the end of the test."""
    names = []

    def register(*actions, **members):
        names.append(f"{name}_{len(names)}")
        handler = {"name": names[-1], "event": event, "active": True, "actions": [*actions], **members}
        assert rest("POST", "/event", handler).status == 200

    yield register
    for each in names:
        rest("DELETE", f"/event/{each}")


def start_other(name, **members):
    return {"action": "start_workflow", "start_workflow": {"name": f"{name}_other", **members}}


def started(rest, name, *correlation_ids):
    """The workflows that handlers have started, by correlation id, once these are there. Events may come twice."""

    def found():
        results = rest("GET", "/workflow/search", query=f"workflowType={name}_other").json()["results"]
        by_correlation = {each.get("correlationId"): each["workflowId"] for each in results}
        return by_correlation if by_correlation.keys() >= set(correlation_ids) else None

    return {key: rest("GET", f"/workflow/{each}").json() for key, each in eventually(found, 90).items()}


@row("1.2-15")
@pytest.mark.timeout(240)  # the real server begins to listen for an event within a minute
def test_an_event_starts_workflows_with_values_of_the_event(rest, sender, event, handle):
    given = {"x": "${x}", "text": "${text}", "inner": "${text.k}", "of_list": "${list[0]}"}
    handle(start_other(sender, version=1, correlationId="c-${x}", input=given))
    read = {**start_other(sender, correlationId="read", input=given, taskToDomain={"*": "d"}), "expandInlineJSON": True}
    handle({"action": "start_workflow", "start_workflow": {"name": "no_such_workflow"}}, read)
    for number, (condition, evaluator) in enumerate(
        [("$.x > 5", "javascript"), ("$.x > 5 && $.text.k == 5", None), ("x", "value-param"), ("$.text", None)]
    ):
        named = {} if evaluator is None else {"evaluatorType": evaluator}
        handle(start_other(sender, correlationId=f"condition {number}"), condition=condition, **named)
    sent_by = rest("POST", "/workflow", {"name": sender, "input": {"x": -3}}).data.decode()
    found = started(rest, sender, "c--3", "read")
    assert found.keys() == {"c--3", "read"}
    task = rest("GET", f"/workflow/{sent_by}").json()["tasks"][0]
    marks = {"conductor.event.name": event, "conductor.event.messageId": task["taskId"]}
    values = {"x": -3, "text": '{"k": 5}', "inner": None, "of_list": '{"k": 5}', **marks}
    assert (found["c--3"]["input"], found["c--3"]["event"], found["c--3"]["taskToDomain"]) == (values, event, {})
    values |= {"text": {"k": 5}, "inner": 5}  # texts inside of lists stay as they are
    assert (found["read"]["input"], found["read"]["taskToDomain"]) == (values, {"*": "d"})
    rest("POST", "/workflow", {"name": sender, "input": {"x": 9}})
    both = {"c--3", "c-9", "condition 0", "condition 1", "condition 2", "read"}
    assert started(rest, sender, *both).keys() == both


@row("1.2-15")
@pytest.mark.timeout(240)
def test_events_end_tasks(rest, sender, event, handle):
    details = {"workflowId": "${w}", "taskRefName": "a", "output": {"o": "${x}"}, "reasonForIncompletion": "told ${x}"}
    for action, condition in (("complete_task", "$.x > 5"), ("fail_task", "$.x < 5")):
        handle({"action": action, action: details}, condition=condition)
    handle({"action": "complete_task", "complete_task": {"taskId": "nothing"}})
    for value, status, reason in ((9, "COMPLETED", None), (3, "FAILED", "told 3")):
        workflow_id = rest("POST", "/workflow", {"name": sender, "input": {"x": value}}).data.decode()
        eventually(lambda each=workflow_id: rest("GET", f"/workflow/{each}").json()["status"] != "RUNNING", 90)
        sent, task = rest("GET", f"/workflow/{workflow_id}").json()["tasks"]
        assert (task["status"], task.get("reasonForIncompletion")) == (status, reason)
        marks = {"conductor.event.name": event, "conductor.event.messageId": sent["taskId"]}
        known = {"workflowId": workflow_id, "taskRefName": "a", "taskId": None}
        assert task["outputData"] == {**marks, **known, "o": value, "reasonForIncompletion": f"told {value}"}
