"""The one door to the generated client: the connection pool, the token, and foreign errors turned into our own."""

from __future__ import annotations

import http.client
import os
import re
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
import urllib3
from conductor_client import Client, errors
from conductor_client.api import (
    metadata_resource as metadata,
    task_resource as tasks,
    token_resource as tokens,
    workflow_resource as workflows,
)
from conductor_client.types import Decoder, parts

from conductor import _http, _recording
from conductor._log import logger_of
from conductor._redaction import shown_without
from conductor.auth import TokenCache
from conductor.errors import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    DecodeError,
    RateLimitedError,
    TransportError,
    api_error_class,
)
from conductor.models import GenerateTokenRequest
from conductor.settings import LONGEST, AuthenticationSettings, HttpSettings, Unpicklable

logger = logger_of(__name__)

__all__ = ["ApiClient", "Decoder", "checked_id", "metadata", "parts", "tasks", "workflows"]

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_ID = 256
"""Characters; what is longer is no id, and would end up in every log line."""
MOST_FINDINGS = 100  # of a validation
SHORT_TIMEOUT = 10.0
"""Seconds, at most, for the answer to a small request, whatever the read timeout."""


class _Link:
    """What a process has of its own: connections, and the token.

    inherited: that of the parent process, if this one is forked. It is kept and not used: to let go of it would take
    locks that another thread of the parent may have held just then.
    """

    def __init__(self, pool: urllib3.PoolManager, tokens: TokenCache | None, inherited: _Link | None) -> None:
        self.pid = os.getpid()
        self.pool = pool
        self.tokens = tokens
        self.inherited = inherited


class ApiClient(Unpicklable):
    """A connection to one Conductor server, for any number of runners and executors. Making one calls nobody.

    What is not given comes from the environment: see AuthenticationSettings.from_environment and HttpSettings.
    Thread-safe. A context manager; ``close()`` drops the idle connections. A forked process may go on using it: its
    calls have connections and a token of their own there.
    """

    def __init__(
        self, authentication_settings: AuthenticationSettings | None = None, http_settings: HttpSettings | None = None
    ) -> None:
        if not isinstance(authentication_settings, AuthenticationSettings | None):
            kind = type(authentication_settings).__name__  # the value may be a secret, or hold one
            raise ConfigurationError(f"authentication_settings must be an AuthenticationSettings, not {kind}")
        if not isinstance(http_settings, HttpSettings | None):
            kind = type(http_settings).__name__
            raise ConfigurationError(f"http_settings must be an HttpSettings, not {kind}")
        self._key = authentication_settings or AuthenticationSettings.from_environment()
        self.http_settings = http_settings or HttpSettings()
        self._base_url = self.http_settings.base_url
        self._ssl_context = _http.ssl_context(self.http_settings)
        self.short_timeout = min(self.http_settings.read_timeout, SHORT_TIMEOUT)
        self._link = self._new_link()
        if self._key.key_id and not _is_private(self._base_url):
            logger.warning("the access key and its tokens go to %s without TLS", self._base_url)
        if not self.http_settings.verify:
            logger.warning("verify=False: whoever answers for %s is trusted", self._base_url)

    def __repr__(self) -> str:
        return f"ApiClient({self._base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that no call is using. Safe at any time; a later call opens new ones."""
        self._own_link().pool.clear()

    def _new_link(self, inherited: _Link | None = None) -> _Link:
        tokens = TokenCache(self._fetch_token) if self._key.key_id else None
        return _Link(_http.make_pool(self.http_settings, self._ssl_context), tokens, inherited)

    def _own_link(self) -> _Link:
        """That of this process. No lock: if two threads of a new process make one each, both work and one is kept."""
        link = self._link
        if link.pid != os.getpid():
            link = self._link = self._new_link(inherited=link)
        return link

    def call(self, operation: Callable[Concatenate[Client, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a generated operation's function with this connection.

        Blocks up to connect_timeout for each of the host's addresses + read_timeout, and longer only for the time that
        sending a large body takes. A 401 gets a new token and one more attempt. Raises ApiError, TransportError or
        DecodeError.
        """
        return self.call_within(self.http_settings.read_timeout, operation, *args, **kwargs)

    def call_within(
        self, read_timeout: float, operation: Callable[Concatenate[Client, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``call`` with a read timeout of its own, in seconds."""
        tokens = self._own_link().tokens
        if tokens is None:
            return self._attempt(None, read_timeout, operation, *args, **kwargs)
        token = tokens.token()
        try:
            return self._attempt(token, read_timeout, operation, *args, **kwargs)
        except AuthenticationError as error:
            if error.status != 401:  # it is the permission that is missing
                raise
            renewed = tokens.renew(refused=token)
            if renewed is None:
                raise
        return self._attempt(renewed, read_timeout, operation, *args, **kwargs)

    def _attempt(
        self,
        token: str | None,
        read_timeout: float,
        operation: Callable[Concatenate[Client, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        headers = self.http_settings.headers | ({} if token is None else {"X-Authorization": token})
        timeout = urllib3.Timeout(connect=self.http_settings.connect_timeout, read=read_timeout)
        link = self._own_link()
        client = Client(self._base_url, link.pool, headers=headers, timeout=timeout, observe=_recording.http_request)
        try:
            answer = operation(client, *args, **kwargs)
        # The causes are not shown: their texts may hold anything of an answer.
        except errors.UnexpectedStatus as error:
            raise _api_error(error, self._shown(token)) from None
        except errors.UndecodableResponse as error:
            reason = self._shown(token)(error.reason)
            raise DecodeError(f"{error.method} {error.template} answered {error.status}: {reason}") from None
        except errors.NoAnswer as error:
            cause = self._shown(token)(_cause(error))
            raise TransportError(f"{error.method} {error.template}: {cause}") from None
        if token is not None and link.tokens is not None:
            link.tokens.accepted(token)
        return answer

    def _shown(self, token: str | None) -> Callable[[str], str]:
        return shown_without((self._key.key_id, self._key.key_secret, token or ""), self.http_settings.headers.values())

    def _fetch_token(self) -> str:
        request = GenerateTokenRequest(key_id=self._key.key_id, key_secret=self._key.key_secret)
        try:
            return self._attempt(None, self.short_timeout, tokens.generate_token.sync, request).token
        except ApiError as error:
            if not 400 <= error.status < 500 or isinstance(error, AuthenticationError | RateLimitedError):
                raise
            refusal = AuthenticationError(error.status, error.method, error.path_template, error.message)
            vars(refusal).update(vars(error))
            raise refusal from None  # or it would look like a refusal of the call that needed the token


def checked_id(template: str, answer: str) -> str:
    """The id that a success brought as text; DecodeError for what a gateway says instead, whatever its Content-Type."""
    if not 0 < len(answer) <= LONGEST_ID or answer.removeprefix("\ufeff").lstrip().startswith(("<", "{", "[")):
        raise DecodeError(f"POST {template} answered with a success, but not with an id")
    return answer


def _is_private(url: str) -> bool:
    """Whether what is sent there cannot be read on the way."""
    parts = urlsplit(url)
    try:
        return parts.scheme == "https" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


class _ErrorBody(msgspec.Struct, rename="camel"):
    """Conductor's error JSON (SV common/…/validation/ErrorResponse.java); Orkes sends ``error`` and ``message``."""

    message: str | None = None
    error: str | None = None
    instance: str | None = None
    retryable: bool | None = None
    validation_errors: list[dict[str, object]] | None = None

    def text(self) -> str | None:
        """The message, and what a failed validation found."""
        found = "; ".join(f"{each.get('path')}: {each.get('message')}" for each in self.validation_errors or ())
        return " ".join(filter(None, (self.message or self.error, found))) or None


def _api_error(error: errors.UnexpectedStatus, shown: Callable[[str], str]) -> ApiError:
    try:
        body = msgspec.json.decode(error.content, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = _ErrorBody()
    found = (body.validation_errors or [])[:MOST_FINDINGS]
    return api_error_class(error.status)(
        error.status,
        error.method,
        error.template,
        shown(body.text() or _standard_message(error)),
        retryable=bool(body.retryable),
        validation_errors=[{name: shown(str(value)) for name, value in each.items()} for each in found],
        conductor=body.message is not None,
        retry_after=_seconds_until(error.headers.get("Retry-After", "").strip()),
    )


def _seconds_until(retry_after: str) -> float | None:
    """RFC 9110, section 10.2.3: a number of seconds or a date; None when it is missing or neither."""
    if retry_after.isascii() and retry_after.isdecimal():
        return min(float(retry_after), LONGEST)
    try:
        date = parsedate_to_datetime(retry_after)
        return max(0.0, date.replace(tzinfo=date.tzinfo or UTC).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _standard_message(error: errors.UnexpectedStatus) -> str:
    location = error.headers.get("location")
    if 300 <= error.status < 400 and location:
        return f"a redirect to {_host(location)}, which is not followed"
    return http.client.responses.get(error.status, "no message")


def _host(location: str) -> str:
    try:
        return urlsplit(location).netloc.rpartition("@")[2] or "the same host"  # without a password
    except ValueError:
        return "no valid URL"


# Other flaws of HTTP show what came instead.
_HARMLESS = (http.client.RemoteDisconnected, http.client.IncompleteRead, urllib3.exceptions.IncompleteRead)


def _cause(error: errors.NoAnswer) -> str:
    """What happened, in urllib3's and the system's words, without the URL."""
    cause = error.__cause__
    what = cause.args[-1] if cause is not None and cause.args else None
    if isinstance(what, http.client.HTTPException) and type(what) not in _HARMLESS:
        return f"{type(what).__name__}: this is no HTTP"
    text = re.sub(r"\w*Connection(?:Pool)?\([^)]*\): ", "", str(cause)[:1_000])
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__
