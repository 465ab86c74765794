"""``conductor-worker check``."""

from __future__ import annotations

import click
from rich.text import Text

from conductor.cli.modules import own_output_to_stderr, workers_named
from conductor.cli.output import table
from conductor.cli.session import Session, with_session
from conductor.errors import ConfigurationError
from conductor.operating.environment_checks import environment_checks
from conductor.operating.findings import Finding
from conductor.operating.server_checks import server_checks
from conductor.operating.worker_checks import worker_checks
from conductor.settings import AuthenticationSettings
from conductor.worker import Worker

_STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}


@click.command("check")
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@with_session
def command(session: Session, modules: tuple[str, ...]) -> None:
    """Check the server, the environment, and the workers of MODULE.

    MODULE: a module, a file or an object with workers, such as app, app.py or app:charge. No worker is started.

    The exit status is 1 if there is a problem.
    """
    of_server = server_checks(session.client, has_key=bool(AuthenticationSettings.from_environment().key_id))
    workers, unusable = _workers(modules)
    answers = all(each.status != "problem" for each in of_server if each.check != "clock")
    found = [
        *of_server,
        *environment_checks(worker.task_name for worker in workers),
        *unusable,
        *worker_checks(workers, session.client if answers else None),
    ]
    rows = [(each.check, Text(each.status, _STYLES[each.status]), each.text) for each in found]
    session.output.show(found, table(["check", "status", "text"], rows))
    if any(each.status == "problem" for each in found):
        raise click.exceptions.Exit(1)


def _workers(modules: tuple[str, ...]) -> tuple[list[Worker], list[Finding]]:
    """The workers, and a problem for each module that has none or cannot be imported."""
    workers: list[Worker] = []
    problems = []
    for name in modules:
        try:
            with own_output_to_stderr():
                workers += workers_named((name,))
        except ConfigurationError as error:
            problems.append(Finding(f"module {name}", "problem", str(error)))
    return workers, problems
