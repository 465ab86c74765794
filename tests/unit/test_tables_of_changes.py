"""The scripts that change the code to see which test notices it: each change still finds the text that it replaces."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import mutants
import take_out

sys.path.pop(0)

pytestmark = pytest.mark.sources

MUTANTS = mutants.read(mutants.TABLE)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_deliberate_change_has_its_place_and_its_tests(mutant):
    assert mutant.problem() is None


@pytest.mark.parametrize("mechanism", take_out.MECHANISMS, ids=lambda mechanism: mechanism.name)
def test_a_mechanism_that_can_be_taken_out_has_its_place(mechanism):
    assert (take_out.ROOT / mechanism.file).read_text().count(mechanism.found) == 1


def test_no_two_changes_have_the_same_name():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
