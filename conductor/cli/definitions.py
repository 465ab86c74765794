"""The definitions that a command line names."""

from __future__ import annotations

import click

from conductor._log import printable
from conductor.definition_files import FileDefinition, in_order, scan_definitions


def definitions_in(path: str) -> list[FileDefinition]:
    """The definitions in a file or a folder, in order.

    If one is faulty, each problem is printed as a line, and the command ends with status 1.
    """
    definitions, problems = scan_definitions(path)
    for problem in problems:
        click.echo(f"error: {printable(str(problem))}", err=True)
    if problems:
        click.get_current_context().exit(1)
    return in_order(definitions)
