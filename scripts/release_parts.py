"""The packages that come with this one: their list as an SBOM (CycloneDX), and the audit of their known weaknesses.

Both cover the dependencies of pyproject.toml with all extras, and their dependencies, in the versions of
requirements/dev.txt. Those are the versions that the tests ran with; an index may give users newer ones.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PYPROJECT = ROOT / "pyproject.toml"
LOCK = ROOT / "requirements" / "dev.txt"
AUDIT_LIMIT = 120
"""Seconds that the audit may take."""


@dataclass(frozen=True)
class Audited:
    """summary: one line for people, which says so if the audit could not run."""

    summary: str
    is_vulnerable: bool = False


def write_sbom(version: str, target: Path) -> None:
    """Write a CycloneDX document in JSON, which is the same for the same commit."""
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "requirements",
        "--pyproject",
        str(PYPROJECT),
        "--mc-type",
        "library",
    ]
    command += ["--output-reproducible", "--of", "JSON", "-"]
    made = subprocess.run(command, input=locked_lines(), check=True, capture_output=True, text=True)
    document = json.loads(made.stdout)
    document["metadata"]["component"]["version"] = version  # it is not in pyproject.toml
    target.write_text(json.dumps(document, indent=1) + "\n")


def audit() -> Audited:
    """Ask the vulnerability service of PyPI about each package."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", "/dev/stdin", "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            command, input=locked_lines(), check=False, capture_output=True, text=True, timeout=AUDIT_LIMIT
        )
        packages = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return Audited(f"it could not run: the service did not answer within {AUDIT_LIMIT} s")
    except json.JSONDecodeError:
        return Audited(f"it could not run: {done.stderr.strip().splitlines()[-1]}")
    found = [f"{each['name']} {each['version']}: {bug['id']}" for each in packages for bug in each.get("vulns", ())]
    skipped = {each["name"]: each["skip_reason"] for each in packages if "skip_reason" in each}
    if len(skipped) == len(packages):
        return Audited(f"it could not run: {next(iter(skipped.values()))}")
    text = ", ".join(found) or f"no known vulnerability in {len(packages) - len(skipped)} packages"
    return Audited(text + (f"; not checked: {', '.join(skipped)}" if skipped else ""), bool(found))


def locked_lines() -> str:
    """The entries of the lock file for the packages that users get."""
    entries = re.split(r"\n(?=\w)", LOCK.read_text().strip())
    names = names_for_users()
    return "\n".join(entry for entry in entries if canonicalize_name(entry.partition("==")[0]) in names) + "\n"


def names_for_users() -> set[str]:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    pending = [Requirement(line) for line in [*project["dependencies"], *extras]]
    seen: set[str] = set()
    while pending:
        needed = pending.pop()
        name = canonicalize_name(needed.name)
        if name not in seen:
            seen.add(name)
            pending += [each for each in map(Requirement, requires(name) or ()) if applies(each, needed.extras)]
    return seen


def applies(requirement: Requirement, extras: set[str]) -> bool:
    """Whether it is needed here, for a package that is asked for with these extras."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))
