"""The size and the depth of JSON values, and the refusal of those that are nested too deep."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from conductor.testing.engine.records.refusals import Refusal

MOST_LEVELS = 100  # levels of a definition; the server takes 1,000
_MOST_PAYLOAD_LEVELS = 800  # levels; the server takes 1,000. Python 3.13 would write ten times as many, slowly
_DEPTH_RESERVE = 100
_NEVER_DEEP = 200  # with fewer brackets than this, it cannot be too deep

as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def payload_size(payload: Any) -> int | None:
    """The bytes of the payload as JSON. None: it has too many levels to be written inside of a task or a workflow."""
    wrapped = payload
    try:
        text = as_json(payload)
        if text.count("{") + text.count("[") >= _NEVER_DEEP:
            if _is_deeper(payload, _MOST_PAYLOAD_LEVELS):
                return None
            for _ in range(_DEPTH_RESERVE):
                wrapped = [wrapped]
            as_json(wrapped)
    except RecursionError:
        return None
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def check_depth(given: Any) -> None:
    """Refuse a payload with too many levels, as the server does. Refusal 500."""
    if payload_size(given) is None:
        raise Refusal(500, "JSON parse error: Document nesting depth exceeds the maximum allowed")


def check_definition_depth(given: Any) -> None:
    """Refuse a definition of over MOST_LEVELS, because it is read often, a level at a time. Refusal 400."""
    if _is_deeper(given, MOST_LEVELS):
        raise Refusal(400, f"the embedded server takes definitions of at most {MOST_LEVELS} levels of nesting")


def _is_deeper(given: Any, levels: int) -> bool:
    level = [given]
    for _ in range(levels):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
