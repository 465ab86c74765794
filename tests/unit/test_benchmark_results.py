"""Ratios, wanted figures and the report of the benchmarks."""

import pytest

from benchmarks.cases import Case
from benchmarks.report import markdown
from benchmarks.results import Place, Results, median
from benchmarks.wanted import Wanted
from benchmarks.workers import PROJECT, RAW

MINE, BARE = Place("no-op, c=10", PROJECT), Place("no-op, c=10", RAW)


@pytest.fixture
def results():
    """Each round's machine is slower than the one before, for both alike but in the second round."""
    results = Results()
    for number, (mine, bare) in enumerate([(400, 800), (300, 400), (100, 200)], 1):
        results.add(MINE, number, {"rate": mine, "cpu": 0.1, "memory": 30, "server": 0.2})
        results.add(BARE, number, {"rate": bare, "cpu": 0.05, "memory": 20, "server": 0.2})
    return results


def test_ratios_are_of_figures_from_the_same_round(results):
    assert results.ratios(MINE, BARE, "rate") == [0.5, 0.75, 0.5]
    assert results.differences(MINE, BARE, "rate") == [-400, -100, -100]


def test_a_round_in_which_one_has_failed_has_no_ratio(results):
    results.add(MINE, 4, {"rate": 1_000})
    assert results.ratios(MINE, BARE, "rate") == [0.5, 0.75, 0.5]
    assert results.ratios(MINE, Place("no-op, c=10", "another"), "rate") == []


@pytest.mark.parametrize(
    ("wanted", "measured", "holds"),
    [
        (Wanted("", "rate", MINE, ">=", 300), 300, True),
        (Wanted("", "rate", MINE, "<=", 299), 300, False),
        (Wanted("", "rate", MINE, ">=", 0.6, over=BARE), 0.5, False),
        (Wanted("", "rate", MINE, "<=", -100, less=BARE), -100, True),
    ],
)
def test_wanted_figures_stand_alone_or_beside_anothers(results, wanted, measured, holds):
    assert median(wanted.measured(results)) == measured
    assert wanted.holds(measured) == holds


def test_the_report_says_what_has_failed_and_why(results):
    failed = Place("no-op, c=10", PROJECT)
    results.errors[failed] = "the worker has ended"
    report = markdown(results, [Case("no-op, c=10")], [PROJECT, RAW], [])
    assert f"| no-op, c=10 | {PROJECT} | failed |" in report
    assert f"| no-op, c=10 | {RAW} | 400 | 0.050 | 20 MB | 20% | 0.50x | 2.00x |" in report
    assert "the worker has ended" in report


def test_the_report_compares_figures_with_the_wanted_ones_and_shows_the_rounds(results):
    coroutines = Place("async 100 ms waits, c=1000", PROJECT)
    results.add(coroutines, 1, {"rate": 5_000, "cpu": 0.2})
    lines = markdown(results, [], [], []).splitlines()
    of_a_core = f"{coroutines.case}: the worker uses 100% of a core."
    assert f"| {coroutines.case}: tasks/s, of 10,000 possible | >= 8500 | 5000 | 5000 to 5000 | no |" in lines
    assert f"{of_a_core} Python code of one process runs on one at a time." in lines
