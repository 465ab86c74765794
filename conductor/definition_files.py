"""Reads the task and workflow definitions in a JSON file, or in the JSON files of a folder.

A file holds one definition, or a list of them. A definition with the key ``tasks`` is one of a workflow, any other
one of a task.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from conductor._output import UnsendableOutput, output_data
from conductor.definitions import INLINE_DEFINITION, definition_of, misfits, text_of
from conductor.errors import ConfigurationError
from conductor.models import TaskDef, WorkflowDef

MOST_LEVELS = 200
"""Objects and lists inside of each other, in one file. A server reads 1,000 (3.32.3); the code here needs its stack."""
LARGEST_VERSION = 2**31 - 1
_KINDS: dict[str, type[msgspec.Struct]] = {"task": TaskDef, "workflow": WorkflowDef}


@dataclass(frozen=True)
class FileProblem:
    """A fault in a file. file: its path. place: of the value, such as ``tasks[2].type``; "" for the file itself."""

    file: str
    place: str
    text: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.file, self.place, self.text)))


@dataclass(frozen=True)
class FileDefinition:
    """A definition and its origin.

    kind: of a task or of a workflow. version: None for a task; 1, as on a server, for a workflow that leaves it out.
    file: the path of the file. place: "", or ``[2]`` in a file that holds a list. wire: the definition as on the wire.
    """

    kind: Literal["task", "workflow"]
    name: str
    version: int | None
    file: str
    place: str
    wire: dict[str, Any]

    @property
    def key(self) -> tuple[str, str, int | None]:
        """The kind, the name and the version. A server keeps one definition of a key."""
        return self.kind, self.name, self.version

    def __str__(self) -> str:
        version = "" if self.version is None else f", version {self.version}"
        return f"{self.kind} {self.name}{version}"

    def problem(self, path: str, text: str) -> FileProblem:
        """path: within this definition, such as ``.tasks[2].type``."""
        return FileProblem(self.file, (self.place + path).removeprefix("."), text)


def scan_definitions(path: str | os.PathLike[str]) -> tuple[list[FileDefinition], list[FileProblem]]:
    """The good definitions in a file or a folder, and all problems, in the order of the files.

    A problem is a file that cannot be read or holds no JSON, an unknown or a missing key, a value of a wrong type, and
    a second definition of one name and version. ConfigurationError: there is no such path, or no definition in it.
    """
    definitions: list[FileDefinition] = []
    problems: list[FileProblem] = []
    for file in _files(path):
        for found in _definitions(file):
            if isinstance(found, FileProblem):
                problems.append(found)
            else:
                definitions.append(found)
    if not definitions and not problems:
        raise ConfigurationError(f"{os.fsdecode(path)!r} holds no definitions")
    first: dict[tuple[str, str, int | None], FileDefinition] = {}
    for each in definitions:
        if first.setdefault(each.key, each) is not each:
            other = first[each.key]
            place = f"{other.file}: {other.place}".removesuffix(": ")
            problems.append(each.problem("", f"{each} is already defined in {place}"))
    return definitions, problems


def in_order(definitions: Iterable[FileDefinition]) -> list[FileDefinition]:
    """Tasks before workflows, and sub-workflows before the workflows that start them. Else the order stays."""
    given = list(definitions)
    by_name: dict[str, list[FileDefinition]] = {}
    for each in given:
        if each.kind == "workflow":
            by_name.setdefault(each.name, []).append(each)
    ordered = {each.key: each for each in given if each.kind == "task"}
    begun = set()
    waiting = [each for each in reversed(given) if each.kind == "workflow"]
    while waiting:
        each = waiting[-1]
        if each.key in begun:
            ordered.setdefault(each.key, waiting.pop())
            continue
        begun.add(each.key)
        started = (sub for name in sub_workflow_names(each.wire) for sub in by_name.get(name, ()))
        waiting += [sub for sub in started if sub.key not in begun]
    return list(ordered.values())


def sub_workflow_names(wire: dict[str, Any]) -> Iterator[str]:
    """The names of the workflows that a definition starts. An expression is no name."""
    for value in _values(wire):
        if isinstance(value, dict) and isinstance(param := value.get("subWorkflowParam"), dict):
            name = param.get("name")
            if isinstance(name, str) and "${" not in name and not isinstance(param.get(INLINE_DEFINITION), dict):
                yield name


def _values(value: Any) -> Iterator[Any]:
    """A JSON value and all values in it."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()


def _files(path: str | os.PathLike[str]) -> list[str]:
    given = os.fsdecode(path)
    if "\0" in given or not os.path.exists(given):  # noqa: PTH110 - for a Path, "" is a folder
        raise ConfigurationError(f"there is no file or folder {given!r}")
    if not Path(given).is_dir():
        return [given]
    found: list[str] = []
    for folder, folders, files in os.walk(given, onerror=_raise_unreadable):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        found += [
            str(Path(folder, each))
            for each in sorted(files)
            if each.lower().endswith(".json") and not each.startswith(".") and not Path(folder, each).is_fifo()
        ]  # to read a named pipe would wait for a program that writes into it
    if not found:
        raise ConfigurationError(f"the folder {given!r} holds no file whose name ends with .json")
    return found


def _raise_unreadable(error: OSError) -> None:
    raise ConfigurationError(f"{error.filename!r}: {error.strerror}")


def _definitions(file: str) -> Iterator[FileDefinition | FileProblem]:
    try:
        value = definition_of(text_of(file))
    except ConfigurationError as problem:
        yield FileProblem(file, "", str(problem))
        return
    if _is_deep(value):
        yield FileProblem(file, "", f"nested over {MOST_LEVELS} levels")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _definition(file, f"[{index}]", each)
    else:
        yield from _definition(file, "", value)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in level)


def _definition(file: str, place: str, value: Any) -> Iterator[FileDefinition | FileProblem]:
    kind: Literal["task", "workflow"] = "workflow" if isinstance(value, dict) and "tasks" in value else "task"
    problems = [
        FileProblem(file, (place + path).removeprefix("."), text) for path, text in misfits(value, _KINDS[kind])
    ]
    problems = problems or list(_unsendable(file, place, value))
    yield from problems
    if problems:
        return
    version = None
    if kind == "workflow":
        version = 1 if value.get("version") is None else int(value["version"])
        if abs(version) > LARGEST_VERSION:
            yield FileProblem(file, f"{place}.version".removeprefix("."), f"must be at most {LARGEST_VERSION}")
            return
    yield FileDefinition(kind, value["name"], version, file, place, value)


def _unsendable(file: str, place: str, value: dict[str, Any]) -> Iterator[FileProblem]:
    """The first value that no server reads, such as 1e999."""
    try:
        output_data(value, "definition")
    except UnsendableOutput as error:
        path, _, text = str(error).removeprefix("definition").partition(": ")
        yield FileProblem(file, (place + path).removeprefix("."), text)
