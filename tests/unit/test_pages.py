"""The pages of the documentation: their code runs."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["task-context.md"])
def test_the_code_of_a_page_runs(page):
    """One block after the other. What a block says about itself, it asserts."""
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    names = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)  # noqa: S102 - it is this repository's
    assert blocks
