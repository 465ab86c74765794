"""Every row of the catalogue has a test, and no test names a row that is not there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from faults.catalogue import ROWS

ROW = re.compile(r"test_([a-z]\d+)_")


@cache
def rows_with_a_test():
    rows = set()
    for file in Path(__file__).parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and (named := ROW.match(node.name)):
                rows.add(named[1].upper())
    return rows


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_a_test(row):
    assert row in rows_with_a_test(), f"no test_{row.lower()}_... shows {ROWS[row]!r}"


def test_no_test_names_an_unknown_row():
    assert rows_with_a_test() - ROWS.keys() == set()
