"""The settings of workers and runners that come from the environment, and the origin of each setting.

The options of a worker: ``CONDUCTOR_WORKER_<TASK>_<PROPERTY>``, else ``CONDUCTOR_WORKER_ALL_<PROPERTY>``, else code.
The arguments of a runner: the code, else ``CONDUCTOR_WORKER_ID``, ``_OUTBOX`` and ``_SHUTDOWN_TIMEOUT``.
"""

from __future__ import annotations

import copy
import inspect
import math
import os
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from conductor._arguments import LONGEST, Duration, seconds
from conductor._variables import seconds_of, switch_of, whole_number_of
from conductor.settings import KEY_ID, KEY_SECRET, METRICS_PORT, SERVER_URL
from conductor.worker import LONGEST_POLL_TIMEOUT, Worker, checked_domain, checked_name

DEFAULT_SHUTDOWN_TIMEOUT = 30.0
# As in settings.py, scripts/docs_tables.py reads these texts.
ID = "CONDUCTOR_WORKER_ID"
"""``TaskRunner(worker_id=…)``: the name of the poller that the server shows. Default: host name and process id."""
SHUTDOWN_TIMEOUT = "CONDUCTOR_WORKER_SHUTDOWN_TIMEOUT"
"""``TaskRunner(shutdown_timeout=…)``: the time that running tasks have to finish; a duration."""
OUTBOX = "CONDUCTOR_WORKER_OUTBOX"
"""``TaskRunner(outbox=…)``: the path of the file that keeps unsent results. Default: no outbox."""
CODE, DEFAULT = "code", "default"
LONGEST_WAIT_WITHOUT_UNIT = 60.0
"""Seconds. ``POLL_INTERVAL=500`` may come from a program of conductor-python, where it means milliseconds."""

_PREFIX = "CONDUCTOR_WORKER_"
_NOT_OF_WORKERS = {ID, OUTBOX, SHUTDOWN_TIMEOUT, METRICS_PORT}
"""Variables with the same prefix."""


@dataclass(frozen=True)
class Setting:
    """A setting in force, and its origin. ``str()`` shows both on one line.

    task_name, domain: of the worker that has the setting. Both are None for a setting of the runner.
    source: the name of the variable that has set it, or ``code``, or ``default`` if the value is the usual one.
    """

    task_name: str | None
    domain: str | None
    name: str
    value: object
    source: str

    def __str__(self) -> str:
        owner = "runner" if self.task_name is None else self.task_name
        of_domain = "" if self.domain is None else f" (domain {self.domain})"
        return f"{owner}{of_domain}: {self.name}={self.value!r} ({self.source})"


def _seconds(
    variable: str, text: str, *, minimum: float = 0.0, maximum: float = LONGEST, most_without_unit: float = math.inf
) -> float | None:
    """The duration. None for an empty text."""
    if not text.strip():
        return None
    # Spellings that only conductor-python has keep its unit.
    is_its_own = "." in variable or variable.startswith(_PREFIX.lower())
    unit = "ms" if is_its_own or _spelt(variable).endswith(("POLLING_INTERVAL", "MILLIS")) else "s"
    limit = math.inf if unit == "ms" else most_without_unit
    return seconds_of(variable, text, minimum=minimum, maximum=maximum, unit=unit, most_without_unit=limit)


def _domain(variable: str, text: str) -> str | None:
    return checked_domain(text.strip() or None, variable)


@dataclass(frozen=True)
class _Option:
    """An option of Worker. read: makes its value of a variable's name and text."""

    name: str
    properties: tuple[str, ...]
    read: Callable[[str, str], object]


_wait = partial(_seconds, most_without_unit=LONGEST_WAIT_WITHOUT_UNIT)
_OPTIONS = (
    _Option("batch_size", ("BATCH_SIZE", "THREAD_COUNT"), partial(whole_number_of, least=1)),
    _Option("domain", ("DOMAIN",), _domain),
    _Option("poll_interval", ("POLL_INTERVAL", "POLLING_INTERVAL", "POLL_INTERVAL_MILLIS"), _wait),
    _Option("poll_timeout", ("POLL_TIMEOUT",), partial(_wait, maximum=LONGEST_POLL_TIMEOUT)),
    _Option("lease_extension", ("LEASE_EXTENSION", "LEASE_EXTEND_ENABLED"), switch_of),
    _Option("timeout", ("TIMEOUT",), partial(_seconds, minimum=0.001)),
    _Option("paused", ("PAUSED",), switch_of),
)
"""Of several properties the first one that is set counts. Those after the first are conductor-python's."""


def with_environment(worker: Worker) -> Worker:
    """A copy of the worker, with the options that the environment sets. ConfigurationError names a bad variable."""
    variables = _worker_variables()
    resolved = copy.copy(worker)
    resolved.sources = {}
    for option in _OPTIONS:
        variable = _find(worker.task_name, option, variables)
        if variable is not None:
            setattr(resolved, option.name, option.read(variable, os.environ[variable]))
            resolved.sources[option.name] = variable
    return resolved


def settings_of(worker: Worker) -> list[Setting]:
    """The worker's options that a variable can set, as they are now.

    For a worker that no runner has started, give ``with_environment(worker)``.
    """
    defaults = inspect.signature(Worker).parameters
    found = []
    for option in _OPTIONS:
        value = getattr(worker, option.name)
        from_code = DEFAULT if value == defaults[option.name].default else CODE
        source = worker.sources.get(option.name, from_code)
        found.append(Setting(worker.task_name, worker.domain, option.name, value, source))
    return found


def misspelt_variables() -> list[str]:
    """The variables that begin like those of workers, and that no option reads."""
    ends = tuple(f"_{each}" for option in _OPTIONS for each in option.properties)
    return [name for key, name in _worker_variables().items() if not key.removeprefix(_PREFIX).endswith(ends)]


def variables_of_no_worker(task_names: Iterable[str]) -> list[str]:
    """The variables that set an option of another task than these."""
    workers = {*map(_spelt, task_names), "ALL"}
    ends = [f"_{each}" for option in _OPTIONS for each in option.properties]
    found = []
    for key, name in _worker_variables().items():
        meant = {key.removeprefix(_PREFIX).removesuffix(end) for end in ends if key.endswith(end)}
        if meant and not meant & workers:
            found.append(name)
    return found


def is_set(variable: str) -> bool:
    """Whether the environment has the variable. An empty one counts as not set."""
    return bool(os.environ.get(variable))


def use_server(url: str) -> list[str]:
    """Let this process, and those that it starts, use a server without access keys, such as an embedded one.

    Variables that are meant for another server are taken out of the environment: the access key, the outbox, whose
    results would go to the wrong server, and the domains. Returns their names, and SERVER_URL if its value has changed.
    """
    domains = [name for name in os.environ if _spelt(name).startswith(_PREFIX) and _spelt(name).endswith("_DOMAIN")]
    removed = [name for name in (KEY_ID, KEY_SECRET, OUTBOX, *domains) if os.environ.pop(name, None)]
    before = os.environ.get(SERVER_URL)
    os.environ[SERVER_URL] = url
    return [*([SERVER_URL] if before not in {None, url} else []), *removed]


def readable_properties() -> list[str]:
    """``BATCH_SIZE`` and so on."""
    return [option.properties[0] for option in _OPTIONS]


def _find(task_name: str, option: _Option, variables: Mapping[str, str]) -> str | None:
    names = (f"{_PREFIX}{workers}_{each}" for workers in (_spelt(task_name), "ALL") for each in option.properties)
    return next((variables[name] for name in names if name in variables), None)


def _worker_variables() -> dict[str, str]:
    """The names of variables, by their usual spelling. Of two spellings the usual one counts."""
    spelt = {_spelt(name): name for name in sorted(os.environ, reverse=True)}  # the usual one sorts before others
    return {key: name for key, name in spelt.items() if key.startswith(_PREFIX) and key not in _NOT_OF_WORKERS}


def _spelt(name: str) -> str:
    """``my-task`` as ``MY_TASK``: a shell takes no other characters in a variable's name."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


class RunnerSettings:
    """The arguments of a TaskRunner, checked. None: from the environment, else the default."""

    def __init__(
        self, worker_id: str | None, shutdown_timeout: Duration | None, outbox: str | os.PathLike[str] | None
    ) -> None:
        name, chosen_id, id_source = _chosen("worker_id", worker_id, ID, f"{socket.gethostname()}-{os.getpid()}")
        self.worker_id = checked_name(name, chosen_id)
        name, chosen, source = _chosen("shutdown_timeout", shutdown_timeout, SHUTDOWN_TIMEOUT, DEFAULT_SHUTDOWN_TIMEOUT)
        self.shutdown_timeout = seconds_of(name, chosen) if source == SHUTDOWN_TIMEOUT else seconds(name, chosen)
        _, self.outbox, self.outbox_source = _chosen("outbox", outbox, OUTBOX, None)
        self.in_force = [
            Setting(None, None, "worker_id", self.worker_id, id_source),
            Setting(None, None, "shutdown_timeout", self.shutdown_timeout, source),
            Setting(None, None, "outbox", self.outbox, self.outbox_source),
        ]


def _chosen(name: str, argument: object, variable: str, default: object) -> tuple[str, Any, str]:
    """The name under which a value was given, the value, and its source. An empty variable counts as not set."""
    if argument is not None:
        return name, argument, CODE
    if text := os.environ.get(variable):
        return variable, text, variable
    return name, default, DEFAULT
