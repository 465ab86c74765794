"""The registered event handlers: calls under ``/event``."""

from __future__ import annotations

from collections.abc import Iterator

from conductor.testing.engine.records.records import Wire
from conductor.testing.engine.records.refusals import Refusal, problem, refuse
from conductor.testing.engine.records.sizes import check_definition_depth
from conductor.testing.engine.state.state import State
from conductor.testing.scripts import EngineMissingError, javascript_engine

EVENTS = "conductor:"
"""The beginning of the events that come from workflows of the server itself."""
_RUN = frozenset({"start_workflow", "complete_task", "fail_task"})
_NOT_RUN = ("start_agent", "terminate_workflow", "update_workflow_variables")


class EventHandlers:
    """Registers, reads and removes event handlers."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._handlers: dict[str, Wire] = {each["name"]: each for each in state.store.event_handlers.all()}

    def add(self, handler: Wire) -> None:
        """Refusal 400; 500 if the name is taken."""
        with self._state.transaction():
            handler = _normalised(handler, "addEventHandler.arg0")
            if handler["name"] in self._handlers:
                raise Refusal(500, f"EventHandler with name {handler['name']} already exists!")
            self._put(handler)

    def update(self, handler: Wire) -> None:
        """Refusal 400; 500 if there is none of this name."""
        with self._state.transaction():
            handler = _normalised(handler, "updateEventHandler.arg0")
            self._check_known(handler["name"])
            self._put(handler)

    def remove(self, name: str) -> None:
        """Refusal 500: there is none of this name."""
        with self._state.transaction():
            self._check_known(name)
            del self._handlers[name]
            self._state.store.event_handlers.delete(name)

    def all(self) -> list[Wire]:
        with self._state.transaction():
            return list(self._handlers.values())

    def of_event(self, event: str, active_only: bool = True) -> list[Wire]:
        """The handlers of an event."""
        return [each for each in self.all() if each["event"] == event and (each["active"] or not active_only)]

    def _check_known(self, name: str) -> None:
        if name not in self._handlers:
            raise Refusal(500, f"EventHandler with name {name} not found!")

    def _put(self, handler: Wire) -> None:
        self._handlers[handler["name"]] = handler
        self._state.store.event_handlers.save(handler)


def _normalised(handler: Wire, path: str) -> Wire:
    check_definition_depth(handler)
    refuse(list(_problems(handler, path)))
    return {"active": False, **handler, "actions": [_normalised_action(each) for each in handler["actions"]]}


def _normalised_action(action: Wire) -> Wire:
    details: Wire = {name: {"output": {}, **action[name]} for name in ("complete_task", "fail_task") if name in action}
    return {"expandInlineJSON": False, **action, **details}


def _problems_of_condition(evaluator: str | None, path: str) -> Iterator[Wire]:
    if evaluator == "python":
        yield problem(path, "the embedded server does not run Python")
    elif evaluator != "value-param":
        try:
            javascript_engine()
        except EngineMissingError as error:
            yield problem(path, str(error))


def _problems(handler: Wire, path: str) -> Iterator[Wire]:
    if not handler.get("name"):
        yield problem(f"{path}.name", "Missing event handler name", handler.get("name"))
    if not handler.get("event"):
        yield problem(f"{path}.event", "Missing event location", handler.get("event"))
    elif not handler["event"].startswith(EVENTS):
        yield problem(
            f"{path}.event", f"the embedded server has only events that begin with {EVENTS}", handler["event"]
        )
    if not handler.get("actions"):
        yield problem(f"{path}.actions", "No actions specified. Please specify at-least one action")
    if handler.get("condition"):
        yield from _problems_of_condition(handler.get("evaluatorType"), f"{path}.condition")
    for position, action in enumerate(handler.get("actions") or ()):
        given = [action.get("action"), *(name for name in _NOT_RUN if name in action)]
        for name in dict.fromkeys(given):
            if name not in _RUN:
                text = f"the embedded server does not run the action {name}; it runs {', '.join(sorted(_RUN))}"
                yield problem(f"{path}.actions[{position}]", text, name)
