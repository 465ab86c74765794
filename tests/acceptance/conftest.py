"""Worker programs as processes of their own, driven by signals."""

import pytest

from support.programs import Programs
from support.stub import Stub


@pytest.fixture
def stub():
    with Stub() as stub:
        yield stub


@pytest.fixture
def start_program():
    """``Programs.start``: start_program(code, server_url, *arguments). Ends the program if the test does not."""
    with Programs() as programs:
        yield programs.start
