"""Write the tables of variables and commands in docs/ from the code that has them.

A table stands between ``<!-- table: name -->`` and ``<!-- end of table -->``. With --check nothing is written, and a
table that differs from the code is an error.
"""
# ruff: noqa: SLF001 - it documents what these modules have for themselves

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from conductor import _variables, settings, worker, worker_settings
from conductor.cli.program import program

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(r"(<!-- table: (?P<name>\w+) -->\n).*?(\n<!-- end of table -->)", re.DOTALL)


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(columns), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def texts_of(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """The names of assignments, each with the text in the line after it."""
    for statement, text in pairwise(body):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        match targets, text:
            case [ast.Name(name)], ast.Expr(ast.Constant(str(value))):
                yield name, inspect.cleandoc(value).replace("``", "`").replace("\n", " ")


def variables(module: ModuleType) -> Iterator[tuple[str, str, str, str]]:
    """Name, argument, meaning and default of each variable that the module reads."""
    body = ast.parse(inspect.getsource(module)).body
    texts = dict(texts_of(body))
    for name in names_of_variables(body):
        argument, meaning = texts[name].split(": ", 1)
        meaning, _, default = meaning.rstrip(".").partition(". Default: ")
        value = getattr(module, f"DEFAULT_{name}", None)
        yield f"`{getattr(module, name)}`", argument, meaning, default if value is None else shown(value)


def names_of_variables(body: list[ast.stmt]) -> Iterator[str]:
    """The constants whose values are names of variables."""
    for statement in body:
        match statement:
            case ast.Assign([ast.Name(name)], ast.Constant(str(value))):
                if value.startswith("CONDUCTOR_") and not name.startswith("_"):
                    yield name


def shown(default: object) -> str:
    """A float is a number of seconds."""
    return f"{default:g} s" if isinstance(default, float) else f"`{default}`"


def form(read: Any) -> str:
    """The texts that a reader of a variable takes."""
    given = read.keywords if isinstance(read, partial) else {}
    match getattr(read, "func", read):
        case _variables.whole_number_of:
            return f"a whole number of at least {given['least']}"
        case _variables.switch_of:
            return "`true` or `false`"
        case worker_settings._seconds:
            most = f" of at most {given['maximum']:g} s" if "maximum" in given else ""
            return f"a duration{most}; empty: none"
        case worker_settings._domain:
            return "a name; empty: no domain"
    raise NotImplementedError(f"there is no text for {read}")


def options_of_workers() -> Iterator[tuple[str, str, str, str, str]]:
    """The last part of the variable, the option, its meaning, form and default."""
    tree = ast.parse(inspect.getsource(worker.WorkerOptions)).body[0]
    assert isinstance(tree, ast.ClassDef)
    meanings = dict(texts_of(tree.body))
    parameters = inspect.signature(worker.Worker).parameters
    defaults = {None: "none", False: "`false`"}
    for option in worker_settings._OPTIONS:
        default = parameters[option.name].default
        text = defaults.get(default, f"`{default}`")
        yield f"`{option.properties[0]}`", f"`{option.name}`", meanings[option.name], form(option.read), text


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """The command and those inside of it, with their full names. A group alone does nothing."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for each in command.list_commands(context):
        found = command.get_command(context, each)
        assert found is not None
        yield from commands(found, f"{name} {each}".strip())


def summary(command: click.Command) -> str:
    """The first paragraph of its help."""
    return inspect.cleandoc(command.help or "").split("\n\n")[0].replace("\n", " ")


def options_of_commands() -> Iterator[tuple[str, str, str, str]]:
    """Variable, option, meaning and commands; a line for all commands that have the same option."""
    users: dict[tuple[str, str, str], list[str]] = {}
    for name, command in commands(program, ""):
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.envvar:
                key = f"`{parameter.envvar}`", f"`{parameter.opts[-1]}`", parameter.help or ""
                users.setdefault(key, []).append(f"`{name}`")
    for (variable, option, meaning), names in sorted(users.items()):
        yield variable, option, meaning, ", ".join(names)


def tables() -> dict[str, str]:
    """The tables, by their names in the pages."""
    of_settings = [*variables(settings), *variables(worker_settings)]
    summaries = [(f"`{name}`", summary(command)) for name, command in commands(program, "")]
    return {
        "arguments": table(["variable", "argument", "meaning", "default"], of_settings),
        "workers": table(["property", "option", "meaning", "value", "default"], options_of_workers()),
        "options": table(["variable", "option", "meaning", "commands"], options_of_commands()),
        "commands": table(["command", "effect"], summaries),
    }


def main() -> int:
    made = tables()
    used = set()
    old = []
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text()
        used |= {found["name"] for found in BLOCK.finditer(text)}
        written = BLOCK.sub(lambda found: found[1] + made[found["name"]] + found[3], text)
        if written != text:
            old.append(page.name)
            if "--check" not in sys.argv:
                page.write_text(written)
    if used != made.keys():
        print(f"no page has the tables: {', '.join(made.keys() - used)}", file=sys.stderr)
        return 1
    if old and "--check" in sys.argv:
        print(f"out of step with the code: {', '.join(old)}. Run scripts/docs_tables.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
