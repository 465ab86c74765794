"""``conductor-worker dev``."""

from __future__ import annotations

import math
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import msgspec
from prometheus_client import CollectorRegistry

from conductor.cli.dev_words import say, say_starts
from conductor.cli.log_setup import log_to_stderr
from conductor.cli.reload import on_change
from conductor.definition_files import in_order, scan_definitions
from conductor.definition_server import DefinitionServer
from conductor.development.start_command import Shell
from conductor.errors import ConductorError, ConfigurationError
from conductor.metrics import MetricsServer
from conductor.runner.signals import WAKE_UP, Waiters, next_event, signals_into
from conductor.settings import KEY_ID, KEY_SECRET, METRICS_PORT, HttpSettings, MetricsSettings
from conductor.supervision.reports import Reports
from conductor.supervision.supervisor import Plan, Supervisor
from conductor.testing.dev_server import DevServer
from conductor.transport import ApiClient
from conductor.worker_program.options import RunOptions
from conductor.worker_settings import use_server

DRAIN_WITHIN = 10.0
"""Seconds that running tasks have to finish, also before changed code is loaded."""
PROCESS = [sys.executable, "-u", "-P", "-m", "conductor.cli.dev_process"]
"""The command of the process with the workers. ``-u``: what functions print is shown at once."""


@click.command("dev")
@click.argument("names", nargs=-1, metavar="[MODULE]...")
@click.option(
    "--definitions",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Register the definitions in this folder, and again when one of its files changes.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--db", default=":memory:", metavar="FILE", help="Keep all workflows and definitions in a file.")
@click.option("--lifespan", metavar="MODULE:NAME", help="A context manager that is entered before the first poll.")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    envvar=METRICS_PORT,
    show_envvar=True,
    help="Serve metrics on this port, summed over all processes. 0 takes a free one.",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    names: tuple[str, ...],
    definitions: Path | None,
    port: int,
    db: str,
    lifespan: str | None,
    metrics_port: int | None,
) -> None:
    """Start a server for development, and the workers of MODULE.

    The Conductor server runs in this process and has a page for the browser. The workers start again when a Python file
    changes. Workflow definitions in MODULE are registered. Ctrl-C ends all.
    """
    log_to_stderr()
    folders = [_folder_of(name) for name in names]
    with ExitStack() as stack:
        server = stack.enter_context(_served(port, db))
        is_default = _is_default(server.url)
        say("page", server.url.removesuffix("api"))
        say("API", server.url)
        if unused := use_server(server.url):
            say("not used", ", ".join(unused))
        shell = Shell(None if is_default else server.url, [name for name in (KEY_ID, KEY_SECRET) if name in unused])
        if definitions is not None:
            stack.enter_context(_registered(definitions, server.url))
        if not names:
            say_starts(definitions, shell)
            _wait()
            return
        settings = None if metrics_port is None else MetricsSettings(metrics_port)
        command = [*PROCESS, msgspec.json.encode(shell).decode(), "" if definitions is None else str(definitions)]
        options = RunOptions(names=list(names), server=server.url, shutdown_timeout=DRAIN_WITHIN, lifespan=lifespan)
        ctx.exit(0 if _run_workers(command, options, settings, folders) else 1)


def _run_workers(command: list[str], options: RunOptions, metrics: MetricsSettings | None, folders: list[Path]) -> bool:
    """Block until a signal. Returns whether no work is left behind."""
    reports = Reports(options.processes)
    arguments = msgspec.json.encode(options).decode(), "" if metrics is None else "reports"
    plan = Plan([*command, *arguments], options.processes, DRAIN_WITHIN, waits_for_change=True)
    supervisor = Supervisor(plan, reports)
    with ExitStack() as stack:
        if metrics is not None:
            registry = CollectorRegistry()
            registry.register(reports)
            served = stack.enter_context(MetricsServer(metrics, registry, reports.health))
            say("metrics", f"http://{metrics.host}:{served.port}{metrics.endpoint}")
        stack.enter_context(on_change(supervisor.restart, *folders))
        return supervisor.run()


@contextmanager
def _served(port: int, db: str) -> Iterator[DevServer]:
    try:
        server = DevServer(port, db=db).start()
    except sqlite3.Error as error:
        raise ConfigurationError(f"--db {db}: {error}") from error
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConductorError(f"cannot listen on port {port}: {reason}. --port 0 takes a free one") from error
    with server:
        yield server


@contextmanager
def _registered(definitions: Path, url: str) -> Iterator[None]:
    """Register the definitions now, and whenever a file changes."""
    with ApiClient(http_settings=HttpSettings(url)) as client:
        server = DefinitionServer(client)
        _register(definitions, server)
        with on_change(lambda: _register(definitions, server), definitions, ending=".json"):
            yield


def _register(path: Path, server: DefinitionServer) -> None:
    """Register what has changed, and print it with the problems."""
    try:
        found, problems = scan_definitions(path)
        texts = list(map(str, problems))
        outcomes = list(server.register(in_order(found)))
    except ConductorError as error:
        texts, outcomes = [str(error)], []
    for text in (*texts, *(f"{each.definition}: {each.error}" for each in outcomes if each.error)):
        say("problem", text, "bold red")
    if registered := [str(each.definition) for each in outcomes if each.registered]:
        say("registered", "; ".join(registered))


def _folder_of(name: str) -> Path:
    """The folder whose files belong to a module. ConfigurationError: there is no such file."""
    module = name.partition(":")[0]
    if not module.endswith(".py"):
        return Path.cwd()
    if not Path(module).is_file():
        raise ConfigurationError(f"there is no file {module!r}")
    return Path(module).resolve().parent


def _is_default(url: str) -> bool:
    """Whether the commands of a shell with this environment find the server without an option."""
    try:
        return HttpSettings().base_url.replace("//localhost:", "//127.0.0.1:") == url
    except ConfigurationError:
        return False


def _wait() -> None:
    """Block until SIGINT or SIGTERM."""
    with Waiters().events() as events, signals_into(events, wanted=True):
        while next_event(events, math.inf) == WAKE_UP:
            pass
