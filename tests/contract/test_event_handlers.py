"""Event handlers: registered, read, changed and removed, on both servers."""

import pytest
from contract.rows import row


@pytest.fixture
def handler(name):
    action = {"action": "start_workflow", "start_workflow": {"name": name, "input": {"a": "${b}"}}}
    return {"name": name, "event": f"conductor:{name}:x", "actions": [action], "active": True}


@row("1.2-14")
def test_a_handler_is_kept_changed_and_removed(rest, name, handler):
    answer = rest("POST", "/event", handler)
    assert (answer.status, answer.data) == (200, b"")
    stored = {**handler, "actions": [{**handler["actions"][0], "expandInlineJSON": False}]}
    assert rest("GET", f"/event/{handler['event']}").json() == [stored]
    assert stored in rest("GET", "/event").json()
    task = {"action": "fail_task", "fail_task": {"taskId": "t"}, "expandInlineJSON": True}
    changed = {**handler, "actions": [task], "condition": "true", "evaluatorType": "javascript"}
    del changed["active"]
    assert rest("PUT", "/event", changed).status == 200
    assert rest("GET", f"/event/{handler['event']}").json() == []  # it is not active
    (found,) = rest("GET", f"/event/{handler['event']}", activeOnly="false").json()
    filled = [{**task, "fail_task": {"taskId": "t", "output": {}}}]
    assert found == {**changed, "actions": filled, "active": False}
    assert rest("DELETE", f"/event/{name}").status == 200
    assert rest("GET", f"/event/{handler['event']}", activeOnly="false").json() == []


@row("1.2-14")
def test_a_handler_is_registered_once_and_changed_only_if_it_is(rest, name, handler):
    for method, path, body in (("PUT", "/event", handler), ("DELETE", f"/event/{name}", None)):
        answer = rest(method, path, body)
        assert (answer.status, answer.json()["message"]) == (500, f"EventHandler with name {name} not found!")
    assert rest("POST", "/event", handler).status == 200
    answer = rest("POST", "/event", handler)
    assert (answer.status, answer.json()["message"]) == (500, f"EventHandler with name {name} already exists!")
    assert rest("DELETE", f"/event/{name}").status == 200


@row("1.2-14")
@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("name", "Missing event handler name"),
        ("event", "Missing event location"),
        ("actions", "No actions specified. Please specify at-least one action"),
    ],
)
def test_a_handler_needs_a_name_an_event_and_actions(rest, handler, member, message):
    del handler[member]
    answer = rest("POST", "/event", handler)
    assert answer.status == 400
    assert answer.json()["validationErrors"] == [{"path": f"addEventHandler.arg0.{member}", "message": message}]
    assert rest("PUT", "/event", handler).json()["validationErrors"][0]["path"] == f"updateEventHandler.arg0.{member}"
