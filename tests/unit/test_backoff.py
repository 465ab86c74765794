"""How long to wait after one failure after another."""

import pytest

from conductor._backoff import Backoff


@pytest.fixture(params=[0.0, 1.0], ids=["least", "most"])
def jitter(request, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: low + (high - low) * request.param)
    return 0.8 + 0.2 * request.param


@pytest.mark.parametrize(("factor", "steps"), [(1.5, [0.5, 0.75, 1.125]), (2.0, [0.5, 1.0, 2.0, 4.0])])
def test_waits_grow_by_the_factor_up_to_half_a_minute(jitter, factor, steps):
    backoff = Backoff(factor)
    assert [backoff.next() for _ in steps] == pytest.approx([jitter * step for step in steps])
    assert [backoff.next() for _ in range(20)][-1] == pytest.approx(jitter * 30)
    backoff.reset()
    assert backoff.next() == pytest.approx(jitter * 0.5)


def test_there_are_never_more_than_two_attempts_in_a_second(jitter):
    backoff = Backoff()
    first, second = backoff.next(), backoff.next()
    assert first + second >= 1.0


def test_after_an_outage_of_ten_seconds_the_next_attempt_comes_within_five(jitter):
    backoff, attempt = Backoff(), 0.0
    while attempt <= 10:
        attempt += backoff.next()
    assert attempt - 10 <= 5


@pytest.mark.parametrize(("asked", "waited"), [(7.0, 7.0), (3600.0, 60.0)])
def test_what_the_server_asks_for_goes_first_within_reason(asked, waited):
    backoff = Backoff()
    assert backoff.next(asked) == waited
    assert 0.6 <= backoff.next() <= 0.75  # that was a failure as any other


def test_a_server_that_asks_for_no_wait_gets_the_ordinary_one(jitter):
    backoff = Backoff()
    assert [backoff.next(0.0) for _ in range(2)] == [backoff_of(jitter, 0.5), backoff_of(jitter, 0.75)]


def backoff_of(jitter, step):
    return pytest.approx(jitter * step)
