"""``conductor-worker register``."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click
from rich.text import Text

from conductor.cli.definitions import definitions_in
from conductor.cli.output import shown
from conductor.cli.session import Session, with_session
from conductor.definition_server import DefinitionServer, Outcome

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command("register")
@click.argument("path", metavar="DIR")
@click.option("--dry-run", is_flag=True, help="Show the changes, and send nothing.")
@click.option("--check", is_flag=True, help="Like --dry-run, with exit status 1 if there are changes.")
@with_session
def command(session: Session, path: str, *, dry_run: bool, check: bool) -> None:
    """Register the task and workflow definitions in DIR. DIR is a JSON file, or a folder of them.

    Definitions that differ from the server's are shown as a diff and replaced. Others stay as they are.
    """
    sends = not (dry_run or check)
    definitions = definitions_in(path)
    outcomes = []
    try:
        for outcome in DefinitionServer(session.client).register(definitions, dry_run=not sends):
            outcomes.append(outcome)
            if not session.output.as_json:
                session.output.show(None, _text(outcome))
    finally:  # also if the server is lost on the way
        if outcomes:
            session.output.show([_as_json(each) for each in outcomes], _summary(outcomes, sends=sends))
    differs = check and any(each.state != "same" for each in outcomes)
    click.get_current_context().exit(differs or any(each.error for each in outcomes))


def _text(outcome: Outcome) -> Text:
    definition = outcome.definition
    lines = [shown(f"{outcome.state or 'unknown'}: {definition} ({definition.file})")]
    for line in outcome.diff:
        lines.append(shown(line))
        lines[-1].stylize(_COLOURS.get(line[:1], ""))
    if outcome.error:
        lines += [Text("error: ", "bold red").append_text(shown(line)) for line in outcome.error.splitlines()]
    return Text("\n").join(lines)


def _summary(outcomes: list[Outcome], *, sends: bool) -> str:
    states = Counter(outcome.state for outcome in outcomes if not outcome.error)
    counts = {
        **{state: states[state] for state in ("new", "changed", "same")},
        "refused": len(outcomes) - states.total(),
    }
    summary = ", ".join(f"{count} {name}" for name, count in counts.items())
    return summary if sends else f"{summary}; nothing was sent"


def _as_json(outcome: Outcome) -> dict[str, Any]:
    definition = outcome.definition
    return {
        "kind": definition.kind,
        "name": definition.name,
        "version": definition.version,
        "file": definition.file,
        "place": definition.place,
        "state": outcome.state,
        "diff": outcome.diff,
        "registered": outcome.registered,
        "error": outcome.error or None,
    }
