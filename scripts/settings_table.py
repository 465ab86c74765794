"""Write the tables of environment variables in docs/settings.md from the code that reads the variables.

With --check nothing is written, and a table that differs from the code is an error.
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

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
BLOCK = re.compile(r"(<!-- settings: (?P<name>\w+) -->\n).*?(\n<!-- end of settings -->)", re.DOTALL)


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


def command_options(command: click.Command, name: str) -> Iterator[tuple[str, str, str, str]]:
    """Variable, option, command and meaning of each option that a variable sets."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from command_options(found, f"{name} {each}".strip())
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.envvar:
            yield str(parameter.envvar), f"`{parameter.opts[-1]}`", name, parameter.help or ""


def options_of_commands() -> Iterator[tuple[str, str, str, str]]:
    """As ``command_options``; a line for all commands that have the same option."""
    commands: dict[tuple[str, str, str], list[str]] = {}
    for variable, option, command, meaning in command_options(program, ""):
        commands.setdefault((f"`{variable}`", option, meaning), []).append(f"`{command}`")
    for (variable, option, meaning), names in sorted(commands.items()):
        yield variable, option, meaning, ", ".join(names)


def tables() -> dict[str, str]:
    """The tables, by the names of their places on the page."""
    of_settings = [*variables(settings), *variables(worker_settings)]
    return {
        "arguments": table(["variable", "argument", "meaning", "default"], of_settings),
        "workers": table(["property", "option", "meaning", "value", "default"], options_of_workers()),
        "commands": table(["variable", "option", "meaning", "commands"], options_of_commands()),
    }


def main() -> int:
    page, made = PAGE.read_text(), tables()
    if {found["name"] for found in BLOCK.finditer(page)} != made.keys():
        print(f"{PAGE.name} must have a place for each of {', '.join(made)}", file=sys.stderr)
        return 1
    written = BLOCK.sub(lambda found: found[1] + made[found["name"]] + found[3], page)
    if written != page and "--check" in sys.argv:
        print(f"{PAGE.name} is out of step with the settings. Run scripts/settings_table.py", file=sys.stderr)
        return 1
    PAGE.write_text(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
