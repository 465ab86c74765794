"""Checks the environment of this process: its variables, and the packages that are installed beside this one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import conductor
from conductor.delivery.outbox_file import OutboxFile
from conductor.errors import ConductorError, ConfigurationError
from conductor.operating.findings import Finding
from conductor.settings import MetricsSettings
from conductor.worker_settings import RunnerSettings, misspelt_variables, readable_properties, variables_of_no_worker

_OWN_NAME = "conductor-worker"


def environment_checks(task_names: Iterable[str]) -> list[Finding]:
    """task_names: of all workers that the variables may mean. Without any, only the properties are checked."""
    return [*_variables(list(task_names)), *_settings(), _packages()]


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


def _settings() -> Iterator[Finding]:
    """The settings of the metrics and of the runner, and the outbox if there is one."""
    try:
        MetricsSettings()
    except ConfigurationError as error:
        yield Finding("metrics", "problem", str(error))
    try:
        outbox = RunnerSettings(None, None, None).outbox
    except ConfigurationError as error:
        yield Finding("runner", "problem", str(error))
        return
    if outbox is not None:
        yield _outbox(outbox)


def _outbox(path: str) -> Finding:
    """It is not made, but a file that exists must be usable."""
    if not os.path.lexists(path):
        folder = Path(path).absolute().parent
        if folder.is_dir():
            return Finding("outbox", "ok", f"{path} will be made by the first worker")
        return Finding("outbox", "problem", f"{path} cannot be made: there is no folder {folder}")
    try:
        with OutboxFile(path) as outbox:
            left = len(outbox.results())
    except ConductorError as error:
        return Finding("outbox", "problem", str(error))
    if left:
        return Finding("outbox", "note", f"{path} holds results that are not delivered: {left}")
    return Finding("outbox", "ok", f"{path} can be used, and is empty")


def _packages() -> Finding:
    """Two packages with the same modules overwrite each other's files, and one removes files of the other."""
    if conductor.__file__ is None:
        text = f"conductor/__init__.py is missing: a package that had it too was removed. Install {_OWN_NAME} again"
        return Finding("packages", "problem", text)
    others = sorted({each for each in packages_distributions().get("conductor", ()) if each} - {_OWN_NAME})
    if not others:
        return Finding("packages", "ok", "no other package has modules named conductor")
    names = " and ".join(others)
    verb = "installs" if len(others) == 1 else "install"
    text = (
        f"{names} {verb} modules named conductor too, and the packages overwrite each other's files:"
        f" uninstall {names} and {_OWN_NAME}, then install one of them"
    )
    return Finding("packages", "problem", text)
