"""The program ``conductor-worker``. A command's module is imported when the command is used."""

from __future__ import annotations

import errno
import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from conductor._log import printable
from conductor._version import __version__
from conductor.cli.words import Commands
from conductor.errors import ConductorError, ConfigurationError

COMMANDS: dict[str, str] = {
    "dev": "conductor.cli.dev",
    "run": "conductor.cli.run",
    "check": "conductor.cli.check",
    "config": "conductor.cli.config",
    "replay": "conductor.cli.replay",
    "register": "conductor.cli.register",
    "lint": "conductor.cli.lint",
    "outbox": "conductor.cli.outbox",
    "queue": "conductor.cli.queue",
    "task": "conductor.cli.task",
    "top": "conductor.cli.top",
    "workflow": "conductor.cli.workflow",
}
"""The modules of the commands. In each the command has the name ``command``."""


class Program(Commands):
    """The commands of ``COMMANDS``, in that order."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return found

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with _errors_in_one_line():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _errors_in_one_line():
            return super().invoke(ctx)


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        raise _in_one_line(error) from error
    except ConductorError as error:
        raise _one_sentence(error) from error
    except OSError as error:  # of a file that the user names, or of standard output: a full disk, for example
        if error.errno == errno.EPIPE:
            raise  # click ends the program in silence, as the reader of a pipe expects
        raise click.ClickException(printable(str(error))) from error


def _in_one_line(error: click.UsageError) -> click.UsageError:
    """The error without the usage that click prints before it. The help, for no arguments at all, stays as it is."""
    if error.ctx is None or isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error
    text = printable(re.sub(r"\s*\n\s*", " ", error.format_message())).rstrip(".")
    return click.UsageError(f"{text} (see '{error.ctx.command_path} --help')")


def _one_sentence(error: ConductorError) -> click.ClickException:
    """The error for standard error: exit status 2 for a wrong option or variable, else 1."""
    text = printable(str(error)) or type(error).__name__
    return click.UsageError(text) if isinstance(error, ConfigurationError) else click.ClickException(text)


@click.command(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="conductor-worker %(version)s")
def program() -> None:
    """Run, watch and repair Conductor workers.

    CONDUCTOR_SERVER_URL, CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET name the server and the access key.
    """
