"""Moments and durations as people read them."""

import pytest

from conductor.operating.times import duration, moment


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (3_605, "1 h"),
        (7_260, "2 h 1 min"),
        (864_000, "10 d"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds, text):
    assert duration(seconds) == text


def test_a_moment_is_in_utc_and_none_is_empty():
    assert moment(1_795_937_701_531) == "2026-11-29T07:35:01Z"
    assert moment(0) == moment(None) == ""


@pytest.mark.parametrize("milliseconds", [10**18, -(10**18)])
def test_a_moment_that_no_calendar_has_is_empty(milliseconds):
    assert moment(milliseconds) == ""
