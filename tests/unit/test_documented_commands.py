"""Each command line in the documentation is one that the program takes."""

import re
import shlex

import click
import pytest

from conductor.cli.program import program
from support.pages import DOCS, ROOT

NAME = "conductor-worker"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
ENDS = {"|", "&&", ";", ">"}


def shell_lines(text):
    """The lines of blocks for a shell, also of blocks inside of lists. Continued lines are joined."""
    blocks = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    shown = [block for _, language, block in blocks if language in ("", "console", "sh", "bash")]
    return [line.strip() for block in shown for line in block.replace("\\\n", " ").splitlines()]


def typed(line):
    """The arguments of each command of the program in a line that a reader types."""
    line = line.removeprefix("$ ")
    inner = re.findall(r"\$\((.*?)\)", line)
    outer = re.sub(r"\$\(.*?\)", "ID", line)
    for part in (*inner, outer):
        words = shlex.split(part, comments=True) if NAME in part else []
        while words and "=" in words[0]:  # a variable
            del words[0]
        if words[:1] == [NAME]:
            yield words[1 : next((place for place, word in enumerate(words) if word in ENDS), None)]


TYPED = [
    pytest.param(arguments, id=f"{page.stem}: {shlex.join(arguments)}")
    for page in PAGES
    for line in shell_lines(page.read_text())
    for arguments in typed(line)
]
MENTIONED = [
    pytest.param(words.split(), id=f"{page.stem}: {words}")
    for page in PAGES
    for words in re.findall(
        rf"`{NAME} ([^`]+)`", re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    )
]


def command_of(arguments):
    """The command that the arguments name, its context, and the rest of them."""
    command, context = program, click.Context(program, info_name=NAME)
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        found = command.get_command(context, arguments[0])
        if found is None and arguments[0].isupper():  # a placeholder
            break
        assert found is not None, f"there is no command {arguments[0]}"
        command, context = found, click.Context(found, parent=context, info_name=arguments[0])
        arguments = arguments[1:]
    return command, context, arguments


@pytest.fixture
def _files(tmp_path, monkeypatch):
    """The files and folders that the pages name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "definitions").mkdir()
    (tmp_path / "order.json").write_text("{}")


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize("arguments", TYPED)
def test_a_command_line_that_a_reader_types_is_read_without_an_error(arguments):
    command, context, rest = command_of(arguments)
    assert not isinstance(command, click.Group)
    command.make_context(context.info_name, rest, parent=context.parent)


@pytest.mark.parametrize("arguments", MENTIONED)
def test_a_command_that_a_sentence_names_has_these_options(arguments):
    command, context, rest = command_of(arguments)
    known = {name for parameter in command.get_params(context) for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in rest if word.startswith("--")} <= known


def test_the_pages_of_all_kinds_are_read():
    assert len(TYPED) > 15
    assert len(MENTIONED) > 30
