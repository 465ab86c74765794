"""The functions at the end of a path, such as ``.length()``. Their arguments are read only if they are needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from conductor.testing.expressions.errors import PathError
from conductor.testing.expressions.literals import is_number

Arguments = Callable[[], list[Any]]
Function = Callable[[Any, Arguments], Any]


def _all(value: Any, arguments: Arguments) -> list[Any]:
    """The values of a list, and the arguments, of which a list counts as its values."""
    given = [value if isinstance(value, list) else [], *arguments()]
    return [each for part in given for each in (part if isinstance(part, list) else [part])]


def _of_numbers(compute: Callable[[list[float]], float]) -> Function:
    """A function of the numbers in a list and among the arguments. PathError if there are none."""

    def function(value: Any, arguments: Arguments) -> float:
        numbers = [float(each) for each in _all(value, arguments) if is_number(each)]
        if not numbers:
            raise PathError("no number")
        return compute(numbers)

    return function


def _average(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def _deviation(numbers: list[float]) -> float:
    return math.sqrt(sum(each * each for each in numbers) / len(numbers) - _average(numbers) ** 2)


def _length(value: Any, _: Arguments) -> int | None:
    return len(value) if isinstance(value, list | Mapping) else None


def _keys(value: Any, _: Arguments) -> list[str] | None:
    return list(value) if isinstance(value, Mapping) else None


def _concatenate(value: Any, arguments: Arguments) -> str:
    return "".join(each for each in _all(value, arguments) if isinstance(each, str))


def _append(value: Any, arguments: Arguments) -> Any:
    return [*_list(value), *arguments()] if isinstance(value, list) else value


def _index(value: Any, arguments: Arguments) -> Any:
    return _item(value, *arguments())


def _first(value: Any, _: Arguments) -> Any:
    return _item(value, 0)


def _last(value: Any, _: Arguments) -> Any:
    return _item(value, -1)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise PathError("no list")
    return value


def _item(value: Any, index: Any) -> Any:
    values = _list(value)
    if not isinstance(index, int) or not -len(values) <= index < len(values):
        raise PathError("no such index")
    return values[index]


FUNCTIONS: Mapping[str, Function] = {
    "min": _of_numbers(min),
    "max": _of_numbers(max),
    "avg": _of_numbers(_average),
    "sum": _of_numbers(sum),
    "stddev": _of_numbers(_deviation),
    "length": _length,
    "size": _length,
    "keys": _keys,
    "concat": _concatenate,
    "append": _append,
    "index": _index,
    "first": _first,
    "last": _last,
}
