"""Exchanges for the generated client: answers from a list, and HTTP by the standard library alone."""

from collections import deque
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlsplit

from conductor_client.client import Answer


@dataclass
class Call:
    method: str
    target: str
    body: bytes | None

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)


class ScriptedExchange:
    """Gives its answers in order, the last one again and again, and keeps what it was asked."""

    def __init__(self, *answers):
        self.calls = []
        self._answers = deque(answers)
        self._last = None

    def will_answer(self, body=b"", status=200, content_type="application/json", **more):
        self._answers.append(Answer(status, {"content-type": content_type}, body, **more))

    def __call__(self, method, target, body, /):
        self.calls.append(Call(method, target, body))
        self._last = self._answers.popleft() if self._answers else self._last
        if isinstance(self._last, Exception):
            raise self._last
        return self._last

    @property
    def call(self):
        """The last call so far."""
        return self.calls[-1]


class PlainExchange:
    """A connection for each request, by the standard library."""

    def __init__(self, url, timeout=30):
        parts = urlsplit(url)
        self._address, self._path, self._timeout = parts.netloc, parts.path, timeout

    def __call__(self, method, target, body, /):
        connection = HTTPConnection(self._address, timeout=self._timeout)
        try:
            headers = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, self._path + target, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()
