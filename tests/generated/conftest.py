"""The generated client over a pool that answers from a list instead of the network."""

import io
from collections import deque
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from conductor_client import Client


@dataclass
class Call:
    method: str
    url: str
    options: dict

    @property
    def path(self):
        return urlsplit(self.url).path

    @property
    def query(self):
        return parse_qs(urlsplit(self.url).query, keep_blank_values=True)


class ScriptedPool:
    """What the client uses of a urllib3.PoolManager. Answers are given out in order."""

    def __init__(self):
        self.calls = []
        self._answers = deque()

    def will_answer(self, body=b"", status=200, content_type="application/json"):
        self._answers.append(
            urllib3.HTTPResponse(io.BytesIO(body), {"Content-Type": content_type}, status, preload_content=False)
        )

    def will_raise(self, error):
        self._answers.append(error)

    def request(self, method, url, **options):
        self.calls.append(Call(method, url, options))
        answer = self._answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def call(self):
        """The only call so far."""
        (call,) = self.calls
        return call


@pytest.fixture
def pool():
    return ScriptedPool()


@pytest.fixture
def client(pool):
    return Client("http://conductor.test/api", pool)
