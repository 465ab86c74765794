"""The actions of event handlers when an event comes: they start a workflow, or end a task (3.32.3)."""

from __future__ import annotations

import json
from typing import Any

from conductor.testing.engine.calls.event_handlers import EventHandlers
from conductor.testing.engine.calls.tasks import Tasks
from conductor.testing.engine.calls.workflows import Workflows
from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.records.refusals import Refusal
from conductor.testing.engine.state.state import State
from conductor.testing.expressions import fill
from conductor.testing.scripts import EngineMissingError, ScriptError, Scripts, TimeLimitError

_STATUSES = {"complete_task": "COMPLETED", "fail_task": "FAILED"}


class EventActions:
    """Does the actions of the handlers of an event. One that fails does not stop the others; the page shows it."""

    def __init__(self, state: State, handlers: EventHandlers, workflows: Workflows, tasks: Tasks) -> None:
        self._state = state
        self._handlers = handlers
        self._workflows = workflows
        self._tasks = tasks

    def __call__(self, event: str, message_id: str, payload: Wire) -> None:
        """message_id: the id of the task that has sent the event. payload: the content of the event."""
        marks = {"conductor.event.messageId": message_id, "conductor.event.name": event}
        for handler in self._handlers.of_event(event):
            try:
                actions = handler["actions"] if _holds(handler, payload, self._state.scripts) else []
            except (ScriptError, TimeLimitError, EngineMissingError) as error:
                self._note(handler, str(error))
                continue
            for action in actions:
                self._do(handler, action, payload, marks)

    def _do(self, handler: Wire, action: Wire, payload: Wire, marks: Wire) -> None:
        content = _expanded(payload) if action["expandInlineJSON"] else payload
        kind = action["action"]
        details = action.get(kind) or {}
        try:
            if kind == "start_workflow":
                self._start(details, content, marks)
            else:
                self._end(details, _STATUSES[kind], content, marks)
        except Refusal as refusal:
            self._note(handler, refusal.message)

    def _start(self, details: Wire, content: Wire, marks: Wire) -> None:
        domains = details.get("taskToDomain")
        if domains is None:
            domains = fill("${taskToDomain}", content)
        request = {
            "name": details.get("name"),
            "version": details.get("version"),
            "correlationId": fill(details.get("correlationId"), content),
            "taskToDomain": domains or {},
            "input": {**fill(details.get("input") or {}, content), **marks},
        }
        with self._state.transaction():
            workflow = self._state.workflow(self._workflows.start(request))
            workflow.wire["event"] = marks["conductor.event.name"]
            self._state.save_workflow(workflow)

    def _end(self, details: Wire, status: str, content: Wire, marks: Wire) -> None:
        names = ("workflowId", "taskId", "taskRefName", "reasonForIncompletion")
        output = fill({**{name: details.get(name) for name in names}, **details["output"]}, content)
        task = self._task(output["taskId"], output["workflowId"], output["taskRefName"])
        if task is None:
            text = f"No task found with taskId: {output['taskId']}, reference name: {output['taskRefName']}"
            raise Refusal(404, f"{text}, workflowId: {output['workflowId']}")
        result = {name: task.wire.get(name) for name in ("taskId", "workflowInstanceId", "workerId", "subWorkflowId")}
        result |= {"status": status, "outputData": {**output, **marks}}
        if status == "FAILED":
            result["reasonForIncompletion"] = output["reasonForIncompletion"]
        self._tasks.update(result)

    def _task(self, task_id: Any, workflow_id: Any, ref: Any) -> TaskRecord | None:
        """By its id, or else by its workflow and reference name; in a loop that of the latest iteration."""
        if task_id:
            found = self._state.find_task(str(task_id))
            return None if found is None else found[1]
        if not (workflow_id and ref):
            return None
        tasks = [task for task in self._state.workflow(str(workflow_id)).tasks if ref in {task.ref, task.base_ref}]
        return max(tasks, key=lambda task: int(task.wire["iteration"]), default=None)

    def _note(self, handler: Wire, message: str) -> None:
        self._state.note_error(500, f"event handler {handler['name']}: {message}")


def _holds(handler: Wire, payload: Wire, scripts: Scripts) -> bool:
    """Whether the condition of a handler is true. Texts are not."""
    condition = handler.get("condition")
    if not condition:
        return True
    if handler.get("evaluatorType") == "value-param":
        value = payload.get(condition)
    else:
        value = scripts.evaluate(condition, _expanded(payload)).value
    return value if isinstance(value, bool) else isinstance(value, int | float) and value > 0


def _expanded(value: Any) -> Any:
    """The value with texts of JSON read, in objects and in objects of lists."""
    if isinstance(value, dict):
        return {name: _read(each) if isinstance(each, str) else _expanded(each) for name, each in value.items()}
    return [_expanded(each) for each in value] if isinstance(value, list) else value


def _read(text: str) -> Any:
    """The value of a text that is an object or a list of JSON."""
    if text.strip()[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
