"""``conductor-worker run``."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec

from conductor._log import logger_of
from conductor.cli.log_setup import set_up_log
from conductor.cli.supervised import address, run_processes
from conductor.cli.values import (
    Interval,
    Seconds,
    interceptor_option,
    lifespan_option,
    metrics_port_option,
    server_option,
)
from conductor.cli.worker_process import start
from conductor.metrics import provide_metrics
from conductor.settings import HttpSettings, MetricsSettings
from conductor.transport import ApiClient
from conductor.worker_program.options import RunOptions
from conductor.worker_program.reach import require_server
from conductor.worker_settings import ID, OUTBOX, SHUTDOWN_TIMEOUT

logger = logger_of(__name__)

LEVELS = click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False)
PROCESS = [sys.executable, "-P", "-m", "conductor.cli.worker_process"]
"""The command of a process. ``-P``: modules of the current folder must not replace those of Python."""


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="MODULE[:NAME]...")
@server_option
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True, help="The number of processes.")
@metrics_port_option
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="The address to serve metrics on.")
@click.option(
    "--legacy-names/--no-legacy-names",
    default=True,
    show_default=True,
    help="Serve metrics also with the names of Conductor's worker guide.",
)
@click.option(
    "--outbox",
    type=click.Path(dir_okay=False),
    envvar=OUTBOX,
    show_envvar=True,
    help="A file that keeps results until the server accepts them.",
)
@click.option("--once", is_flag=True, help="End when each worker has done one task.")
@click.option("--until-idle", is_flag=True, help="End when no task waits.")
@click.option("--reload", "reloads", is_flag=True, help="Start again when a Python file in this folder changes.")
@click.option("--log", "log_format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--log-level", type=LEVELS, default="INFO", show_default=True, help="The least level that is logged.")
@click.option(
    "--require-server",
    "server_within",
    type=Interval(0, min_open=True),
    metavar="SECONDS",
    help="Fail if the server does not answer within this time. Otherwise the workers wait for it.",
)
@click.option("--worker-id", envvar=ID, show_envvar=True, help="The name of the workers on the server.")
@click.option(
    "--shutdown-timeout",
    type=Seconds(),
    envvar=SHUTDOWN_TIMEOUT,
    show_envvar=True,
    help="How long running tasks may take after a signal: 30, 500ms, 2s.",
)
@lifespan_option
@interceptor_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    metrics_port: int | None,
    metrics_host: str,
    once: bool,
    until_idle: bool,
    reloads: bool,
    server_within: float | None,
    **given: object,
) -> None:
    """Run the workers of modules, until a signal ends them.

    A name is a module (app), a path (src/app.py) or an object in one of them (app:charge). The exit status is 0 if all
    results were delivered, 1 if work is left behind, and 2 if the workers cannot be started.
    """
    if once and until_idle:
        raise click.UsageError("--once and --until-idle exclude each other: give one of them")
    end = "once" if once else "idle" if until_idle else "signal"
    options = msgspec.convert({**given, "end": end}, RunOptions)
    metrics = None
    if metrics_port is not None:
        metrics = MetricsSettings(metrics_port, host=metrics_host, legacy_names=options.legacy_names)
    if server_within is not None:
        require_server(options.server, server_within)
    if options.processes == 1 and not reloads:
        is_delivered = _run_here(options, metrics)
    else:
        is_delivered = _run_processes(options, metrics, [Path.cwd()] if reloads else [])
    ctx.exit(0 if is_delivered else 1)


def _run_here(options: RunOptions, metrics: MetricsSettings | None) -> bool:
    set_up_log(options.log_format, options.log_level)
    with ApiClient(http_settings=HttpSettings(options.server)) as client, ExitStack() as stack:
        if metrics is not None:
            _log_address(address(metrics, stack.enter_context(provide_metrics(metrics))))
        return start(options, client).wait_workers()


def _run_processes(options: RunOptions, metrics: MetricsSettings | None, watched: list[Path]) -> bool:
    with tempfile.TemporaryFile() as turn:
        set_up_log(options.log_format, options.log_level, turn.fileno())
        program = [*PROCESS, str(turn.fileno())]
        return run_processes(program, options, metrics, _log_address, inherited=(turn.fileno(),), watched=watched)


def _log_address(url: str) -> None:
    logger.info("metrics: %s", url)
