"""The one door to the generated client: the connection pool, the token, and foreign errors turned into our own."""

from __future__ import annotations

import http.client
import logging
import re
import ssl
from collections.abc import Callable
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
from conductor_client.types import Decoder
from urllib3.util.ssl_ import create_urllib3_context

from conductor import _recording
from conductor.auth import TokenCache
from conductor.errors import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    DecodeError,
    TransportError,
    api_error_class,
)
from conductor.models import GenerateTokenRequest
from conductor.settings import AuthenticationSettings, HttpSettings

logger = logging.getLogger(__name__)

__all__ = ["ApiClient", "Decoder", "metadata", "tasks", "workflows"]

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_MESSAGE = 200  # characters of a server's message that an error shows
POOL_SIZE = 1_000  # connections kept for reuse: never fewer than threads, or urllib3 would close and open them in turn


class ApiClient:
    """A connection to one Conductor server, for any number of runners and executors. Making one calls nobody.

    What is not given comes from the environment: see AuthenticationSettings.from_environment and HttpSettings.
    Thread-safe. A context manager; ``close()`` drops the idle connections.
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
        self._pool = _make_pool(self.http_settings)
        self._tokens = TokenCache(self._fetch_token) if self._key.key_id else None
        if self._tokens and not _is_private(self._base_url):
            logger.warning("the access key and its tokens go to %s without TLS", self._base_url)

    def __repr__(self) -> str:
        return f"ApiClient({self._base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that no call is using. Safe at any time; a later call opens new ones."""
        self._pool.clear()

    def call(self, operation: Callable[Concatenate[Client, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a generated operation's function with this connection. Blocks up to connect_timeout + read_timeout.

        A 401 gets a new token and one more attempt. Raises ApiError, TransportError or DecodeError.
        """
        return self.call_within(self.http_settings.read_timeout, operation, *args, **kwargs)

    def call_within(
        self, read_timeout: float, operation: Callable[Concatenate[Client, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``call`` with a read timeout of its own, in seconds."""
        token = self._tokens.token() if self._tokens else None
        try:
            return self._attempt(token, read_timeout, operation, *args, **kwargs)
        except AuthenticationError as error:
            if (
                self._tokens is None or token is None or error.status != 401
            ):  # 403: it is the permission that is missing
                raise
            renewed = self._tokens.renew(refused=token)
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
        client = Client(self._base_url, self._pool, headers=headers, timeout=timeout, observe=_recording.http_request)
        try:
            return operation(client, *args, **kwargs)
        except errors.UnexpectedStatus as error:
            raise _api_error(error, secrets=(token, self._key.key_secret)) from None
        except errors.UndecodableResponse as error:
            raise DecodeError(f"{error.method} {error.template} answered {error.status}: {error.reason}") from error
        except errors.NoAnswer as error:
            raise TransportError(f"{error.method} {error.template}: {_cause(error)}") from error

    def _fetch_token(self) -> str:
        request = GenerateTokenRequest(key_id=self._key.key_id, key_secret=self._key.key_secret)
        answer = self._attempt(None, self.http_settings.read_timeout, tokens.generate_token.sync, request)
        return answer.token


def _is_private(url: str) -> bool:
    """Whether what is sent there cannot be read on the way."""
    parts = urlsplit(url)
    return (
        parts.scheme == "https" or parts.hostname in ("localhost", "::1") or (parts.hostname or "").startswith("127.")
    )


def _make_pool(settings: HttpSettings) -> urllib3.PoolManager:
    context = _ssl_context(settings)
    if settings.proxy_url is None:
        return urllib3.PoolManager(num_pools=1, maxsize=POOL_SIZE, ssl_context=context)
    proxy = urllib3.util.parse_url(settings.proxy_url)
    headers = urllib3.make_headers(proxy_basic_auth=proxy.auth) if proxy.auth else None
    return urllib3.ProxyManager(
        settings.proxy_url, num_pools=1, maxsize=POOL_SIZE, ssl_context=context, proxy_headers=headers
    )


def _ssl_context(settings: HttpSettings) -> ssl.SSLContext:
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if settings.verify else ssl.CERT_NONE)
    given = settings.ca_file
    try:
        if given is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(given)
        given = settings.client_cert
        if given is not None:
            context.load_cert_chain(given, settings.client_key, password="")
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(f"{given} cannot be used as a certificate: {error}") from error
    return context


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


def _api_error(error: errors.UnexpectedStatus, secrets: tuple[str | None, ...]) -> ApiError:
    try:
        body = msgspec.json.decode(error.content, type=_ErrorBody)
    except msgspec.DecodeError:
        body = _ErrorBody()
    message = body.text() or _standard_message(error)
    for secret in filter(None, secrets):
        message = message.replace(secret, "***")
    return api_error_class(error.status)(
        error.status,
        error.method,
        error.template,
        re.sub(r"[\x00-\x1f\x7f]+", " ", message)[:LONGEST_MESSAGE],
        retryable=bool(body.retryable),
        validation_errors=body.validation_errors or (),
        conductor=body.message is not None,
    )


def _standard_message(error: errors.UnexpectedStatus) -> str:
    location = error.headers.get("location")
    if 300 <= error.status < 400 and location:
        return f"a redirect to {urlsplit(location).netloc or 'the same host'}, which is not followed"
    return http.client.responses.get(error.status, "no message")


def _cause(error: errors.NoAnswer) -> str:
    """What happened, in urllib3's and the system's words, without the URL."""
    cause = error.__cause__
    text = re.sub(r"^.*?(?:Connection(?:Pool)?\([^)]*\)): ", "", str(cause))
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__
