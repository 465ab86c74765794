"""Payloads in the server's external storage: one attempt to read or write one.

The server gives an address for each transfer, which is a request to another host. It carries nothing of the ApiClient:
no token, no header and no client certificate. It has a connection of its own, and follows no redirect.
"""

from __future__ import annotations

import http.client
import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec
from conductor_client.client import Answer
from conductor_client.errors import ExchangeError

from conductor import _tls
from conductor._arguments import seconds
from conductor._connections import Connections, Exchange, Head
from conductor._failures import reason_of
from conductor._redaction import Secret, SecretBytes, redactor
from conductor._urls import A_PROXY, check_url
from conductor._version import __version__
from conductor.errors import (
    ConductorError,
    ConfigurationError,
    NotFoundError,
    PayloadElsewhereError,
    PayloadError,
    UnusablePayloadError,
)
from conductor.models import Decoder, Task, Workflow
from conductor.payload_settings import LONGEST_SHOWN, Place, place_of
from conductor.task_result import LARGEST_OUTPUT
from conductor.transport import ApiClient, tasks

T = TypeVar("T", Task, Workflow)

PayloadType = Literal["TASK_INPUT", "TASK_OUTPUT", "WORKFLOW_INPUT", "WORKFLOW_OUTPUT"]
Read = Callable[[str, PayloadType], dict[str, Any]]
"""Reads the payload of a path."""
Payload = tuple[str, PayloadType]
"""The member that holds it, and its type."""

LONGEST_DETAIL = 100

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"conductor-worker/{__version__}",
}
_OF_AZURE = {"sig", "sr", "sv"}
"""In the query of an address that Azure has signed. It refuses to write a blob unless a header names its kind."""
_HINTS = {
    403: ": the address may have expired, or the storage does not allow it",
    404: ": the payload may have been deleted",
}
_NOTHING_IN_POSTGRESQL = {"Error": "Data with this ID does not exist or has been deleted from the external storage."}
"""The payload that a server with PostgreSQL as its storage gives for an unknown path (3.32.3)."""

_decoder = Decoder(dict[str, Any])
_shown = redactor((), ())


def is_elsewhere(entity: Task | Workflow) -> bool:
    """Whether its input or its output lies in the external storage."""
    return bool(entity.external_input_payload_storage_path or entity.external_output_payload_storage_path)


def elsewhere(
    path: str, payload_type: PayloadType, problem: str = "where no client can read it"
) -> PayloadElsewhereError:
    """The error for a payload that is not read."""
    of, kind = payload_type.lower().split("_")
    soft_limit = "3,072" if of == "task" else "5,120"
    return PayloadElsewhereError(
        f"{_noun(payload_type)} lies in the server's external storage at {repr(path)[:LONGEST_SHOWN]}, {problem}:"
        f" it is larger than the server's setting conductor.app.{of}{kind.title()}PayloadSizeThreshold, {soft_limit}"
        " KiB by default"
    )


def with_payloads(task: Task, read: Read) -> Task:
    """The task with the payloads that lie elsewhere; the task itself if there are none."""
    found = _fetched(task, read, ("input_data", "TASK_INPUT"), ("output_data", "TASK_OUTPUT"))
    return msgspec.structs.replace(task, **found) if found else task


def workflow_with_payloads(workflow: Workflow, read: Read) -> Workflow:
    """The workflow with its payloads, and with those of its tasks."""
    found = _fetched(workflow, read, ("input", "WORKFLOW_INPUT"), ("output", "WORKFLOW_OUTPUT"))
    with_them = [with_payloads(task, read) for task in workflow.tasks or ()]
    return msgspec.structs.replace(workflow, tasks=with_them, **found)


def _fetched(entity: Task | Workflow, read: Read, of_input: Payload, of_output: Payload) -> dict[str, Any]:
    """The changed members."""
    members: dict[str, Any] = {}
    if path := entity.external_input_payload_storage_path:
        name, payload_type = of_input
        members |= {name: read(path, payload_type), "external_input_payload_storage_path": None}
    if path := entity.external_output_payload_storage_path:
        name, payload_type = of_output
        members |= {name: read(path, payload_type), "external_output_payload_storage_path": None}
    return members


class PayloadStorage:
    """The external storage of an ApiClient's server. Thread-safe.

    Each method blocks for a request to the server and one to the storage, each for up to ``within`` seconds or its own
    limit, and raises PayloadError. If a repetition would not help, this is an UnusablePayloadError.
    """

    def __init__(self, api_client: ApiClient) -> None:
        self.settings = api_client.payload_settings
        self._api = api_client

    def read(self, path: str, payload_type: PayloadType, within: float = math.inf) -> dict[str, Any]:
        """The payload. PayloadElsewhereError: the server gives no address."""
        what = _noun(payload_type)
        _, uri = self._location(what, path, "READ", payload_type, within)
        if not uri:
            raise elsewhere(path, payload_type)
        found = self._read_from(place_of(uri, self._api.http_settings.base_url, self.settings), what, within)
        if isinstance(found, PayloadError):  # raised here, where no variable holds the answer
            raise found
        return found

    def _read_from(self, place: Place, what: str, within: float) -> dict[str, Any] | PayloadError:
        """The payload, or the error to raise."""
        answer = self._exchange("GET", place, None, within)
        what = f"{what} could not be read from {place.origin[:LONGEST_SHOWN]}"
        if isinstance(answer, str) or answer.status != 200:
            return PayloadError(f"{what}: {_problem(answer)}")
        if answer.is_too_large:
            return UnusablePayloadError(f"{what}: it is larger than max_size, {self.settings.max_size} bytes")
        if answer.flaw:
            return PayloadError(f"{what}: {answer.flaw}")
        found = _decoded(answer.content)
        if isinstance(found, str):
            return UnusablePayloadError(f"{what}: it is no JSON object: {found[:LONGEST_DETAIL]}")
        if found == _NOTHING_IN_POSTGRESQL:
            return PayloadError(f"{what}: the server has no such payload{_HINTS[404]}")
        return found

    def write(self, content: bytes, payload_type: PayloadType, within: float = math.inf) -> str | None:
        """Write a payload, as JSON, and return its path.

        None: the server gives no address, or one that can only be read, as those of PostgreSQL are (3.32.3).
        """
        what = f"{_noun(payload_type)}, of {len(content)} bytes,"
        path, uri = self._location(what, "", "WRITE", payload_type, within)
        if not uri or not path:
            return None
        place = place_of(uri, self._api.http_settings.base_url, self.settings)
        answer = self._exchange("PUT", place, content, within)
        if isinstance(answer, Answer) and answer.status == 405:
            return None
        if isinstance(answer, Answer) and 200 <= answer.status < 300:
            return path
        problem = _problem(answer)
        del answer  # the frame of an error must not hold it
        raise PayloadError(f"{what} could not be written to {place.origin[:LONGEST_SHOWN]}: {problem}")

    def _location(
        self, what: str, path: str, operation: str, payload_type: PayloadType, within: float
    ) -> tuple[str, Secret]:
        """The path and the address. The address is empty if the server gives none that a client can use."""
        try:
            found = self._api.call_within(
                min(within, self._api.short_timeout),
                tasks.get_task_external_storage_location.sync,
                path=path,
                operation=operation,
                payload_type=payload_type,
            )
        except NotFoundError:  # Orkes has no such call
            return "", Secret()
        except ConductorError as error:
            problem = str(error)
        else:
            uri = Secret(found.uri or "")
            is_url = uri[:8].lower().startswith(("http://", "https://", "/api/"))
            return found.path or "", uri if is_url else Secret()
        raise PayloadError(f"the server gave no address for {what}: {problem}")

    def _exchange(self, method: str, place: Place, content: bytes | None, within: float) -> Answer | str:
        """The answer of the storage, or a text that says why there is none.

        No error is raised, because its frames would lead to the address.
        """
        timeout = min(within, seconds("timeout", self.settings.timeout))
        http_settings = self._api.http_settings
        proxy = http_settings.proxy_to(place.origin)
        connect_timeout = min(timeout, http_settings.connect_timeout)
        headers = dict(_HEADERS)
        if method == "PUT" and parse_qs(urlsplit(place.target).query).keys() >= _OF_AZURE:
            headers["x-ms-blob-type"] = "BlockBlob"
        try:
            if proxy is not None:
                check_url("the proxy", proxy, A_PROXY)
            connections = Connections(place.origin, proxy, connect_timeout, self._ssl_context, self.settings.max_size)
            exchange = Exchange(connections, Head({"Host": connections.host, **headers}), timeout)
            answer = exchange(method, place.target, None if content is None else SecretBytes(content))
            connections.close()
        except ConfigurationError as error:  # the environment names the proxy
            return str(error)
        except (ExchangeError, OSError) as error:
            return reason_of(error, connect_timeout, timeout, _shown)
        return answer

    @cached_property
    def _ssl_context(self) -> Any:
        return _tls.storage_context(self._api.http_settings)


def largest_output(storage: PayloadStorage | None) -> int:
    """Bytes of JSON. A larger output cannot be sent."""
    if storage is None or storage.settings.upload_over is None:
        return LARGEST_OUTPUT
    return storage.settings.max_size


def _noun(payload_type: PayloadType) -> str:
    of, kind = payload_type.lower().split("_")
    return f"the {of}'s {kind}"


def _problem(answer: Answer | str) -> str:
    if isinstance(answer, str):
        return answer
    if 300 <= answer.status < 400:
        return f"it answered {answer.status}, a redirect, which is not followed"
    phrase = http.client.responses.get(answer.status, "")
    return f"it answered {answer.status} {phrase}".rstrip() + _HINTS.get(answer.status, "")


def _decoded(content: bytes) -> dict[str, Any] | str:
    """The payload, or the problem with it."""
    try:
        return _decoder.decode(content)
    except RecursionError:
        return "nested too deep"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return str(error)
