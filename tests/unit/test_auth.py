"""The token cache: one fetch for all threads, the old token kept until it is refused, a wrong key not hammered."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conductor.auth import TokenCache
from conductor.errors import AuthenticationError, DecodeError, RateLimitedError, TransportError
from support.waiting import eventually


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Server:
    """Gives token-1, token-2, …, or raises what it was told to."""

    def __init__(self):
        self.calls = 0
        self.error = None
        self.token = None

    def __call__(self):
        self.calls += 1
        if self.error:
            raise self.error
        return self.token or f"token-{self.calls}"


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(server, clock):
    return TokenCache(server, clock)


def test_a_token_is_fetched_once_and_kept_however_old(cache, server, clock):
    assert cache.token() == "token-1"
    clock.now = 1e9
    assert cache.token() == "token-1"
    assert server.calls == 1


def test_a_refused_token_is_replaced_once_for_all_who_used_it(cache, server):
    old = cache.token()
    assert cache.renew(refused=old) == "token-2"
    assert cache.renew(refused=old) == "token-2"
    assert cache.token() == "token-2"
    assert server.calls == 2


def test_twenty_threads_at_once_make_one_call_and_none_waits_under_a_lock():
    barrier, release = threading.Barrier(21), threading.Event()
    calls, tokens = [], []

    def fetch():
        calls.append(1)
        assert release.wait(10)
        return "fresh"

    cache = TokenCache(fetch)

    def use():
        barrier.wait()
        tokens.append(cache.token())

    threads = [threading.Thread(target=use) for _ in range(20)]
    for thread in threads:
        thread.start()
    barrier.wait()
    assert cache._lock.acquire(timeout=5)  # free, though a fetch is under way
    cache._lock.release()
    release.set()
    for thread in threads:
        thread.join(10)
    assert tokens == ["fresh"] * 20
    assert len(calls) == 1


def test_a_failed_fetch_reaches_every_caller_and_the_next_one_waits_its_turn(cache, server, clock):
    server.error = AuthenticationError(401, "POST", "/token", "wrong key")
    for _ in range(50):
        with pytest.raises(AuthenticationError, match="wrong key"):
            cache.token()
    assert server.calls == 1
    server.error = None
    clock.now = 0.5  # the first back-off step is over
    assert cache.token() == "token-2"


def test_a_wrong_key_is_tried_at_most_eight_times_a_minute(cache, server, clock):
    server.error = AuthenticationError(401, "POST", "/token", "wrong key")
    for tenth in range(600):
        clock.now = tenth / 10
        with pytest.raises(AuthenticationError):
            cache.token()
    assert server.calls <= 8


def test_a_refused_key_is_logged_once_and_again_only_after_a_success(cache, server, clock, caplog):
    def refuse(times):
        server.error = AuthenticationError(401, "POST", "/token", "wrong key")
        for _ in range(times):
            clock.now += 60
            with pytest.raises(AuthenticationError):
                cache.renew(refused=server.last)

    server.last = cache.token()
    refuse(3)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert caplog.messages == ["the access key got no token: POST /token answered 401: wrong key"]
    server.error, clock.now = None, clock.now + 60
    server.last = cache.renew(refused=server.last)
    refuse(2)
    assert len(caplog.records) == 2


def test_what_is_no_refusal_of_the_key_is_left_to_the_caller_to_log(cache, server, clock, caplog):
    for failure in (TransportError("down"), RateLimitedError(429, "POST", "/token", "slow")):
        server.error = failure
        clock.now += 60
        with pytest.raises(type(failure)):
            cache.token()
    assert caplog.records == []


def test_the_next_fetch_waits_for_as_long_as_the_server_asked(cache, server, clock):
    server.error = RateLimitedError(429, "POST", "/token", "slow", retry_after=20.0)
    for now in (0.0, 19.9, 20.1):
        clock.now = now
        with pytest.raises(RateLimitedError):
            cache.token()
    assert server.calls == 2


def test_a_call_before_then_is_told_what_is_left_to_wait(cache, server, clock):
    server.error = RateLimitedError(429, "POST", "/token", "slow", retry_after=20.0)
    waits = []
    for clock.now in (0.0, 5.0, 19.0):
        with pytest.raises(RateLimitedError) as caught:
            cache.token()
        waits.append(caught.value.retry_after)
    assert waits == [20.0, 15.0, 1.0]


def test_a_failed_renewal_keeps_the_old_token_in_use(cache, server, clock):
    old = cache.token()
    server.error = AuthenticationError(503, "POST", "/token", "down")
    with pytest.raises(AuthenticationError):
        cache.renew(refused=old)
    assert cache.token() == old
    server.error = None
    clock.now = 1.0
    assert cache.renew(refused=old) == "token-3"


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "\u20ac", "a\x00"])
def test_a_token_that_cannot_stand_in_a_header_is_refused_and_not_shown(cache, server, token):
    server.token = token
    if token:
        with pytest.raises(DecodeError) as caught:
            cache.token()
        assert token not in str(caught.value)


def test_a_bug_in_the_fetch_reaches_the_caller_and_is_not_kept(cache, server):
    server.error = RuntimeError("bug")
    with pytest.raises(RuntimeError):
        cache.token()
    server.error = None
    assert cache.token() == "token-2"


def test_a_renewed_token_that_is_refused_too_is_not_renewed_at_once_again(cache, server, clock):
    renewed = cache.renew(refused=cache.token())
    for _ in range(10):
        assert cache.renew(refused=renewed) is None
    assert server.calls == 2
    clock.now = 1.0
    assert cache.renew(refused=renewed) == "token-3"


def test_a_renewed_token_that_was_accepted_is_replaced_at_once_when_it_has_ended(cache):
    for number in range(2, 6):
        token = cache.renew(refused=cache.token())
        assert token == f"token-{number}"
        cache.accepted(token)


def seconds_until_another_call(server, clock, attempt):
    """How much time passes until the attempt, made again and again, asks the server for a token."""
    calls, began = server.calls, clock.now
    while server.calls == calls:
        clock.now += 0.05
        attempt()
    return clock.now - began


def test_after_a_success_the_pauses_between_failed_fetches_begin_anew(cache, server, clock):
    def attempt():
        with pytest.raises(TransportError):
            cache.renew(refused="token-1")

    server.token = "token-1"
    cache.token()
    server.token, server.error = None, TransportError("down")
    assert [seconds_until_another_call(server, clock, attempt) for _ in range(6)][-1] > 3
    clock.now, server.error = clock.now + 60, None
    token = cache.renew(refused="token-1")
    server.error = TransportError("down")
    clock.now += 30  # before, it would be too early to replace a renewed one
    with pytest.raises(TransportError):
        cache.renew(refused=token)

    def again():
        with pytest.raises(TransportError):
            cache.renew(refused=token)

    assert seconds_until_another_call(server, clock, again) <= 0.6


def test_once_a_renewed_token_has_worked_the_pauses_between_renewals_begin_anew(cache, server, clock):
    def refuse():
        cache.renew(refused=cache.token())

    cache.token()
    assert [seconds_until_another_call(server, clock, refuse) for _ in range(6)][-1] > 3
    cache.accepted(cache.token())
    clock.now += 60
    refuse()  # at once
    assert seconds_until_another_call(server, clock, refuse) <= 0.6


def test_where_some_calls_refuse_what_others_accept_renewals_have_a_pace_too(cache, server, clock):
    for tenth in range(600):
        clock.now = tenth / 10
        for _ in range(10):
            token = cache.token()
            cache.accepted(token)
            cache.renew(refused=token)
    assert server.calls <= 71  # ten in ten seconds, and the first one


def test_where_every_token_is_refused_the_next_is_fetched_at_back_off_steps(cache, server, clock):
    cache.token()
    for tenth in range(600):
        clock.now = tenth / 10
        cache.renew(refused=cache.token())
    assert server.calls <= 9  # the first one, and eight more in a minute


def test_the_cache_shows_no_token(cache):
    assert cache.token() not in repr(cache)


def test_an_interrupt_of_the_thread_that_fetches_ends_no_other_thread(clock):
    fetching, interrupt = threading.Event(), threading.Event()

    def fetch():
        fetching.set()
        assert interrupt.wait(5)
        raise KeyboardInterrupt

    cache = TokenCache(fetch, clock)
    with ThreadPoolExecutor(2) as threads:
        fetcher = threads.submit(cache.token)
        assert fetching.wait(5)
        waiting = threads.submit(cache.token)
        eventually(lambda: cache._fetching._condition._waiters)
        interrupt.set()
        with pytest.raises(KeyboardInterrupt):
            fetcher.result(5)
        assert isinstance(waiting.exception(5), TransportError)


class InterruptingLock:
    """Ctrl-C comes just after the first release."""

    def __init__(self):
        self._lock = threading.Lock()
        self._is_due = True

    def __enter__(self):
        self._lock.acquire()

    def __exit__(self, *_):
        self._lock.release()
        if self._is_due:
            self._is_due = False
            raise KeyboardInterrupt


def test_an_interrupt_just_before_the_fetch_begins_keeps_no_thread_from_fetching(cache):
    cache._lock = InterruptingLock()
    with pytest.raises(KeyboardInterrupt):
        cache.token()
    later = []
    thread = threading.Thread(target=lambda: later.append(cache.token()), daemon=True)
    thread.start()
    thread.join(5)
    assert later == ["token-1"]
