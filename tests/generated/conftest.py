"""The generated client over an exchange that answers from a list instead of the network."""

import pytest
from conductor_client import Client

from support.exchanges import ScriptedExchange


@pytest.fixture
def exchange():
    return ScriptedExchange()


@pytest.fixture
def client(exchange):
    return Client(exchange)
