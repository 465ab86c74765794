"""The types of options that several commands have, and the options themselves."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

import click

from conductor._arguments import LONGEST
from conductor._log import printable
from conductor._variables import seconds_of
from conductor.cli.words import nearest
from conductor.errors import ConfigurationError
from conductor.operating.json_input import json_object
from conductor.settings import METRICS_PORT, SERVER_URL, HttpSettings

Function = Callable[..., Any]

INTERRUPTED = 130
"""The exit status of shells for a program that Ctrl-C has ended."""


class ServerUrl(click.ParamType[str]):
    """The URL of a Conductor server, as ``HttpSettings`` takes it."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return HttpSettings(value).base_url
        except ConfigurationError as error:
            problem = str(error).removeprefix("base_url ")
            if problem == str(error):  # it is about another variable, which the text names
                raise
            self.fail(problem, param, ctx)


class OneOf(click.Choice[str]):
    """One of some words. The error also names the nearest one."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__([str(word) for word in words])

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        message = super().get_invalid_choice_message(value, ctx)
        return f"{message} {nearest(str(value).upper(), self.choices)}".strip()


class JsonObject(click.ParamType[dict[str, Any]]):
    """A JSON object: its text, ``@FILE``, or ``-`` for standard input."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        try:
            return json_object(value, _stdin)
        except ConfigurationError as error:
            self.fail(printable(str(error)), param, ctx)


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise ConfigurationError("standard input is closed")
    return sys.stdin.buffer


class Seconds(click.ParamType[float]):
    """A duration, as variables take it: ``30``, ``2s`` or ``500ms``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return value if isinstance(value, float) else seconds_of("it", value)
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)


class Interval(click.FloatRange):
    """A number of seconds that a program can wait for: not infinite, and a number."""

    def __init__(self, least: float, *, min_open: bool = False) -> None:
        super().__init__(least, LONGEST, min_open=min_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return seconds


def server_option(function: Function) -> Function:
    """``--server URL``. The value is None if neither the option nor its variable is given."""
    option = click.option(
        "--server", type=ServerUrl(), envvar=SERVER_URL, show_envvar=True, help="The URL of the Conductor server."
    )
    return option(function)


def json_option(function: Function) -> Function:
    """``--json``, as the argument ``as_json``."""
    option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
    return option(function)


def metrics_port_option(function: Function) -> Function:
    """``--metrics-port PORT``. The value is None if neither the option nor its variable is given."""
    option = click.option(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        envvar=METRICS_PORT,
        show_envvar=True,
        help="Serve metrics and health pages of all processes on this port. 0 takes a free one.",
    )
    return option(function)


def lifespan_option(function: Function) -> Function:
    """``--lifespan MODULE:NAME``. The value is None if it is not given."""
    option = click.option(
        "--lifespan", metavar="MODULE:NAME", help="The lifespan of the workers: a context manager, or its function."
    )
    return option(function)


def interceptor_option(function: Function) -> Function:
    """``--interceptor MODULE:NAME``, as the argument ``interceptors``."""
    option = click.option(
        "--interceptor", "interceptors", multiple=True, metavar="MODULE:NAME", help="The outermost first. Repeatable."
    )
    return option(function)
