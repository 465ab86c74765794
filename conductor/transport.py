"""The one door to the generated client: the connection pool, the token, and foreign errors turned into our own."""

from __future__ import annotations

import http.client
import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
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

__all__ = ["ApiClient", "Decoder", "metadata", "parts", "tasks", "workflows"]

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_MESSAGE = 200  # characters of a server's message that an error shows
SHORTEST_SECRET = 8  # characters of a header's word, or of a key's id; what is shorter may be any word
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
            raise ConfigurationError("authentication_settings must be an AuthenticationSettings")
        if not isinstance(http_settings, HttpSettings | None):
            raise ConfigurationError(f"http_settings must be an HttpSettings, not {http_settings!r}")
        self._key = authentication_settings or AuthenticationSettings.from_environment()
        self.http_settings = http_settings or HttpSettings()
        self._base_url = self.http_settings.base_url
        self._ssl_context = _http.ssl_context(self.http_settings)
        self.short_timeout = min(self.http_settings.read_timeout, SHORT_TIMEOUT)
        self._link = self._new_link()
        if self._key.key_id and not _is_private(self._base_url):
            logger.warning("the access key and its tokens go to %s without TLS", self._base_url)

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
        headers = (
            self.http_settings.headers if token is None else {**self.http_settings.headers, "X-Authorization": token}
        )
        timeout = urllib3.Timeout(connect=self.http_settings.connect_timeout, read=read_timeout)
        pool = self._own_link().pool
        client = Client(self._base_url, pool, headers=headers, timeout=timeout, observe=_recording.http_request)
        try:
            return operation(client, *args, **kwargs)
        except errors.UnexpectedStatus as error:
            raise _api_error(error, _secrets(self._key, token, self.http_settings.headers)) from None
        except errors.UndecodableResponse as error:
            raise DecodeError(f"{error.method} {error.template} answered {error.status}: {error.reason}") from error
        except errors.NoAnswer as error:
            raise TransportError(f"{error.method} {error.template}: {_cause(error)}") from error

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


def _is_private(url: str) -> bool:
    """Whether what is sent there cannot be read on the way."""
    parts = urlsplit(url)
    return (
        parts.scheme == "https" or parts.hostname in ("localhost", "::1") or (parts.hostname or "").startswith("127.")
    )


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


def _secrets(key: AuthenticationSettings, token: str | None, headers: Mapping[str, str]) -> list[str]:
    """What a server may repeat in an error, and no text may show; the longest first, since one may hold another."""
    words = [key.key_id, *(word for value in headers.values() for word in value.split() if not word.isalpha())]
    secrets = {key.key_secret, token or "", *(word for word in words if len(word) >= SHORTEST_SECRET)} - {""}
    return sorted(secrets, key=len, reverse=True)


def _api_error(error: errors.UnexpectedStatus, secrets: list[str]) -> ApiError:
    try:
        body = msgspec.json.decode(error.content, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = _ErrorBody()
    message = body.text() or _standard_message(error)
    for secret in secrets:
        message = message.replace(secret, "***")
    return api_error_class(error.status)(
        error.status,
        error.method,
        error.template,
        "".join(each if each.isprintable() else " " for each in message[:LONGEST_MESSAGE]),
        retryable=bool(body.retryable),
        validation_errors=body.validation_errors or (),
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


def _cause(error: errors.NoAnswer) -> str:
    """What happened, in urllib3's and the system's words, without the URL."""
    cause = error.__cause__
    text = re.sub(r"\w*Connection(?:Pool)?\([^)]*\): ", "", str(cause))
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__
