"""The list over which a DO_WHILE may run, one item an iteration."""

from __future__ import annotations

from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.kind import Making
from conductor.testing.engine.tasks.strict_inputs import ITEMS


def is_over_items(step: Wire) -> bool:
    """Whether the loop runs over a list."""
    if str(step.get("items") or "").strip():
        return True
    given = step["inputParameters"].get(ITEMS)
    return bool(given.strip()) if isinstance(given, str) else isinstance(given, list)


def items_of(making: Making, loop: TaskRecord) -> list[Any]:
    """The list as it is now. A single value is a list of one, nothing is an empty one."""
    step = loop.workflow_task
    found = making.filled(step["items"], loop.task_id) if str(step.get("items") or "").strip() else None
    if found is None:
        found = making.input_of(loop).get(ITEMS)
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def item_of(items: list[Any], iteration: int) -> Wire:
    """The values of ``loopIndex`` and ``loopItem`` in an iteration."""
    index = iteration - 1
    return {"loopIndex": index, "loopItem": items[index]} if index < len(items) else {"loopIndex": index}
