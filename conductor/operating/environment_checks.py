"""Checks the environment of this process: its variables, and the packages that are installed beside this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions

from conductor.operating.findings import Finding
from conductor.worker_settings import misspelt_variables, readable_properties, variables_of_no_worker

_OWN_NAME = "conductor-worker"


def environment_checks(task_names: Iterable[str]) -> list[Finding]:
    """task_names: of all workers that the variables may mean. Without any, only the properties are checked."""
    return [*_variables(list(task_names)), _packages()]


def _variables(task_names: list[str]) -> Iterator[Finding]:
    misspelt = misspelt_variables()
    properties = ", ".join(readable_properties())
    for name in misspelt:
        yield Finding("variables", "problem", f"no setting reads {name}: it must end with one of {properties}")
    unused = variables_of_no_worker(task_names) if task_names else []
    for name in unused:
        yield Finding("variables", "note", f"{name} is for none of these workers")
    if not misspelt and not unused:
        yield Finding("variables", "ok", "no CONDUCTOR_WORKER_… variable is misspelt")


def _packages() -> Finding:
    """Two packages with the same modules overwrite each other's files."""
    others = sorted(set(packages_distributions().get("conductor", ())) - {_OWN_NAME})
    if not others:
        return Finding("packages", "ok", "no other package has modules named conductor")
    names = " and ".join(others)
    verb = "installs" if len(others) == 1 else "install"
    text = (
        f"{names} {verb} modules named conductor too, and the packages overwrite each other's files:"
        f" uninstall {names} and {_OWN_NAME}, then install one of them"
    )
    return Finding("packages", "problem", text)
