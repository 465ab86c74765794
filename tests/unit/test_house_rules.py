"""What the hand-written code promises about itself: small files, small functions, and what has no place in it."""

import ast
from pathlib import Path

import pytest

import conductor

PACKAGE = Path(conductor.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def named(files):
    return pytest.mark.parametrize("file", files, ids=lambda file: str(file.relative_to(PACKAGE)))


@named(FILES)
def test_a_file_can_be_read_in_one_sitting(file):
    assert len(file.read_text().splitlines()) <= 400


@named(FILES)
def test_a_function_fits_on_a_screen(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} is too long"


@named(FILES)
def test_nothing_sleeps_probes_or_prints(file):
    """Every wait is on an event; attributes are known; only a program prints (__main__, cli)."""
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)}
    forbidden = {"time.sleep", "hasattr"}
    if file.stem != "_log" and "testing" not in file.parts:
        forbidden.add("logging.getLogger")
    if file.stem not in ("__main__", "cli"):
        forbidden |= {"print", "logging.basicConfig", "sys.exit"}
        if file.stem != "process_pool":  # a child ends so when its parent is gone
            forbidden.add("os._exit")
    assert not called & forbidden


@named([file for file in FILES if file.name != "settings.py"])
def test_only_settings_reads_the_environment(file):
    assert "os.environ" not in file.read_text()
    assert "getenv" not in file.read_text()
