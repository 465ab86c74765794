"""Secrets, and how an error shows a text from outside: the server may repeat a secret that it was sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol, SupportsIndex
from urllib.parse import quote

import msgspec

LONGEST_MESSAGE = 200  # characters of a text that are shown
LONGEST_READ = 10_000  # characters of it in which secrets are looked for
SHORTEST_SECRET = 8  # characters of a header's word; what is shorter may be any word

# Words by which errors are told apart; none of them is a secret.
_TELLING = re.compile("error|found|json|method|not|parse|post|request|such|supported|task|workflow", re.IGNORECASE)


class Secret(str):
    """A text whose repr does not show it: tools print the variables of an error's frames. ``str()`` is the text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __getitem__(self, key: SupportsIndex | slice) -> Secret:
        """A part of it is one too: some tools show the beginning of a long text."""
        return Secret(super().__getitem__(key))


def kind_of(value: object) -> str:
    """The name of its type; of a type, which stands in for a value that may be a secret, its own name."""
    return (value if isinstance(value, type) else type(value)).__name__


class SecretBytes(bytes):
    """Bytes whose repr does not show them."""

    def __repr__(self) -> str:
        return "b'***'"


class Shown(Protocol):
    def __call__(self, text: str, /, longest: int = LONGEST_MESSAGE) -> str: ...


def redactor(secrets: Iterable[str], header_values: Iterable[str]) -> Shown:
    """A function: the beginning of a text as one line, without the secrets, also as JSON or a URL would write them."""
    words = set(secrets)
    for value in header_values:
        parts = (value, *(word for word in value.split() if not word.isalpha()))
        words.update(part for part in parts if len(part) >= SHORTEST_SECRET)
    words = {str(word) for word in words if not _TELLING.fullmatch(word)}
    forms = {form for word in words for form in (word, _in_json(word), quote(word, safe=""))} - {""}
    # The longest first, since one may hold another; what is short may also be a part of any word.
    found = sorted(map(re.escape, forms), key=len, reverse=True)
    pattern = "|".join(each if len(each) >= SHORTEST_SECRET else rf"(?<!\w){each}(?!\w)" for each in found)

    def shown(text: str, /, longest: int = LONGEST_MESSAGE) -> str:
        text = re.sub(pattern, "***", text[:LONGEST_READ]) if pattern else text
        return "".join(each if each.isprintable() else " " for each in text[:longest])

    return shown


def _in_json(text: str) -> str:
    return msgspec.json.encode(text).decode()[1:-1]
