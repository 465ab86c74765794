"""The output of commands: text for people, or JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from conductor._log import printable

LONGEST_LINE = 10_000
"""Characters of a table's row in a file or a pipe."""


def shown(value: object) -> Text:
    """Text of a server or of a user, for a terminal: it cannot move the cursor, and has no markup. None is empty."""
    return Text("" if value is None else printable(str(value)))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table without frames. Cells are made by ``shown``, unless they are a ``Text`` already."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")  # a name that is cut would be of no use
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else shown(cell) for cell in row))
    return made


def details(pairs: Iterable[tuple[str, object]]) -> Table:
    """A line for each name and its value. Names without a value are left out."""
    made = table(("", ""), ((name, value) for name, value in pairs if value not in (None, "")))
    made.show_header = False
    return made


def pretty_json(value: object) -> Text:
    """The value as JSON on several lines, for a terminal."""
    lines = msgspec.json.format(msgspec.json.encode(value)).decode().split("\n")
    return Text("\n".join(map(as_ascii, lines)))


class Output:
    """Standard output of a command, which is either JSON or text."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def show(self, value: Any, text: RenderableType) -> None:
        """Print the value as one line of JSON, or the text.

        value: whatever msgspec writes as JSON, in the names that the wire has. text: for people.
        """
        if self.as_json:
            click.echo(as_ascii(msgspec.json.encode(value).decode()))
            return
        screen = console()
        if screen.is_terminal:
            screen.print(text)
            return
        with screen.capture() as printed:
            screen.print(text)
        click.echo("\n".join(line.rstrip() for line in printed.get().rstrip("\n").split("\n")))


def console() -> Console:
    """The console of standard output as it is now. Lines are wrapped on terminals only."""
    made = Console(highlight=False)
    if not made.is_terminal:
        made.soft_wrap = True
        made.width = LONGEST_LINE
    return made


@contextmanager
def live(screen: Console, first: RenderableType) -> Iterator[Live]:
    """A part of the screen that changes at each ``update(…, refresh=True)``. Its last state stays on the screen."""
    try:
        with Live(first, console=screen, auto_refresh=False) as made:
            yield made
    finally:
        screen.show_cursor(True)  # also if Ctrl-C came while Live hid it


def as_ascii(text: str) -> str:
    """JSON in which characters that a terminal may obey are escaped; the value is the same."""
    return "".join(each if each.isprintable() else "".join(map(_escape, _utf16(each))) for each in text)


def _utf16(character: str) -> Iterable[int]:
    encoded = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(encoded[place : place + 2], "big") for place in range(0, len(encoded), 2)]


def _escape(unit: int) -> str:
    return f"\\u{unit:04x}"
