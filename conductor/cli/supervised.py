"""The processes in which a command runs workers, with the metrics of all of them on one port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry

from conductor.cli.reload import on_change
from conductor.errors import ConfigurationError
from conductor.metrics import MetricsServer
from conductor.settings import MetricsSettings
from conductor.supervision.reports import Reports
from conductor.supervision.supervisor import Plan, Supervisor
from conductor.worker_program.options import RunOptions
from conductor.worker_settings import RunnerSettings


def run_processes(
    program: Sequence[str],
    options: RunOptions,
    metrics: MetricsSettings | None,
    tell: Callable[[str], None],
    *,
    inherited: Sequence[int] = (),
    watched: Sequence[Path] = (),
) -> bool:
    """Run the workers until a signal, or until their processes end. Returns whether no work is left behind.

    program: its further arguments are the options as JSON, "reports" or "", and those that Plan names.
    tell: called with the URL of the metrics, if they are served. inherited: descriptors that each process gets.
    watched: folders. A change of a Python file in them replaces the processes, and a process that cannot start waits
    for a change.

    ConfigurationError: the metrics cannot be served, or an option is not UTF-8. Or the workers cannot be started, and
    no folder is watched.
    """
    reports = Reports(options.processes)
    plan = Plan(
        [*program, _as_json(options), "" if metrics is None else "reports"],
        options.processes,
        RunnerSettings(None, options.shutdown_timeout, None).shutdown_timeout,
        inherited=inherited,
        is_finite=options.end != "signal",
        waits_for_change=bool(watched),
    )
    supervisor = Supervisor(plan, reports)
    with ExitStack() as stack:
        if metrics is not None:
            registry = CollectorRegistry()
            registry.register(reports)
            tell(address(metrics, stack.enter_context(MetricsServer(metrics, registry, reports.health))))
        if watched:
            stack.enter_context(on_change(supervisor.restart, *watched))
        return supervisor.run()


def _as_json(options: RunOptions) -> str:
    try:
        return msgspec.json.encode(options).decode()
    except UnicodeEncodeError as error:  # surrogates: they stand for the bytes of a file name that is not UTF-8
        raise ConfigurationError(f"processes cannot be given a name that is not UTF-8: {error.object!r}") from error


def address(settings: MetricsSettings, server: MetricsServer) -> str:
    """The URL of the metrics."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{server.port}{settings.endpoint}"
