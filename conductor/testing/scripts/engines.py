"""The engines of the scripts, which are in the extra ``dev-server``."""

from __future__ import annotations

import importlib
from typing import Any

EXTRA = "pip install 'conductor-worker[dev-server]'"


class EngineMissingError(Exception):
    """The extra is not installed. The text says so, and names the language."""


def javascript_engine() -> Any:
    """The module ``quickjs``. EngineMissingError if it is not installed."""
    return _imported("quickjs", "JavaScript")


def jq_engine() -> Any:
    """The module ``jq``. EngineMissingError if it is not installed."""
    return _imported("jq", "JQ")


def _imported(module: str, language: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EngineMissingError(f"the embedded server needs an extra for {language}: {EXTRA} ({error})") from None
