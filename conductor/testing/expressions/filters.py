"""The conditions in ``[?(…)]``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from conductor.testing.expressions.errors import PathError
from conductor.testing.expressions.literals import end_of_brackets, is_number, literal, split_outside
from conductor.testing.expressions.regular import Regular

Accepts = Callable[[Any, Any], bool]
"""Whether a value is accepted; the second argument is the whole document."""
Operand = Callable[[Any, Any], Any]


class Readable(Protocol):
    """A path."""

    def read(self, value: Any, document: Any = None) -> Any: ...
    def exists(self, value: Any, document: Any) -> bool: ...


ParsePath = Callable[[str], Readable]

_OPERATORS = re.compile(
    r"(===|!==|==|!=|<=|>=|=~|<|>|\b(?:in|nin|contains|size|empty|subsetof|anyof|noneof)\b)", re.IGNORECASE
)


def parse_filter(text: str, parse_path: ParsePath) -> Accepts:
    """The condition, which stands in parentheses. PathError if it cannot be read."""
    if not text.startswith("(") or end_of_brackets(text, 0) != len(text):
        raise PathError("a filter must stand in parentheses")
    return _either(text[1:-1], parse_path)


def _either(text: str, parse_path: ParsePath) -> Accepts:
    parts = [_both(part, parse_path) for part in split_outside(text, "||")]
    return lambda value, document: any(part(value, document) for part in parts)


def _both(text: str, parse_path: ParsePath) -> Accepts:
    parts = [_one(part.strip(), parse_path) for part in split_outside(text, "&&")]
    return lambda value, document: all(part(value, document) for part in parts)


def _one(text: str, parse_path: ParsePath) -> Accepts:
    if text.startswith("!"):
        inner = _one(text[1:].strip(), parse_path)
        return lambda value, document: not inner(value, document)
    if text.startswith("(") and end_of_brackets(text, 0) == len(text):
        return _either(text[1:-1], parse_path)
    sign, left, right = _relation(text)
    if sign is None:
        return _path_of(text, parse_path).exists
    compare, first = _COMPARISONS[sign], _operand(left, parse_path)
    if sign == "=~":
        pattern = Regular(right)
        return lambda value, document: compare(first(value, document), pattern)
    second = _operand(right, parse_path)
    return lambda value, document: compare(first(value, document), second(value, document))


def _relation(text: str) -> tuple[str | None, str, str]:
    """The operator and the texts on its sides. None: there is no operator outside of brackets and quotes."""
    for found in _OPERATORS.finditer(text):
        if len(split_outside(text[: found.end()], found[0])) > 1 and _is_word_apart(text, found):
            return found[0].lower(), text[: found.start()].strip(), text[found.end() :].strip()
    return None, text, ""


def _is_word_apart(text: str, found: re.Match[str]) -> bool:
    """Whether an operator that is a word has a blank before it, and so is no name in a path."""
    return not found[0].isalpha() or text[found.start() - 1 : found.start()].isspace()


def _path_of(text: str, parse_path: ParsePath) -> Readable:
    if text[:1] not in ("@", "$"):
        raise PathError("a condition must be a comparison or a path")
    return parse_path(text)


def _operand(text: str, parse_path: ParsePath) -> Operand:
    if text[:1] not in ("@", "$"):
        constant = literal(text)
        return lambda _value, _document: constant
    path, of_document = parse_path(text), text[0] == "$"

    def operand(value: Any, document: Any) -> Any:
        try:
            return path.read(document if of_document else value, document)
        except PathError:
            return None

    return operand


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, str) or is_number(value) else None
    except ValueError:
        return None


def _equal(left: Any, right: Any) -> bool:
    """A number equals a text that shows it."""
    if is_number(left) and isinstance(right, str):
        return bool(_number(right) == left)
    if isinstance(left, str) and is_number(right):
        return bool(_number(left) == right)
    return _same(left, right)


def _same(left: Any, right: Any) -> bool:
    is_bool = isinstance(left, bool), isinstance(right, bool)
    return bool(left == right) and is_bool[0] == is_bool[1]


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(left: Any, right: Any) -> bool:
        are_texts = isinstance(left, str) and isinstance(right, str)
        return (are_texts or (is_number(left) and is_number(right))) and compare(left, right)

    return compared


def _in(left: Any, right: Any) -> bool:
    return isinstance(right, list) and any(_equal(left, each) for each in right)


def _not_in(left: Any, right: Any) -> bool:
    return isinstance(right, list) and not _in(left, right)


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return _in(right, left)


def _has_size(left: Any, right: Any) -> bool:
    return isinstance(left, str | list) and len(left) == right


def _is_empty(left: Any, right: Any) -> bool:
    if isinstance(left, Mapping):
        raise PathError("an object cannot be empty")
    return isinstance(left, str | list) and (not left) is right


def _of_lists(compare: Callable[[Iterable[bool]], bool]) -> Callable[[Any, Any], bool]:
    """A comparison of two lists. compare: gets for each value of the first list whether the second one has it."""

    def compared(left: Any, right: Any) -> bool:
        return isinstance(left, list) and isinstance(right, list) and compare(_in(each, right) for each in left)

    return compared


def _matches(left: Any, pattern: Any) -> bool:
    return isinstance(left, str | int | float) and bool(pattern.matches(left if isinstance(left, str) else str(left)))


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "===": _same,
    "!==": lambda left, right: not _same(left, right),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "=~": _matches,
    "in": _in,
    "nin": _not_in,
    "contains": _contains,
    "size": _has_size,
    "empty": _is_empty,
    "subsetof": _of_lists(all),
    "anyof": _of_lists(any),
    "noneof": _of_lists(lambda found: not any(found)),
}
