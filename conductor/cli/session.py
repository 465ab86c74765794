"""The connection and the output of a command that asks a server."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from conductor.cli.output import Output
from conductor.cli.values import Function, json_option, server_option
from conductor.settings import HttpSettings
from conductor.transport import ApiClient


@dataclass(frozen=True)
class Session:
    """client: closed when the command ends."""

    client: ApiClient
    output: Output


def with_session(function: Function) -> Function:
    """Give a command ``--server`` and ``--json``, and a Session as its first argument."""

    @server_option
    @json_option
    @functools.wraps(function)
    def command(server: str | None, *, as_json: bool, **options: object) -> object:
        with ApiClient(http_settings=HttpSettings(server)) as client:
            return function(Session(client, Output(as_json=as_json)), **options)

    return command
