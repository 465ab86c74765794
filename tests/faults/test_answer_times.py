"""How long each kind of request may wait for its answer."""

import pytest

from conductor import ApiClient, AuthenticationSettings, HttpSettings, TaskRunner, TransportError
from conductor.testing import FakeTaskClient
from support.raw_faults import HalfOpen, answer_soundly
from support.raw_server import RawServer
from support.waiting import eventually

HOUR = 3600


class TimedTaskClient(FakeTaskClient):
    """Notes the seconds that each update and each extension was given; the first so many updates fail."""

    def __init__(self, failures):
        super().__init__()
        self.updates, self.extensions_within = [], []
        self._failures_left = failures

    def update(self, result, timeout):
        self.updates.append(timeout)
        if self._failures_left:
            self._failures_left -= 1
            raise TransportError("no answer")
        super().update(result, timeout)

    def extend_lease(self, task, worker_id, timeout):
        self.extensions_within.append(timeout)
        super().extend_lease(task, worker_id, timeout)


def update_limits(lease, output, failures=0, **settings):
    """The seconds that the server gets for its answer to each attempt to send one result."""
    client = TimedTaskClient(failures)
    client.add_task("t", response_timeout_seconds=lease)
    with TaskRunner(client) as runner:
        runner.start_worker("t", lambda task: output, **settings)
        client.results(1, timeout=20)
    return pytest.approx(client.updates, abs=0.01)


def test_a_server_has_a_third_of_the_lease_for_its_answer_to_a_result():
    assert update_limits(60, None) == [20]


def test_a_server_has_a_second_however_short_the_lease_is():
    assert update_limits(1, None) == [1]


def test_without_a_lease_only_the_clients_own_limit_counts():
    assert update_limits(0, None) == [float("inf")]


@pytest.mark.parametrize("extends", [False, True])
def test_a_large_result_gets_a_second_more_for_each_megabyte(extends):
    assert update_limits(3, {"large": "x" * 3_000_000}, lease_extension=extends) == [4]


def test_the_next_answer_is_waited_for_twice_as_long_after_each_failure():
    assert update_limits(6, None, failures=3) == [2, 2, 4, 8]  # the first repeat follows at once


def test_with_extensions_no_answer_is_waited_for_longer_than_two_thirds_of_the_lease():
    assert update_limits(6, None, failures=3, lease_extension=True) == [2, 2, 4, 4]


def test_a_large_result_gets_its_time_on_top_of_the_two_thirds():
    assert update_limits(6, {"large": "x" * 3_000_000}, failures=3, lease_extension=True) == [5, 5, 7, 7]


@pytest.mark.parametrize(("lease", "limit"), [(1, 0.5), (6, 1)])
def test_an_extension_has_a_sixth_of_the_lease_and_at_least_half_a_second(lease, limit):
    client = TimedTaskClient(0)
    task_id = client.add_task("t", response_timeout_seconds=lease)
    with TaskRunner(client) as runner:
        runner.start_worker("t", lambda task: eventually(lambda: client.extensions[task_id]), lease_extension=True)
        client.results(1, timeout=20)
    assert client.extensions_within[0] == pytest.approx(limit)


class TimedApiClient(ApiClient):
    """Notes the seconds that each kind of call was given."""

    def __init__(self, url, read_timeout):
        super().__init__(http_settings=HttpSettings(url, read_timeout=read_timeout))
        self.limits = {}

    def call_within(self, read_timeout, operation, /, *args, **kwargs):
        kind = operation.__module__.rpartition(".")[2]
        if any(getattr(argument, "extend_lease", False) for argument in args):
            kind = "extension"
        self.limits.setdefault(kind, read_timeout)
        return super().call_within(read_timeout, operation, *args, **kwargs)


@pytest.fixture(params=[30, 4])
def api_client(server, request):
    with TimedApiClient(server.url, request.param) as client:
        yield client


@pytest.fixture
def short(api_client):
    """The limit of a request that is answered at once by a server that works."""
    return min(10, api_client.http_settings.read_timeout)


@pytest.mark.parametrize("poll_timeout", [0, 0.25, 5])
def test_a_poll_has_its_timeout_and_the_read_timeout_or_ten_seconds(server, runner, api_client, short, poll_timeout):
    runner.start_worker("t", lambda task: None, poll_timeout=poll_timeout)
    eventually(lambda: server.counts["poll"])
    assert api_client.limits["batch_poll_tasks"] == poll_timeout + short


def test_a_poll_that_the_runner_lets_wait_for_a_second_has_that_second_more(server, runner, api_client, short):
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.counts["poll"])
    assert api_client.limits["batch_poll_tasks"] == 1 + short


def test_an_extension_of_a_long_lease_has_no_more_than_ten_seconds(server, runner, api_client, clock, gate, short):
    server.add_task("t", responseTimeoutSeconds=HOUR)
    runner.start_worker("t", gate, lease_extension=True)
    gate.inside.get(timeout=5)
    clock.run_until(lambda: server.extensions["t1"], step=HOUR / 100)
    assert api_client.limits["extension"] == short


def test_a_result_has_no_more_than_the_read_timeout(server, runner, api_client):
    server.add_task("t", responseTimeoutSeconds=HOUR)
    runner.start_worker("t", lambda task: None)
    eventually(lambda: server.accepted)
    assert api_client.limits["update_task_v2"] == api_client.http_settings.read_timeout


KEY = ("key", "secret")


@pytest.fixture
def locked_server():
    with RawServer(key=KEY, longest_wait=0.05) as server:
        yield server


def test_the_attempt_after_a_renewed_token_keeps_the_limit_of_its_call(locked_server, caplog):
    settings = HttpSettings(locked_server.url, read_timeout=0.4)
    locked_server.fault("poll", HalfOpen(), at=3)
    with ApiClient(AuthenticationSettings(*KEY), settings) as client, TaskRunner(client) as runner:
        locked_server.fault("poll", lambda exchange: locked_server.expire_tokens() or answer_soundly(exchange), at=2)
        runner.start_worker("t", lambda task: None, poll_timeout=0.3)
        eventually(lambda: "polls fail" in caplog.text)
    assert locked_server.tokens_issued == 2
    assert "no answer within 0.7 s" in caplog.text
