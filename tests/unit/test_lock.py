"""requirements/dev.txt, from which all environments are made, holds what pyproject.toml asks for, with its hashes."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements" / "dev.txt").read_text()
LOCKED = dict(re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE))
GROUPS = PYPROJECT["dependency-groups"].values()
ASKED_FOR = [
    *PYPROJECT["build-system"]["requires"],
    *PYPROJECT["project"]["dependencies"],
    *[line for group in GROUPS for line in group if isinstance(line, str)],
]


@pytest.mark.parametrize("line", ASKED_FOR)
def test_what_is_asked_for_is_locked_in_a_version_that_will_do(line):
    requirement = Requirement(line)
    assert requirement.name in LOCKED, "run scripts/lock.sh"
    assert LOCKED[requirement.name] in requirement.specifier, "run scripts/lock.sh"


def test_every_locked_package_has_its_hashes():
    entries = re.split(r"\n(?=\w)", LOCK.strip())
    assert len(entries) == len(re.findall(r"^[\w.-]+==", LOCK, re.MULTILINE))
    assert [
        entry for entry in entries if not re.fullmatch(r"\S+==\S+[^\\]*\\\n(\s+--hash=sha256:\w{64}[ \\\n]*)+", entry)
    ] == []


def test_the_lock_names_no_index():
    assert "://" not in LOCK
    assert not re.search(r"^\s*-(?!-hash=)", LOCK, re.MULTILINE)
