"""The page about capacity: its formulas agree with a simulation, and its tables are those of the script."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import capacity
from capacity import Fleet

sys.path.pop(0)


@pytest.mark.parametrize(
    "fleet",
    [
        Fleet(200),
        Fleet(20, types=10, poll_timeout=5.0),
        Fleet(200, poll_timeout=0.5, poll_interval=1.5),
        Fleet(300, tasks=30.0),
        Fleet(1, held=300, lease=10.0),
    ],
    ids=str,
)
def test_the_formulas_give_what_a_simulated_fleet_sends(fleet):
    seen = capacity.simulated(fleet, seconds=60.0)
    assert seen == {
        "polls": pytest.approx(fleet.polls, rel=0.05),
        "updates": pytest.approx(fleet.updates, rel=0.1),
        "extensions": pytest.approx(fleet.extensions, rel=0.05),
    }


def test_the_tables_of_the_page_are_up_to_date():
    page = capacity.PAGE.read_text()
    assert capacity.with_tables(page) == page
