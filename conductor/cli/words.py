"""The words of a command line: errors for misspelt ones name the nearest one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NoReturn

import click

from conductor._log import printable


class Commands(click.Group):
    """A group of commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-") and not ctx.resilient_parsing:
            _no_such_command(ctx, args[0], known)
        return super().resolve_command(ctx, args)


def _no_such_command(ctx: click.Context, name: str, known: list[str]) -> NoReturn:
    question = nearest(name, known) or f"There are {', '.join(known)}."
    ctx.fail(f"there is no command {printable(name)!r}. {question}")


def nearest(word: str, known: Iterable[str]) -> str:
    """A question for the end of an error; "" if none of the known words is like this one."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return f"Do you mean {printable(found[0])!r}?" if found else ""
