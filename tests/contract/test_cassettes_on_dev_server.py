"""What a real server answered, asked of the embedded one: the recorded requests, one after the other.

Ids are mapped from the recording's to the dev server's as they appear, and must stay the same ones from then on.
"""

import json
import re
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import yaml

from conductor.testing.dev_server import DevServer
from support.cassettes import CASSETTES

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NEVER = "1970-01-01T00:00:00.000Z"

TIMES = {"createTime", "createdTime", "endTime", "lastPollTime", "scheduledTime", "startTime", "updateTime"}
"""Milliseconds: a moment on either side, or 0 on both."""

OF_THE_MACHINE = {
    "executionTime": "milliseconds that this very task ran; since 1970 if nobody polled it",
    "instance": "the name of the host that answers",
    "queueWaitTime": "milliseconds that this very task waited",
}
"""Members of which only the type is compared."""

OF_ITS_PAST = {
    "/api/tasks/queue/all": "the recording server knew other workflows, and shows its own _deciderQueue",
    "/api/tasks/queue/all/verbose": "as above",
}
"""Answers by task name in which only the names that the cassette itself registers are compared."""


def recorded_exchanges():
    """The exchanges of each cassette that was recorded from a real server, by its name."""
    for path in sorted(CASSETTES.glob("*.yaml")):
        recording = yaml.safe_load(path.read_text("utf-8"))
        if recording["recorded_from"].startswith("conductor-oss "):
            yield pytest.param(recording["interactions"], id=path.stem)


class Comparison:
    """One cassette beside one dev server. ids: the recording's to the dev server's."""

    def __init__(self):
        self.ids = {}
        self.differences = []

    def translated(self, text):
        """A recorded request's text with the ids of the dev server."""
        unknown = set(ID.findall(text)) - self.ids.keys()
        assert not unknown, f"a recorded request has ids that no answer before it had: {unknown}"
        return ID.sub(lambda match: self.ids[match[0]], text)

    def compare(self, recorded, given, where):
        if isinstance(recorded, dict) and isinstance(given, dict):
            for name in sorted(recorded.keys() | given.keys()):
                self._compare_member(name, recorded, given, f"{where}.{name}")
        elif isinstance(recorded, list) and isinstance(given, list) and len(recorded) == len(given):
            for position, (one, other) in enumerate(zip(recorded, given, strict=True)):
                self.compare(one, other, f"{where}[{position}]")
        elif not self._is_same(recorded, given):
            self._differ(where, recorded, given)

    def _compare_member(self, name, recorded, given, where):
        if name not in recorded or name not in given:
            self._differ(where, recorded.get(name, "absent"), given.get(name, "absent"))
        elif name in OF_THE_MACHINE:
            if type(recorded[name]) is not type(given[name]):
                self._differ(where, recorded[name], given[name])
        elif name in TIMES and isinstance(recorded[name], int) and isinstance(given[name], int):
            if (recorded[name] == 0) != (given[name] == 0):
                self._differ(where, recorded[name], given[name])
        else:
            self.compare(recorded[name], given[name], where)

    def _is_same(self, recorded, given):
        if not isinstance(recorded, str) or not isinstance(given, str):
            return type(recorded) is type(given) and recorded == given
        if ISO_TIME.fullmatch(recorded) and ISO_TIME.fullmatch(given):
            return (recorded == NEVER) == (given == NEVER)
        recorded_ids, ids = ID.findall(recorded), ID.findall(given)
        if ID.sub("an id", recorded) != ID.sub("an id", given):
            return False
        for one, other in zip(recorded_ids, ids, strict=True):
            if one not in self.ids and other in self.ids.values():
                return False
            if self.ids.setdefault(one, other) != other:
                return False
        return True

    def _differ(self, where, recorded, given):
        self.differences.append(f"{where}: recorded {recorded!r}, the dev server has {given!r}")


@pytest.fixture
def ask():
    """Sends one recorded request to a fresh DevServer: ask(method, path and query, body, headers)."""
    with DevServer() as server:
        connection = HTTPConnection(urlsplit(server.url).netloc, timeout=10)

        def ask(method, target, body, headers):
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type"), response.read().decode()

        yield ask
        connection.close()


def parsed(text, media_type):
    return json.loads(text) if media_type == "application/json" else text


def of_the_cassette(answer, exchanges):
    """An answer by task name without the names that the cassette did not register."""
    registered = [
        definition["name"]
        for exchange in exchanges
        if exchange["request"]["uri"].endswith("/api/metadata/taskdefs")
        for definition in json.loads(exchange["request"]["body"])
    ]
    assert registered
    return {name: value for name, value in answer.items() if name in registered}


@pytest.mark.parametrize("exchanges", list(recorded_exchanges()))
def test_the_dev_server_answers_as_the_recorded_server_did(ask, exchanges):
    comparison = Comparison()
    for exchange in exchanges:
        request, response = exchange["request"], exchange["response"]
        path, query = (urlsplit(comparison.translated(request["uri"])))[2:4]
        body = request["body"] and comparison.translated(request["body"]).encode()
        headers = {name: values[0] for name, values in request["headers"].items()}
        where = f"{request['method']} {path}"

        status, media_type, text = ask(request["method"], f"{path}?{query}" if query else path, body, headers)

        recorded_type = next(iter(response["headers"]["Content-Type"]), None)
        assert (where, status, media_type) == (where, response["status"]["code"], recorded_type), text
        recorded, given = parsed(response["body"]["string"], recorded_type), parsed(text, media_type)
        if path in OF_ITS_PAST:
            recorded, given = of_the_cassette(recorded, exchanges), of_the_cassette(given, exchanges)
            assert recorded
        comparison.compare(recorded, given, where)
    assert not comparison.differences, "\n".join(comparison.differences)


def test_every_cassette_of_a_real_server_is_replayed():
    assert len(list(recorded_exchanges())) == len(list(CASSETTES.glob("*.yaml"))) - 1  # token.yaml is a stand-in's


@pytest.mark.parametrize(
    ("recorded", "given"),
    [
        ({"a": 1}, {}),
        ({}, {"a": 1}),
        ({"a": 1}, {"a": True}),
        ({"a": [1]}, {"a": [1, 1]}),
        ({"endTime": 0}, {"endTime": 1795526212584}),
        ({"queueWaitTime": 4}, {"queueWaitTime": "4"}),
        ([f"{0:08}-0000-0000-0000-{0:012}"] * 2, [f"{0:08}-0000-0000-0000-{n:012}" for n in range(2)]),
        ([f"{0:08}-0000-0000-0000-{n:012}" for n in range(2)], [f"{0:08}-0000-0000-0000-{0:012}"] * 2),
    ],
)
def test_the_comparison_sees_what_differs(recorded, given):
    comparison = Comparison()
    comparison.compare(recorded, given, "here")
    assert len(comparison.differences) == 1
