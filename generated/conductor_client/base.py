"""What all models share."""

from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, TypeVar, overload

import msgspec

if TYPE_CHECKING:
    from .models.workflow_task_type import WorkflowTaskType, WorkflowTaskTypeText

    TaskType: TypeAlias = WorkflowTaskType | WorkflowTaskTypeText
    """The type of a step. ``WorkflowTaskType("MINE")`` is a type that only some servers know."""
else:
    TaskType = str  # a server may have others

INT64 = range(-(2**63), 2**63)
Int64 = Annotated[int, msgspec.Meta(ge=INT64.start, le=INT64.stop - 1)]
"""A whole number as the server has it; a longer one is none."""

LONGEST_NAME = 100
"""Characters of a value of an enum."""

_SECRETS = frozenset({"input", "output", "runtime_metadata", "key_id", "key_secret", "token"})


class Model(msgspec.Struct, rename="camel", omit_defaults=True):
    """A type of the document. Its repr leaves out payloads, secrets, and members that hold their default."""

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # A map of anything is a payload, or payloads are made from it.
        fields = (field for field in msgspec.structs.fields(self) if field.type not in (Any, dict[str, Any]))
        members = [(field, getattr(self, field.name)) for field in fields if field.name not in _SECRETS]
        return [(field.name, value) for field, value in members if not is_default(field, value)]


class Definition(Model, kw_only=True):
    """A model that is read, changed and sent again.

    unknown_members: by name on the wire, what came in it beside the members of this class, or in a form that they do
    not take. It is sent again in its place, unless a member of this class has been set to something else.
    """

    unknown_members: dict[str, Any] = msgspec.field(default_factory=dict)

    @classmethod
    def from_json(cls, text_or_path: str | PathLike[str]) -> Self:
        """Read one as on the wire: JSON as a text that begins with a brace, or the path of a file.

        An error names each unknown key, with the nearest known one, and each value that cannot be.
        """
        return read_definition(cls, text_or_path)  # noqa: F821 - declared below, without a value


T = TypeVar("T")


class Delivered(Model):
    """A model with the input of a worker function."""

    @overload
    def input_as(self, input_type: type[T]) -> T: ...
    @overload
    def input_as(self, input_type: Any) -> Any: ...  # such as int | None, which is no class
    def input_as(self, input_type: Any) -> Any:
        """The input as a value of this type: a dataclass, a TypedDict, a model of pydantic, dict[str, int], ….

        A worker function takes the same values as parameters with annotations. An input that does not fit raises
        InvalidInputError, which says where. If a worker function does not catch it, the server does not retry the task.
        """
        return read_input(self, input_type)  # noqa: F821 - declared below, without a value


read_definition: Callable[[type[T], str | PathLike[str]], T]
"""Reads what somebody wrote, for ``from_json``: set by the package that uses this one, whose errors it raises."""

read_input: Callable[[Any, Any], Any]
"""Converts the input of a task to a type, for ``input_as``: set in the same way."""


def is_default(field: msgspec.structs.FieldInfo, value: Any) -> bool:
    """As msgspec sees it, which does not send such a member."""
    if field.default is not msgspec.NODEFAULT:
        return type(value) is type(field.default) and bool(value == field.default)
    return field.default_factory in (list, dict) and type(value) is field.default_factory and not value
