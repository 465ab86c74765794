"""docs/typed-input.md: its code runs, and each row of its tables is true."""

import json
import re
from pathlib import Path

import pytest

from conductor import Task
from conductor.testing import run_worker

PAGE = (Path(__file__).parents[2] / "docs" / "typed-input.md").read_text()
ROWS = [
    [cell.replace("\\|", "|").strip(" `") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]
CODE = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
NAMES = {"__name__": __name__}
exec(CODE, NAMES)  # noqa: S102 - this project's own page


def arguments_of(parameters, given):
    """The arguments as the page writes them, or the reason of the failed task."""
    scope = dict(NAMES, shown=shown)
    exec(f"def work({parameters}): return shown(**locals())", scope)  # noqa: S102
    result = run_worker(scope["work"], given)
    return (result.reason_for_incompletion or result.output_data["result"]).removeprefix("InvalidInputError: ")


def shown(**arguments):
    texts = {name: "<the task>" if isinstance(each, Task) else repr(each) for name, each in arguments.items()}
    return ", ".join(f"{name}={text}" for name, text in texts.items())


@pytest.mark.parametrize(("parameters", "given", "expected"), ROWS)
def test_a_row_of_the_page_is_true(parameters, given, expected):
    if given.startswith("{"):
        assert arguments_of(parameters, json.loads(given)) == expected
    else:  # the table of types
        assert arguments_of(f"it: {parameters}", {"it": json.loads(given)}) == f"it={expected}"


def test_the_page_has_its_tables():
    assert len(ROWS) > 30
