"""Each row of the server's description is shown by a scenario."""

import ast
from pathlib import Path

from contract.rows import ROWS


def test_every_row_is_named_by_a_scenario():
    named = set()
    for file in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "row":
                named |= {ast.literal_eval(argument) for argument in node.args}
    assert ROWS.keys() - named == set()
