"""The output of commands: text for people, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import click
import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from conductor._log import printable

LONGEST_LINE = 10_000
"""Characters of a table's row in a file or a pipe."""
NARROW = 24
"""Characters. A column of sentences is not made narrower."""
GAP = 2
"""Blanks between two columns."""


def shown(value: object) -> Text:
    """Text of a server or of a user, for a terminal: it cannot move the cursor, and has no markup. None is empty."""
    return Text("" if value is None else printable(str(value)))


class Rows:
    """Rows of cells, for ``console.print``.

    They are a table if the terminal is wide enough for it. Else each cell is a line ``name: value``, because a table
    would break ids into pieces that nobody can copy.
    """

    def __init__(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, has_header: bool = True, folds: bool = False
    ) -> None:
        """Cells are made by ``shown``, unless they are a ``Text`` already.

        has_header: else no names are shown. folds: the rows are a table in any case, also if words must be broken.
        """
        self._columns = columns
        self._rows = [[cell if isinstance(cell, Text) else shown(cell) for cell in row] for row in rows]
        self._has_header = has_header
        self._folds = folds

    def __rich_console__(self, screen: Console, options: ConsoleOptions) -> RenderResult:
        names = self._columns if self._has_header else [""] * len(self._columns)
        widths = [_Width.of(name, [row[place] for row in self._rows]) for place, name in enumerate(names)]
        spare = options.max_width - sum(each.least + GAP for each in widths) + GAP
        if spare >= 0:
            yield self._table(_spread(widths, spare))
        elif self._folds:
            yield self._table([None] * len(widths))
        elif self._has_header:
            yield Text("\n\n").join(map(self._lines, self._rows))
        else:
            yield Text("\n").join(Text(": ").join(row) for row in self._rows)

    def _table(self, widths: Sequence[int | None]) -> Table:
        made = Table(box=None, pad_edge=False, header_style="bold", show_header=self._has_header)
        for name, width in zip(self._columns, widths, strict=True):
            made.add_column(name, width=width, overflow="fold")
        for row in self._rows:
            made.add_row(*row)
        return made

    def _lines(self, row: list[Text]) -> Text:
        named = zip(self._columns, row, strict=True)
        lines = [Text(f"{name}: " if name else "", "bold").append_text(cell) for name, cell in named if cell.plain]
        return Text("\n").join(lines)


class _Width(NamedTuple):
    """Characters that a column needs. least: without a broken word. most: for each cell on one line."""

    least: int
    most: int

    @classmethod
    def of(cls, name: str, cells: Sequence[Text]) -> Self:
        most = max((cell.cell_len for cell in cells), default=0)
        words = [word for text in (name, *(cell.plain for cell in cells)) for word in text.split()]
        longest_word = max(map(cell_len, words), default=0)
        return cls(max(longest_word, min(most, NARROW)), max(most, cell_len(name)))


def _spread(widths: Iterable[_Width], spare: int) -> list[int]:
    """The widths of columns, of which the first ones get what is left over."""
    found = []
    for width in widths:
        more = min(spare, width.most - width.least)
        found.append(width.least + more)
        spare -= more
    return found


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Rows:
    """A table without frames."""
    return Rows(columns, rows)


def folded_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Rows:
    """The same, which stays a table on a narrow terminal. It is for views that change in their place."""
    return Rows(columns, rows, folds=True)


def details(pairs: Iterable[tuple[str, object]]) -> Rows:
    """A line for each name and its value. Names without a value are left out."""
    given = [(name, value) for name, value in pairs if value not in (None, "")]
    return Rows(("name", "value"), given, has_header=False)


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

        value: any value that msgspec writes as JSON, in the names that the wire has. text: for people.
        """
        if self.as_json:
            click.echo(json_text(value))
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


def json_text(value: Any) -> str:
    """The value as one line of JSON, which a terminal can print and does not obey."""
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # surrogates: they stand for the bytes of a file name that is not UTF-8
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, separators=(",", ":"))
    return as_ascii(text)


def as_ascii(text: str) -> str:
    """JSON in which characters that a terminal may obey are escaped; the value is the same."""
    return "".join(each if each.isprintable() else "".join(map(_escape, _utf16(each))) for each in text)


def _utf16(character: str) -> Iterable[int]:
    encoded = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(encoded[place : place + 2], "big") for place in range(0, len(encoded), 2)]


def _escape(unit: int) -> str:
    return f"\\u{unit:04x}"
