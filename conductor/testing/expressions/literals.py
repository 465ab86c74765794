"""The ends of brackets, the constants inside of them, and the numbers among values."""

from __future__ import annotations

import json
import re
from typing import Any

from conductor.testing.expressions.errors import PathError

_OPEN, _CLOSE = "([{", ")]}"
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_REGULAR = re.compile(r"=~\s*/(?:[^/\\]|\\.)*/")
MOST_DEPTH = 100


def skip(text: str, position: int) -> int:
    """The place after the text in quotes, or the regular expression, that begins here; else the next character."""
    found = _QUOTED.match(text, position) or _REGULAR.match(text, position)
    return found.end() if found else position + 1


def end_of_brackets(text: str, position: int) -> int:
    """The place after the bracket that closes the one here. PathError if there is none."""
    depth = 0
    while position < len(text):
        depth += (text[position] in _OPEN) - (text[position] in _CLOSE)
        if depth > MOST_DEPTH:
            break
        position = skip(text, position)
        if depth == 0:
            return position
    raise PathError("a bracket is not closed")


def split_outside(text: str, separator: str) -> list[str]:
    """The parts of the text between the separators that stand in no bracket and in no quotes."""
    parts, begin, position, depth = [], 0, 0, 0
    while position < len(text):
        if depth == 0 and text.startswith(separator, position):
            parts.append(text[begin:position])
            begin = position = position + len(separator)
            continue
        depth += (text[position] in _OPEN) - (text[position] in _CLOSE)
        position = skip(text, position)
    return [*parts, text[begin:]]


def split_arguments(text: str) -> list[str]:
    return [each.strip() for each in split_outside(text, ",")] if text.strip() else []


def literal(text: str) -> Any:
    """The constant: a text in quotes of either kind, a number, true, false, null, or a list or an object of these."""
    try:
        return json.loads(_QUOTED.sub(_as_json, text))
    except (ValueError, RecursionError):
        raise PathError("no constant") from None


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_json(quoted: re.Match[str]) -> str:
    text = quoted[0]
    return text if text[0] == '"' else json.dumps(re.sub(r"\\(.)", r"\1", text[1:-1]))
