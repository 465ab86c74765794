"""The members of event handlers, each with two values that differ in ``support.observed.World``."""

from support.observed import MISSING, given

START = {"name": "flow"}
DETAILS = {"workflowId": "w", "taskRefName": "a"}


def _add(world, handler):
    world.ask("POST", "/event", {"name": "h", "event": "conductor:f:e", "active": True, **handler})


def _pair(schema, member, one, two, handler):
    """handler: takes the members, and gives the handler around them."""
    acts = [lambda world, value=value: _add(world, handler(given(**{member: value}))) for value in (one, two)]
    return (schema, member), acts


def _start(members):
    return {"actions": [{"action": "start_workflow", "start_workflow": {**START, **members}}]}


def _complete(members):
    return {"actions": [{"action": "complete_task", "complete_task": {**DETAILS, **members}}]}


def _handler(members):
    return {**_start({}), **members}


def _action(members):
    return {"actions": [{"action": "start_workflow", "start_workflow": START, **members}]}


def _rows():
    yield _pair("EventHandler", "name", "h", "i", _handler)
    yield _pair("EventHandler", "event", "conductor:f:e", "conductor:f:x", _handler)
    yield _pair("EventHandler", "actions", _start({})["actions"], _complete({})["actions"], _handler)
    yield _pair("EventHandler", "active", False, True, _handler)
    yield _pair("EventHandler", "condition", MISSING, "false", _handler)
    yield _pair("EventHandler", "evaluatorType", MISSING, "javascript", _handler)
    yield _pair("Action", "action", "start_workflow", "terminate_workflow", _action)
    yield _pair("Action", "start_workflow", {"name": "flow"}, {"name": "child"}, _action)
    yield _pair("Action", "complete_task", MISSING, DETAILS, _action)
    yield _pair("Action", "fail_task", MISSING, DETAILS, _action)
    yield _pair("Action", "expandInlineJSON", False, True, _action)
    for member, value in (("name", "child"), ("version", 2), ("correlationId", "c"), ("input", {"n": 1})):
        yield _pair("StartWorkflow", member, MISSING, value, _start)
    yield _pair("StartWorkflow", "taskToDomain", MISSING, {"b": "d"}, _start)
    for member in ("workflowId", "taskId", "taskRefName", "reasonForIncompletion"):
        yield _pair("TaskDetails", member, MISSING, "x", _complete)
    yield _pair("TaskDetails", "output", MISSING, {"o": 1}, _complete)


EFFECTS = dict(_rows())

REFUSED = {
    ("Action", name): {"name": "h", "event": "conductor:f:e", "actions": [{"action": name, name: {}}]}
    for name in ("start_agent", "terminate_workflow", "update_workflow_variables")
}
"""Members of actions that the real server does not run either, in the body of a handler."""
