"""The output of an HTTP task, made of the answer (server 3.32.3)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from conductor.testing.engine.tasks.http_exchange import Answer
from conductor.testing.engine.tasks.http_request import charset_of
from conductor.testing.expressions import as_text

_SPACE = " \t\r\n"
_NEWLINES = re.compile(r"[\r\n]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def response_of(answer: Answer) -> dict[str, Any]:
    """The member ``response`` of the output. ValueError: the server knows no status of this number."""
    headers: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for name, value in answer.headers:
        headers.setdefault(names.setdefault(name.lower(), name), []).append(value)
    has_body = 200 <= answer.status < 300 and answer.body
    return {
        "headers": headers,
        "reasonPhrase": HTTPStatus(answer.status).phrase,
        "body": read_body(_text_of(answer, charset_of)) if has_body else None,
        "statusCode": answer.status,
    }


def error_text(method: str, uri: str, answer: Answer) -> str:
    """The text of the server's exception about an answer of 400 or more."""
    text = _CONTROL.sub("?", _NEWLINES.sub("<EOL>", _text_of(answer, _utf_8)))
    body = f'"{text}"' if answer.body else "[no body]"
    return f'{answer.status} {answer.reason} on {method} request for "{uri.partition("?")[0]}": {body}'


def _utf_8(content_type: str) -> str:
    return charset_of(content_type) if "charset" in content_type else "utf-8"


def _text_of(answer: Answer, charset: Callable[[str], str]) -> str:
    try:
        return answer.body.decode(charset(answer.header("Content-Type") or ""), "replace")
    except LookupError:  # no such character set
        return answer.body.decode("latin-1")


def read_body(text: str) -> Any:
    """The JSON with which the text begins, or else the text. Numbers become fractions; true, false and null texts."""
    start = text.lstrip(_SPACE)
    if not start:
        return ""
    try:
        value, end = _DECODER.raw_decode(start)
        if isinstance(value, dict | list | str):
            return value
        if start[end : end + 1].strip(_SPACE):
            return text
        return as_text(value) if value is None or isinstance(value, bool) else float(value)
    except (ValueError, RecursionError, OverflowError):
        return text


def _fraction(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else "Infinity"


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


_DECODER = json.JSONDecoder(parse_float=_fraction, parse_constant=_refuse)
