"""``conductor-worker dev``."""

from __future__ import annotations

import math
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import click
import msgspec

from conductor.cli.dev_words import Words
from conductor.cli.log_setup import log_to_stderr
from conductor.cli.modules import place_of
from conductor.cli.reload import on_change
from conductor.cli.supervised import run_processes
from conductor.cli.values import json_option, lifespan_option, metrics_port_option
from conductor.definition_files import in_order, scan_definitions
from conductor.definition_server import DefinitionServer
from conductor.development.start_command import Shell
from conductor.errors import ConductorError, ConfigurationError
from conductor.runner.signals import next_event, signals_into
from conductor.settings import KEY_ID, KEY_SECRET, HttpSettings, MetricsSettings
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
@lifespan_option
@metrics_port_option
@json_option
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
    as_json: bool,
) -> None:
    """Start a server for development, and the workers of MODULE.

    The Conductor server runs in this process and has a page for the browser. The workers start again when a Python file
    changes. Workflow definitions in MODULE are registered. Ctrl-C ends all.
    """
    log_to_stderr()
    words = Words(as_json=as_json)
    folders = [place_of(name)[0] for name in (*names, *([] if lifespan is None else [lifespan]))]
    with ExitStack() as stack:
        server = stack.enter_context(_served(port, db))
        is_default = _is_default(server.url)
        words.say("page", server.url.removesuffix("api"))
        words.say("API", server.url)
        if unused := use_server(server.url):
            words.say("not used", ", ".join(unused))
        shell = Shell(None if is_default else server.url, [name for name in (KEY_ID, KEY_SECRET) if name in unused])
        if definitions is not None:
            stack.enter_context(_registered(definitions, server.url, words))
        if not names:
            words.say_starts(definitions, shell)
            _wait()
            return
        metrics = None if metrics_port is None else MetricsSettings(metrics_port)
        folder = "" if definitions is None else str(definitions)
        program = [*PROCESS, "json" if as_json else "", msgspec.json.encode(shell).decode(), folder]
        options = RunOptions(names=list(names), server=server.url, shutdown_timeout=DRAIN_WITHIN, lifespan=lifespan)
        is_delivered = run_processes(program, options, metrics, partial(words.say, "metrics"), watched=folders)
        ctx.exit(0 if is_delivered else 1)


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
def _registered(definitions: Path, url: str, words: Words) -> Iterator[None]:
    """Register the definitions now, and whenever a file changes."""
    with ApiClient(http_settings=HttpSettings(url)) as client:
        server = DefinitionServer(client)
        _register(definitions, server, words)
        with on_change(lambda: _register(definitions, server, words), definitions, ending=".json"):
            yield


def _register(path: Path, server: DefinitionServer, words: Words) -> None:
    """Register what has changed, and print it with the problems."""
    try:
        found, problems = scan_definitions(path)
        texts = list(map(str, problems))
        outcomes = list(server.register(in_order(found)))
    except ConductorError as error:
        texts, outcomes = [str(error)], []
    for text in (*texts, *(f"{each.definition}: {each.error}" for each in outcomes if each.error)):
        words.say("problem", text, "bold red")
    if registered := [str(each.definition) for each in outcomes if each.registered]:
        words.say("registered", "; ".join(registered))


def _is_default(url: str) -> bool:
    """Whether the commands of a shell with this environment find the server without an option."""
    try:
        return HttpSettings().base_url.replace("//localhost:", "//127.0.0.1:") == url
    except ConfigurationError:
        return False


def _wait() -> None:
    """Block until SIGINT or SIGTERM."""
    events: SimpleQueue[int] = SimpleQueue()
    with signals_into(events, wanted=True):
        next_event(events, math.inf)
