"""Converts errors of the generated client, or of its exchange, into errors of this package.

Nothing of the foreign errors is kept, because the variables of their frames hold headers and bodies.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from conductor_client.api import task_resource as tasks, token_resource as tokens
from conductor_client.errors import CallError, ExchangeError, NoAnswer, TooLarge, UndecodableResponse, UnexpectedStatus
from urllib3 import exceptions

from conductor._arguments import LONGEST
from conductor._connections import NotConnectedError
from conductor._exchange import KeptConnectionClosedError, NoAnswerInTimeError
from conductor._redaction import Shown
from conductor.errors import AnswerTooLargeError, ApiError, ConductorError, DecodeError, TransportError, api_error_class
from conductor.settings import KEY_ID, KEY_SECRET, HttpSettings

T = TypeVar("T")

TOKEN_HAS_ENDED = ("EXPIRED_TOKEN", "INVALID_TOKEN")
"""Error codes of Orkes for a token that has ended, with 401 or 403."""

MOST_FINDINGS = 100  # of a validation
LONGEST_FINDING = 1_000  # characters

_NO_ROUTE = "No static resource"  # server 3.32.3
_POLLS = (tasks.batch_poll_tasks.TEMPLATE, tasks.poll_task.TEMPLATE)
_OWN_AUTHORIZATION = {"authorization", "x-authorization"}


@dataclass(frozen=True)
class Attempt:
    """The data about a call for the text of its error.

    header_names: of the user's headers. read_timeout: seconds. shown: makes a foreign text safe to show.
    """

    settings: HttpSettings
    has_key: bool
    header_names: frozenset[str]
    read_timeout: float
    shown: Shown

    def failed(self, error: CallError) -> ConductorError:
        """The error to raise in place of the foreign one."""
        call = f"{error.method} {self.shown(error.path)}"
        if isinstance(error, UnexpectedStatus):
            return _api_error(error, self)
        if isinstance(error, UndecodableResponse):
            reason = self.shown(error.reason)
            text = f"{call} answered {error.status}: {reason} (at {self.settings.base_url})"
            return AnswerTooLargeError(text, error.beginning) if isinstance(error, TooLarge) else DecodeError(text)
        return self._no_answer(call, error.__cause__)

    def _no_answer(self, call: str, cause: BaseException | None) -> TransportError:
        if not isinstance(cause, NotConnectedError):
            return TransportError(f"{call} at {self.settings.base_url}: {self._reason(cause)}")
        error = TransportError(f"cannot reach {self.settings.route}: {self._reason(cause)}")
        error.may_have_arrived = False
        return error

    def _reason(self, cause: BaseException | None) -> str:
        return reason_of(cause, self.settings.connect_timeout, self.read_timeout, self.shown)


def reason_of(cause: BaseException | None, connect_timeout: float, read_timeout: float, shown: Shown) -> str:
    """The cause of a failed exchange in a few plain words."""
    if isinstance(cause, NotConnectedError):
        cause = _innermost(cause.__cause__)
    match cause:
        case exceptions.ConnectTimeoutError():
            return f"no connection within {connect_timeout:g} s"
        case NoAnswerInTimeError():
            return f"no answer within {read_timeout:g} s"
        case ExchangeError():
            return str(cause)
        case OSError():
            return shown(_words_of(cause))
    return f"{type(cause).__name__}: {shown(str(cause))}"


def _words_of(error: OSError) -> str:
    match error:
        case socket.gaierror():
            return "no such host" + ("" if error.errno == socket.EAI_NONAME else ", or no name server that answers")
        case ssl.SSLCertVerificationError():
            return f"certificate not accepted: {error.verify_message}"
        case ssl.SSLError():
            return f"no TLS connection: {(error.reason or str(error)).replace('_', ' ').lower()}"
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return "the connection was reset"
    text = error.strerror or str(error)  # such as "Connection refused"
    return text[:1].lower() + text[1:]


def _innermost(error: BaseException | None) -> BaseException | None:
    """The system's error, which urllib3 may have wrapped."""
    return (error.__cause__ or error) if isinstance(error, exceptions.NewConnectionError) else error


def is_unanswered_read(error: NoAnswer) -> bool:
    """Whether the server had closed the kept connection of this request, and the request may be repeated.

    A poll may not be repeated, because the tasks of a lost answer are not delivered again before their leases end.
    """
    is_read = error.method == "GET" and error.template not in _POLLS
    return is_read and isinstance(error.__cause__, KeptConnectionClosedError)


class _ErrorBody:
    """Conductor's error JSON (SV common/…/validation/ErrorResponse.java); Orkes sends ``error`` and ``message``.

    Each member is read by itself. An unreadable member counts as missing.
    """

    def __init__(self, content: bytes) -> None:
        members = _read(content, dict[str, msgspec.Raw]) or {}
        self.message = _read(members.get("message"), str)
        self.error = _read(members.get("error"), str)
        self.retryable = _read(members.get("retryable"), bool) or False
        found = _read(members.get("validationErrors"), list[msgspec.Raw]) or []
        self.findings = [_read(each, dict[str, msgspec.Raw]) or {} for each in found[:MOST_FINDINGS]]


def _read(content: bytes | msgspec.Raw | None, kind: type[T]) -> T | None:
    """The value; None if it is missing, of another type, nested too deep, or not JSON."""
    try:
        return None if content is None else msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _finding(members: Mapping[str, msgspec.Raw], shown: Shown) -> dict[str, str]:
    """One finding of a validation, as texts. A value of another type is shown as JSON."""
    found = {}
    for name in ("path", "message", "invalidValue"):
        if name in members:
            text = _read(members[name], str)
            found[name] = shown(
                bytes(members[name]).decode("utf-8", "replace") if text is None else text, LONGEST_FINDING
            )
    return found


def _api_error(error: UnexpectedStatus, attempt: Attempt) -> ApiError:
    body, shown = _ErrorBody(error.content), attempt.shown
    code = shown(body.error or "")
    summary = body.message or body.error or ""
    findings = [finding for each in body.findings if (finding := _finding(each, shown))]
    found = "; ".join(f"{each.get('path')}: {each.get('message')}" for each in findings)
    return api_error_class(error.status)(
        error.status,
        error.method,
        error.template,
        shown(" ".join(filter(None, (summary, found))) or _standard_message(error)),
        retryable=body.retryable,
        validation_errors=findings,
        conductor=body.message is not None,
        retry_after=_seconds_until(error.headers.get("retry-after", "").strip()),
        error_code=code,
        path=shown(error.path),
        summary=shown(summary or _standard_message(error)),
        hint=_hint(error, code, (body.message or _NO_ROUTE).startswith(_NO_ROUTE), attempt),
    )


def _hint(error: UnexpectedStatus, code: str, is_no_route: bool, attempt: Attempt) -> str:
    """is_no_route: the body is not Conductor's, or says that the route is missing."""
    no_api = f"no Conductor API at {attempt.settings.base_url}"
    variables = f"{KEY_ID} and {KEY_SECRET}"
    if error.status == 404:
        if error.template == tokens.generate_token.TEMPLATE:
            return f"{no_api}, or one without access keys: then leave {variables} unset"
        return no_api if error.template in _POLLS or is_no_route else ""
    if not attempt.has_key:
        is_missing = error.status in (401, 403) and not attempt.header_names & _OWN_AUTHORIZATION
        return f"no access key is set: see {variables}, or AuthenticationSettings" if is_missing else ""
    is_about_key = error.template == tokens.generate_token.TEMPLATE and error.status == 403
    if error.status == 401 or is_about_key or code in TOKEN_HAS_ENDED:
        return f"is the access key right? See {variables}, or AuthenticationSettings"
    return ""


def _seconds_until(retry_after: str) -> float | None:
    """The seconds of a Retry-After header (RFC 9110, section 10.2.3), which may be a date. None if it is unusable."""
    if retry_after.isascii() and retry_after.isdecimal():
        return min(float(retry_after), LONGEST)
    try:
        date = parsedate_to_datetime(retry_after)
        return max(0.0, date.replace(tzinfo=date.tzinfo or UTC).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _standard_message(error: UnexpectedStatus) -> str:
    location = error.headers.get("location")
    if 300 <= error.status < 400 and location:
        return f"a redirect to {_host(location)}, which is not followed"
    return http.client.responses.get(error.status, "no message")


def _host(location: str) -> str:
    try:
        return urlsplit(location).netloc.rpartition("@")[2] or "the same host"  # without a password
    except ValueError:
        return "no valid URL"
