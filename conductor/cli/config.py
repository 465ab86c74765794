"""``conductor-worker config``."""

from __future__ import annotations

import click
from click.core import ParameterSource

from conductor.cli.modules import own_output_to_stderr, workers_named
from conductor.cli.output import Output, table
from conductor.cli.values import json_option, server_option
from conductor.operating.resolved_settings import resolved_settings
from conductor.settings import SERVER_URL, HttpSettings
from conductor.worker_settings import DEFAULT

_SOURCES = {ParameterSource.COMMANDLINE: "--server", ParameterSource.ENVIRONMENT: SERVER_URL}


@click.command("config")
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@server_option
@json_option
@click.pass_context
def command(context: click.Context, modules: tuple[str, ...], server: str | None, *, as_json: bool) -> None:
    """Show the settings in force, with the source of each. Secrets are hidden.

    MODULE: a module, a file or an object with workers, such as app, app.py or app:charge. No worker is started, and no
    request is sent.
    """
    source = context.get_parameter_source("server")
    server_source = DEFAULT if server is None or source is None else _SOURCES[source]
    with own_output_to_stderr():
        workers = workers_named(modules) if modules else []
    found = resolved_settings(HttpSettings(server), server_source, workers)
    rows = [(each.owner, each.name, each.value, each.source) for each in found]
    Output(as_json=as_json).show(found, table(["of", "setting", "value", "source"], rows))
