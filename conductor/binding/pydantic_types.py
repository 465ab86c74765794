"""Converts JSON values with pydantic.

A type can only be pydantic's where that library is loaded, except for the constraints of annotated_types. These are
pydantic's also where it is not loaded yet, because a worker must not depend on the imports of other modules.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from inspect import formatannotation
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from conductor.binding.misfit import REFUSED, DoesNotFitError, path_step, word_for
from conductor.binding.other_spellings import NOTHING
from conductor.binding.type_names import is_alias_of_pydantic
from conductor.errors import ConfigurationError

_LIBRARIES = frozenset({"pydantic", "annotated_types"})
_NOT_READ = frozenset({"computed_fields", "default", "metadata", "serialization"})
"""Members of pydantic's schemas that say nothing about the JSON that is read."""
_SHOW_VALUES = frozenset(
    {
        *("base64_decode", "bytes_invalid_encoding", "byte_size_unit", "import_error", "json_invalid"),
        *("time_parsing", "timezone_offset", "url_syntax_violation", "zoneinfo_str"),
    }
)
"""pydantic's names for problems whose messages may end with a part of the value."""


def is_of_pydantic(kind: Any) -> bool:
    """Whether the type is made with pydantic, or of such types: ``list[Model]``, ``Annotated[int, Field(gt=0)]``."""
    if sys.modules.keys().isdisjoint(_LIBRARIES):
        return False
    if is_alias_of_pydantic(kind):
        return True
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return "__pydantic_validator__" in vars(kind)
    if getattr(kind, "__get_pydantic_core_schema__", None) is not None:
        return True
    if get_origin(kind) is Annotated and any(map(is_constraint, get_args(kind)[1:])):
        return True
    return any(map(is_of_pydantic, get_args(kind)))


def is_pydantic_structure(kind: Any) -> bool:
    """Whether JSON writes a value of the type as an object."""
    import pydantic  # noqa: PLC0415 - not needed where it is not installed

    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return any(map(is_pydantic_structure, get_args(kind)))
    if origin is Annotated:
        return is_pydantic_structure(get_args(kind)[0])
    if (content := content_of(kind)) is not kind:
        return is_pydantic_structure(content)
    base = origin or kind
    if not isinstance(base, type):
        return False
    return issubclass(base, pydantic.BaseModel | Mapping) or dataclasses.is_dataclass(base)


def content_of(kind: Any) -> Any:
    """The type of the value that a RootModel stands for. Any other type itself."""
    import pydantic  # noqa: PLC0415 - not needed where it is not installed

    is_root = isinstance(kind, type) and issubclass(kind, pydantic.RootModel)
    return kind.__pydantic_fields__["root"].annotation if is_root else kind


def is_constraint(metadata: Any) -> bool:
    library = type(metadata).__module__.partition(".")[0]
    return library in _LIBRARIES or is_of_pydantic(metadata)


def pydantic_converter(kind: Any) -> Callable[[Any], Any]:
    """A function that validates a JSON value as pydantic does. It raises DoesNotFitError."""
    try:
        import pydantic  # noqa: PLC0415 - not needed where it is not installed
    except ImportError:
        problem = "annotated_types needs pydantic, which is not installed. Without it use msgspec.Meta"
        raise ConfigurationError(f"JSON cannot be read as {formatannotation(kind)}: {problem}") from None

    try:
        adapter = pydantic.TypeAdapter(kind)
        # The attribute does not exist while names in the annotations are not found.
        validate = adapter.validator.validate_json
    except (pydantic.errors.PydanticUserError, NameError, ImportError) as error:
        raise ConfigurationError(f"JSON cannot be read as {formatannotation(kind)}: {error}") from error
    if _has_unclear_bytes(adapter.core_schema, {}):
        problem = "pydantic reads bytes as text, while outputs hold bytes in base64"
        advice = "Set val_json_bytes in the model's config, to 'base64' or 'utf8'; without a model use msgspec.Meta"
        raise ConfigurationError(f"JSON cannot be read as {formatannotation(kind)}: {problem}. {advice}")

    def convert(value: Any) -> Any:
        if value is NOTHING:
            raise DoesNotFitError("$", in_words(kind), "nothing")
        try:
            return validate(msgspec.json.encode(value))
        except pydantic.ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
            raise _first_misfit(kind, value, problems) from None

    return convert


def _has_unclear_bytes(schema: Any, config: Mapping[str, Any]) -> bool:
    """Whether a schema of pydantic reads bytes in its usual way, which no config has chosen.

    config: of the class around.
    """
    if isinstance(schema, list | tuple):
        return any(_has_unclear_bytes(each, config) for each in schema)
    if not isinstance(schema, dict):
        return False
    kind = schema.get("type")
    if not isinstance(kind, str):  # a mapping of fields by name
        return _has_unclear_bytes([*schema.values()], config)
    config = schema.get("config", config)
    if kind in ("function-before", "function-wrap") and schema["schema"]["type"] == "bytes":
        return False
    if kind == "lax-or-strict":  # a secret or a path holds no plain bytes; an OrderedDict is written as a dict
        return _has_unclear_bytes(schema.get("serialization", {}).get("schema"), config)
    if kind == "bytes":
        return "val_json_bytes" not in config
    return _has_unclear_bytes([each for name, each in schema.items() if name not in _NOT_READ], config)


def _first_misfit(kind: Any, value: Any, problems: Sequence[Any]) -> DoesNotFitError:
    """The first place that does not fit, with all that the types of a union expect there."""
    first = _misfit(kind, value, problems[0])
    expected = []
    elsewhere = set()  # the types of a union that do not fit at another place before
    for each in problems:
        misfit, within = _misfit(kind, value, each), each["loc"][:-1]
        if misfit.path != first.path:
            elsewhere.add(within)
        elif misfit.got == first.got and within not in elsewhere:
            expected.append(misfit.expected)
    return DoesNotFitError(first.path, " or ".join(dict.fromkeys(expected)), first.got) if first.got else first


def _misfit(kind: Any, value: Any, problem: Any) -> DoesNotFitError:
    path, found = _place(value, problem["loc"], is_missing=problem["type"] == "missing")
    message = problem["msg"]
    if problem["type"] in _SHOW_VALUES:
        message = re.split(r"[:,]", message)[0]
    if problem["type"] == "missing":
        return DoesNotFitError(path, in_words(_type_at(kind, problem["loc"])), "nothing")
    if problem["type"] in ("value_error", "assertion_error"):
        own = problem.get("ctx", {}).get("error")
        return DoesNotFitError(path, (str(own) if own is not None else message.partition(":")[0]) or REFUSED, "")
    if problem["type"] == "union_tag_invalid":  # its message shows the value
        return DoesNotFitError(path, f"a tag of {problem['ctx']['expected_tags']}", word_for(found))
    if problem["type"] == "union_tag_not_found":
        return DoesNotFitError(path, f"a tag in {problem['ctx']['discriminator']}", word_for(found))
    if message.startswith("Input should be "):
        return DoesNotFitError(path, _expected(message.removeprefix("Input should be ")), word_for(found))
    return DoesNotFitError(path, f"{message}, got {word_for(found)}", "")


def _type_at(kind: Any, steps: Sequence[str | int]) -> Any:
    """The annotation of the field at the end of these steps of pydantic. Any if it is not known."""
    for step in steps:
        kind = _type_below(kind, step)
    return kind


def _type_below(kind: Any, step: str | int) -> Any:
    """The annotation one step below a type. In a union a step names one of its types, or the tag of one."""
    kind = content_of(get_args(kind)[0] if get_origin(kind) is Annotated else kind)
    fields = getattr(kind, "__pydantic_fields__", {})
    inner = [each for each in get_args(kind) if each is not NoneType]
    if get_origin(kind) is tuple and isinstance(step, int):
        inner = inner[: 1 if Ellipsis in inner else step + 1]
    if get_origin(kind) not in (Union, UnionType):
        found = [each.annotation for name, each in fields.items() if step in (name, each.alias, each.validation_alias)]
        return [Any, *inner[-1:], *found][-1]
    if len(inner) == 1:
        return _type_below(inner[0], step)
    return next((each for each in inner if step == name_of(each) or _has_tag(each, step)), Any)


def _has_tag(kind: Any, tag: str | int) -> bool:
    annotations = [each.annotation for each in getattr(kind, "__pydantic_fields__", {}).values()]
    return any(get_origin(each) is Literal and tag in get_args(each) for each in annotations)


def name_of(kind: Any) -> str:
    """The type in a word."""
    name: str = getattr(kind, "__name__", None) or formatannotation(kind)
    return "a value" if kind is Any else name


def in_words(kind: Any) -> str:
    """The type in words, as msgspec's types are described."""
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin is Annotated:
        return in_words(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(map(in_words, arguments))
    if origin is Literal:
        return f"one of {', '.join(map(repr, arguments))}"
    if origin in (list, tuple, set, frozenset):
        return "array"
    return {dict: "object", NoneType: "null"}.get(origin) or name_of(kind)


def _expected(text: str) -> str:
    if text.startswith("a valid "):
        return text.partition(", ")[0]  # what follows may show a part of the value
    return f"a value {text}" if text.startswith(("greater", "less")) else text


def _place(value: Any, steps: Sequence[str | int], *, is_missing: bool) -> tuple[str, Any]:
    """The path and the value there. Some of pydantic's steps name a type, and lead to no other value."""
    path = "$"
    for number, step in enumerate(steps, 1):
        is_item = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if is_item or (isinstance(value, dict) and step in value):
            value = value[step]
        elif is_missing and number == len(steps):
            value = NOTHING
        else:
            continue
        path += path_step(step)
    return path, value
