"""Hides secrets, also in texts of the server, because the server may repeat a secret that it was sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn, Protocol, Self, SupportsIndex
from urllib.parse import quote

import msgspec

LONGEST_MESSAGE = 200  # characters of a text that are shown
LONGEST_READ = 10_000  # characters of it in which secrets are looked for
SHORTEST_SECRET = 8  # characters of a word in a header; a shorter one may be any word

# words that distinguish errors; none of them is a secret.
_TELLING = re.compile("error|found|json|method|not|parse|post|request|such|supported|task|workflow", re.IGNORECASE)


class Secret(str):
    """A text with a repr that does not show it, because tools print the variables of frames. ``str()`` is the text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __getitem__(self, key: SupportsIndex | slice) -> Secret:
        """A part is a Secret too, because some tools show the beginning of a long text."""
        return Secret(super().__getitem__(key))


def kind_of(value: object) -> str:
    """The name of the value's type. A type may stand in for a value that may be a secret."""
    return (value if isinstance(value, type) else type(value)).__name__


class SecretBytes(bytes):
    """Bytes with a repr that does not show them."""

    def __repr__(self) -> str:
        return "b'***'"


class Unpicklable:
    """Holds secrets, which must not travel in pickles. ``copy.copy`` works."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} cannot be pickled, since it holds secrets: "
            "make a new one in the other process, from its environment"
        )

    def __copy__(self) -> Self:
        copied = object.__new__(type(self))
        vars(copied).update(vars(self))
        return copied


class Shown(Protocol):
    def __call__(self, text: str, /, longest: int = LONGEST_MESSAGE) -> str: ...


def redactor(secrets: Iterable[str], header_values: Iterable[str]) -> Shown:
    """Make a function that returns the beginning of a text as one line without the secrets.

    Secrets are also found in the form that they have in JSON and in URLs.
    """
    words = set(secrets)
    for value in header_values:
        parts = (value, *(word for word in value.split() if not word.isalpha()))
        words.update(part for part in parts if len(part) >= SHORTEST_SECRET)
    words = {str(word) for word in words if not _TELLING.fullmatch(word)}
    forms = {form for word in words for form in (word, _in_json(word), quote(word, safe=""))} - {""}
    # The longest first, because a secret may contain another. A short one may also be a part of any word.
    found = sorted(map(re.escape, forms), key=len, reverse=True)
    pattern = "|".join(each if len(each) >= SHORTEST_SECRET else rf"(?<!\w){each}(?!\w)" for each in found)

    def shown(text: str, /, longest: int = LONGEST_MESSAGE) -> str:
        text = re.sub(pattern, "***", text[:LONGEST_READ]) if pattern else text
        return "".join(each if each.isprintable() else " " for each in text[:longest])

    return shown


def _in_json(text: str) -> str:
    return msgspec.json.encode(text).decode()[1:-1]
