"""What all tests share."""

import os

import pytest


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    """No test sees the settings of the machine it runs on."""
    for name in list(os.environ):
        if name.upper().startswith("CONDUCTOR_") or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
