"""The pages in docs/api, which are made from docstrings."""

import inspect
import re
from pathlib import Path

import pytest

import conductor
import conductor.testing

PAGES = {page.stem: page.read_text() for page in (Path(__file__).parents[2] / "docs" / "api").glob("*.rst")}
DIRECTIVES = re.compile(r"^\.\. (autoclass|autofunction|autoexception):: (\w+)$", re.MULTILINE)


def documented(*pages):
    return [name for page in pages for _, name in DIRECTIVES.findall(PAGES[page])]


def test_the_reference_has_each_public_name_once():
    assert sorted(documented(*PAGES.keys() - {"testing"})) == sorted(conductor.__all__)


def test_the_reference_has_each_name_for_tests_once():
    assert sorted(documented("testing")) == sorted(conductor.testing.__all__)


@pytest.mark.parametrize("name", documented("workers", "executors", "settings", "errors", "testing"))
def test_a_public_name_says_what_it_is(name):
    """Conductor's types are known by their fields."""
    assert inspect.getdoc(getattr(conductor, name, None) or getattr(conductor.testing, name))
