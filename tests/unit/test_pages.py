"""The pages of the documentation: their code runs, and their tables are complete."""

import ast
import inspect
import re

import pytest

from conductor import TaskRunner, Worker
from support.pages import DOCS, ROOT, blocks


@pytest.mark.parametrize("page", ["task-context.md", "timeouts-and-retries.md", "reliability.md"])
def test_the_code_of_a_page_runs(page):
    """One block after the other. What a block says about itself, it asserts."""
    names = {}
    for block in blocks(page):
        exec(compile(block, page, "exec"), names)  # noqa: S102 - it is this repository's
    assert names


def test_each_page_with_code_of_its_own_is_named_in_a_test():
    """Other code is that of a file in examples/."""
    tests = "".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    code = re.compile(r"(?<! -->\n)^```python$", re.MULTILINE)
    assert [page.name for page in DOCS.glob("*.md") if code.search(page.read_text()) and page.name not in tests] == []


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_the_import_of_a_program_starts_no_worker(page):
    """A reader gives it to ``conductor-worker check``, which imports it."""
    at_import = [
        ast.unparse(statement)
        for block in blocks(page)
        for statement in ast.parse(block).body
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.If)
    ]
    assert not [code for code in at_import if re.search(r"\.(start_workers?|wait_workers)\(", code)]


@pytest.mark.parametrize("kind", [Worker, TaskRunner])
def test_the_page_about_running_workers_names_each_option(kind):
    first_cells = re.findall(r"^\| (`[^|]*`) \|", (DOCS / "running-workers.md").read_text(), re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", " ".join(first_cells)))
    assert inspect.signature(kind).parameters.keys() - {"task_name", "execute"} <= named
