"""The names that a script reads from its inputs, ``$.name`` or ``$['name']``, as far as the text alone shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_TOKEN = re.compile(
    r"""(?P<space>\s++|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)
    |(?P<text>"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')
    |(?P<template>`(?:[^`\\]|\\.)*+`)
    |(?P<word>[\w$]++)
    |(?P<sign>\?\.|=>|===?|!==?|\+\+|--|&&|\|\||\?\?|[-+*%&|^]=|.)""",
    re.VERBOSE | re.DOTALL,
)
_PATTERN = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*+\])++/\w*+")
_BEFORE_PATTERN = re.compile(
    r"[(,=:\[!&|?{};+\-*%<>~^]|=>|[=!]==?|&&|\|\||\?\?|return|typeof|case|in|void|throw|else|do"
)
_CHANGES = ("=", "++", "--", "+=", "-=", "*=", "%=", "&=", "|=", "^=")
_OF_ALL_OBJECTS = (
    *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString"),
    *("valueOf", "__proto__"),
)


class UnclearError(Exception):
    """It is not certain which inputs the script reads."""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str


def names_read(script: str) -> list[str]:
    """The names of inputs that a script reads, each once. There are none if the script is not understood.

    A name counts only if its value is used: not if it is assigned anywhere, called as a method, or asked for with
    ``typeof``, ``in`` or ``hasOwnProperty``.
    """
    try:
        tokens = tokens_of(script)
        return list(dict.fromkeys(_names(tokens)))
    except UnclearError:
        return []


def has_placeholder(script: str) -> bool:
    """Whether ``${`` stands in the code of a script, and not in a text or a comment."""
    try:
        tokens = tokens_of(script)
    except UnclearError:
        return False
    return any(
        token.text.endswith("$") and token.kind == "word" and following.text == "{"
        for token, following in pairwise(tokens)
    )


def tokens_of(script: str) -> list[Token]:
    """The tokens without white space and comments. UnclearError: a slash that may divide or begin a pattern."""
    found: list[Token] = []
    position = 0
    while position < len(script):
        match = _TOKEN.match(script, position)
        if match is None:
            raise UnclearError
        kind, text = match.lastgroup or "", match.group()
        if text == "/":
            pattern = _PATTERN.match(script, position)
            is_operand = not found or _BEFORE_PATTERN.fullmatch(found[-1].text)
            if pattern and is_operand:
                kind, text = "pattern", pattern.group()
            elif pattern and found[-1].text in (")", "}"):
                raise UnclearError
        elif text in ('"', "'", "`"):
            raise UnclearError  # it is not closed
        if kind != "space":
            found.append(Token(kind, text))
        position += len(text)
    return found


def _names(tokens: list[Token]) -> Iterator[str]:
    words = {token.text for token in tokens if token.kind == "word"}
    if words & {"with", "eval"}:
        raise UnclearError
    texts = {token.text[1:-1] for token in tokens if token.kind == "text"}
    asked = texts if words & {"hasOwnProperty", "in", "has", "containsKey", "get"} else set()
    padded = [*tokens, *[Token("sign", "")] * 4]
    read: list[str] = []
    for index, token in enumerate(tokens):
        if token.text != "$" or token.kind != "word":
            continue
        before = tokens[index - 1].text if index else ""
        name, behind = _member(padded, index + 1)
        if name is None:
            raise UnclearError  # the script may set members elsewhere, or give the name another meaning
        elif behind in _CHANGES or before == "typeof":
            asked.add(name)
        elif behind != "(" and before != ".":
            read.append(name)
    yield from (name for name in read if name not in asked and name not in _OF_ALL_OBJECTS)


def _member(tokens: list[Token], index: int) -> tuple[str | None, str]:
    """The member of ``$`` whose name is known, and the token behind it."""
    first, second, third, fourth = tokens[index : index + 4]
    if first.text in (".", "?.") and second.kind == "word":
        return second.text, third.text
    if first.text == "[" and second.kind == "text" and third.text == "]" and "\\" not in second.text:
        return second.text[1:-1], fourth.text
    return None, ""
