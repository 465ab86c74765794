"""``conductor-worker lint``."""

from __future__ import annotations

from collections import Counter

import click
from rich.text import Text

from conductor.cli.modules import own_output_to_stderr, workers_named
from conductor.cli.output import Output, shown
from conductor.cli.values import json_option
from conductor.linting.findings import Finding
from conductor.linting.lint import lint

_COLOURS = {"error": "bold red", "warning": "yellow"}


@click.command("lint")
@click.argument("path", metavar="DIR")
@click.argument("modules", nargs=-1, metavar="[MODULE]...")
@click.option("--strict", is_flag=True, help="Count warnings as errors: the exit status is 1 if there is one.")
@json_option
def command(path: str, modules: tuple[str, ...], *, strict: bool, as_json: bool) -> None:
    """Find errors in the task and workflow definitions in DIR. DIR is a JSON file, or a folder of them.

    No server is asked. MODULE is a module, a file or an object with workers, such as app, app.py or app:charge: with
    it, tasks without a worker and inputs that a worker does not take are found, too.
    """
    with own_output_to_stderr():
        workers = workers_named(modules) if modules else ()
    findings = lint(path, workers)
    count = Counter[str](finding.severity for finding in findings)
    summary = ", ".join(f"{count[name]} {name}{'s' * (count[name] != 1)}" for name in _COLOURS)
    Output(as_json=as_json).show(findings, Text("\n").join([*map(_line, findings), Text(summary)]))
    click.get_current_context().exit(bool(count["error"] or (strict and count["warning"])))


def _line(finding: Finding) -> Text:
    place = shown(": ".join(filter(None, (finding.file, finding.place))))
    severity = Text(f": {finding.severity}: ", _COLOURS[finding.severity])
    return place.append_text(severity).append_text(shown(finding.text))
