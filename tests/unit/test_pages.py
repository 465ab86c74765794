"""The pages of the documentation: their code runs, and their tables are complete."""

import inspect
import re
from pathlib import Path

import pytest

from conductor import TaskRunner, Worker

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["task-context.md", "timeouts-and-retries.md", "reliability.md"])
def test_the_code_of_a_page_runs(page):
    """One block after the other. What a block says about itself, it asserts."""
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    names = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)  # noqa: S102 - it is this repository's
    assert blocks


@pytest.mark.parametrize("kind", [Worker, TaskRunner])
def test_the_page_about_running_workers_names_each_option(kind):
    first_cells = re.findall(r"^\| (`[^|]*`) \|", (DOCS / "running-workers.md").read_text(), re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", " ".join(first_cells)))
    assert inspect.signature(kind).parameters.keys() - {"task_name", "execute"} <= named
