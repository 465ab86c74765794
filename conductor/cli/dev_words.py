"""The lines that ``conductor-worker dev`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import click
import msgspec
from rich.text import Text

from conductor.cli.output import console, json_text, shown
from conductor.definition_files import scan_definitions
from conductor.development.start_command import Shell, start_command
from conductor.errors import ConfigurationError
from conductor.models import WorkflowDef
from conductor.worker import Worker


@dataclass(frozen=True)
class Words:
    """Standard output: lines for people, or for each text a line of JSON for programs.

    file: where the lines go instead.
    """

    as_json: bool
    file: TextIO | None = None

    def say(self, name: str, text: str, style: str = "bold") -> None:
        """Print a name in a column of its own, and beside it the lines of a text."""
        if self.as_json:
            click.echo(json_text({"name": name, "text": text}), self.file)
            return
        screen = console()
        for number, line in enumerate(text.splitlines()):
            column = "" if number else name
            printed = Text.assemble((f"{column:<11}", style)).append_text(shown(line))
            if screen.is_terminal:
                screen.print(printed, soft_wrap=True)
            else:
                click.echo(printed.plain)  # it writes UTF-8 also if Python takes the output for ASCII

    def say_starts(
        self,
        definitions: Path | None,
        shell: Shell,
        workflows: Sequence[WorkflowDef] = (),
        workers: Sequence[Worker] = (),
    ) -> None:
        """Print the commands that start the workflows, and those in the files."""
        found = [msgspec.to_builtins(workflow) for workflow in workflows]
        if definitions is not None:
            found += _workflows_in(definitions)
        for workflow in found:
            self.say("start", start_command(workflow, workers, shell))


def _workflows_in(definitions: Path) -> list[dict[str, object]]:
    try:
        found, _problems = scan_definitions(definitions)
    except ConfigurationError:  # it was printed when they were registered
        return []
    return [each.wire for each in found if each.kind == "workflow"]
