"""Reads JSON as the server's JSON library, Jackson, reads it. Its errors have the same texts."""

from __future__ import annotations

import json
import math
from typing import Any

from conductor.testing.engine.records.refusals import Refusal


def parse_json(body: bytes) -> Any:
    """The JSON value at the start of the body. Jackson ignores the text after it. None: there is no body, or a null."""
    try:
        text = body.decode(json.detect_encoding(body)).lstrip(" \t\r\n\ufeff")
        return _DECODER.raw_decode(text)[0] if text else None
    except RecursionError:
        raise json_error("Document nesting depth exceeds the maximum allowed (1000)") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise json_error(str(error)) from None


def json_error(text: str) -> Refusal:
    return Refusal(500, f"JSON parse error: {text}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"Non-standard token '{name}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"Number out of range: {text[:40]}")  # for Jackson it is infinite, and its answer no JSON
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
