"""The workers that a command line names: ``app``, ``app:charge`` or ``app.py``."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from conductor._log import printable
from conductor._runners import import_for_a_command
from conductor.cli.words import nearest
from conductor.errors import ConductorError, ConfigurationError
from conductor.runner.given_workers import workers_in
from conductor.worker import Worker

STDOUT, STDERR = 1, 2


def workers_named(names: tuple[str, ...]) -> list[Worker]:
    """The workers of all names, in order. ConfigurationError if a name has none, or cannot be imported."""
    with errors_of(*names):
        return workers_in([object_named(name) for name in names])


@contextmanager
def errors_of(*names: str) -> Iterator[None]:
    """Meanwhile, an error of the named objects is raised as a ConfigurationError: one may be a list with any code."""
    try:
        yield
    except ConductorError:
        raise
    except Exception as error:
        raise ConfigurationError(f"cannot use {printable(', '.join(names))}: {_with_place(error)}") from error


def object_named(name: str) -> Any:
    """The module ``app``, or the object ``app:charge`` in it.

    The current folder is where modules are found first. A path such as ``src/app.py`` works too.
    """
    module_name, _, path = name.partition(":")
    found: Any = _module(module_name)
    for part in filter(None, path.split(".")):
        try:
            found = getattr(found, part)
        except AttributeError:
            question = nearest(part, _own_names(found))
            problem = f"module {module_name!r} has no {printable(path)!r}"
            raise ConfigurationError(f"{problem}. {question}" if question else problem) from None
        except Exception as error:  # the module may have a __getattr__
            raise ConfigurationError(f"cannot get {printable(name)!r}: {_with_place(error)}") from error
    return found


def _own_names(module_or_object: object) -> list[str]:
    """Without those that Python gives, which nobody means."""
    return [name for name in getattr(module_or_object, "__dict__", ()) if not name.startswith("__")]


def object_of_option(option: str, name: str) -> Any:
    """The object that an option such as ``--lifespan`` names. The ConfigurationError says which option it is."""
    try:
        return object_named(name)
    except ConfigurationError as error:
        raise ConfigurationError(f"{option}: {error}") from error.__cause__


def place_of(name: str) -> tuple[Path, str]:
    """The folder in which the module of a name is looked for, and the name of the module for an import.

    ConfigurationError: there is no such file, or no module can have such a name.
    """
    folder, module_name = Path.cwd(), name.partition(":")[0]
    if module_name.endswith(".py"):
        file = Path(module_name).resolve()
        if not file.is_file():
            raise ConfigurationError(f"there is no file {printable(module_name)!r}")
        folder, module_name = file.parent, file.stem
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigurationError(f"{printable(name)!r} is no module: give a name such as app, app:charge or app.py")
    return folder, module_name


@contextmanager
def own_output_to_stderr() -> Iterator[None]:
    """Meanwhile, all that this process and the programs that it starts write to standard output goes to standard error.

    So the code of a module can print, and standard output is still JSON.
    """
    if sys.__stdout__ is None:  # it is closed, and its number may be that of another file
        with redirect_stdout(sys.stderr):
            yield
        return
    sys.stdout.flush()
    kept = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.__stdout__.flush()  # the code may have kept it
        os.dup2(kept, STDOUT)
        os.close(kept)


def _module(name: str) -> ModuleType:
    folder, module_name = place_of(name)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        with import_for_a_command():
            module = importlib.import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ConfigurationError(f"cannot import {module_name!r}: {_with_place(error)}") from error
    found = getattr(module, "__file__", None)  # None: it is built into Python
    given = name.partition(":")[0]
    if given.endswith(".py") and (found is None or Path(found).resolve().parent != folder):
        where = f" ({printable(found)})" if found else ""
        raise ConfigurationError(
            f"there is another module with the name {module_name}{where}: rename {printable(given)}"
        )
    return module


def _with_place(error: BaseException) -> str:
    """The error and its place: the innermost line of code outside of the import system and of this package."""
    others = ("importlib", str(Path(__file__).parent.parent))
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame for frame in frames if not any(each in frame.filename for each in others)]
    place = f" ({lines[-1].filename}, line {lines[-1].lineno})" if lines else ""
    return f"{type(error).__name__}: {_text_of(error)}{place}"


def _text_of(error: BaseException) -> str:
    try:
        return printable(str(error))
    except Exception:  # noqa: BLE001 - a user's __str__ may raise any error
        return "it has no text"
