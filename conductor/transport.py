"""ApiClient: calls the generated client with connections, headers and a token, and converts its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from conductor_client import Client, errors
from conductor_client.api import (
    metadata_resource as metadata,
    task_resource as tasks,
    token_resource as tokens,
    version_resource as versions,
    workflow_resource as workflows,
)
from conductor_client.decoding import parts
from conductor_client.writing import whole

from conductor import _forks, _recording, _tls
from conductor._connections import Connections, Exchange, Head
from conductor._exchange import LARGEST_BODY
from conductor._failures import TOKEN_HAS_ENDED, Attempt, is_unanswered_read
from conductor._log import logger_of
from conductor._redaction import Secret, Unpicklable, redactor
from conductor._version import __version__
from conductor.auth import TokenCache
from conductor.errors import (
    ApiError,
    AuthenticationError,
    ConductorError,
    ConfigurationError,
    DecodeError,
    RateLimitedError,
)
from conductor.models import GenerateTokenRequest
from conductor.payload_settings import PayloadSettings
from conductor.settings import AuthenticationSettings, HttpSettings

logger = logger_of(__name__)

__all__ = ["LARGEST_BODY", "ApiClient", "checked_id", "metadata", "parts", "tasks", "versions", "whole", "workflows"]

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_ID = 256
"""Characters. A longer text is not an id, and would be in every log message."""
_HEADERS = {
    "Accept": "application/json, text/plain",
    "Accept-Encoding": "identity",
    "User-Agent": f"conductor-worker/{__version__}",
}
_OF_THE_EXCHANGE = ("connection", "content-length", "content-type", "transfer-encoding")
"""Headers that the request itself determines. The user's headers of these names are not sent."""
SHORT_TIMEOUT = 10.0
"""The longest read timeout, in seconds, of small requests."""


class _ProcessConnections:
    """The connections and the token of one process.

    parents: the connections of the parent process, if this process is forked. They are kept and not used, because their
    removal would need locks that another thread of the parent may have held at the fork.
    """

    def __init__(
        self, connections: Connections, tokens: TokenCache | None, parents: _ProcessConnections | None
    ) -> None:
        self.forks = _forks.count()
        self.connections = connections
        self.tokens = tokens
        self.parents = parents
        self._headers: tuple[Mapping[str, str], Secret | None, Head] | None = None

    def exchange(self, given: Mapping[str, str], token: Secret | None, timeout: float) -> Exchange:
        """given: headers of the user. The headers are encoded again only if these or the token have changed."""
        last = self._headers
        if last is None or last[0] is not given or last[1] is not token:
            headers = {"Host": self.connections.host, **_HEADERS, **given}
            if token is not None:
                headers["X-Authorization"] = token
            chosen = {name: value for name, value in headers.items() if name.lower() not in _OF_THE_EXCHANGE}
            last = self._headers = given, token, Head(chosen)
        return Exchange(self.connections, last[2], timeout)


class ApiClient(Unpicklable):
    """A client of one Conductor server, for any number of runners and executors. The constructor sends no request.

    Settings that are not given come from the environment: see AuthenticationSettings.from_environment and HttpSettings.
    payload_settings: the use of the server's external payload storage. None: PayloadSettings(), which reads payloads.
    Thread-safe. A context manager; ``close()`` closes its connections. A forked process may go on using it, with
    its own connections and its own token.
    """

    def __init__(
        self,
        authentication_settings: AuthenticationSettings | None = None,
        http_settings: HttpSettings | None = None,
        payload_settings: PayloadSettings | None = None,
    ) -> None:
        if not isinstance(authentication_settings, AuthenticationSettings | None):
            kind, authentication_settings = type(authentication_settings).__name__, None  # it may be a secret
            raise ConfigurationError(f"authentication_settings must be an AuthenticationSettings, not {kind}")
        if not isinstance(http_settings, HttpSettings | None):
            kind, http_settings = type(http_settings).__name__, None
            raise ConfigurationError(f"http_settings must be an HttpSettings, not {kind}")
        if not isinstance(payload_settings, PayloadSettings | None):
            raise ConfigurationError(f"payload_settings must be a PayloadSettings, not {payload_settings!r}")
        self._key = authentication_settings or AuthenticationSettings.from_environment()
        self.http_settings = http_settings or HttpSettings()
        self.payload_settings = payload_settings or PayloadSettings()
        self._ssl_context = _tls.ssl_context(self.http_settings)
        self.short_timeout = min(self.http_settings.read_timeout, SHORT_TIMEOUT)
        self._connected = self._new_connections()
        if self._key.key_id and not self.http_settings.is_private:
            logger.warning("the access key and its tokens go to %s without TLS", self.http_settings.route)
        if not self.http_settings.verify:
            logger.warning("verify=False: the certificate of %s is not checked", self.http_settings.base_url)

    @property
    def longest_small_request(self) -> float:
        """Seconds that a small request may take: for a connection and for an answer, and the same for its token."""
        once = self.http_settings.connect_timeout + self.short_timeout
        return 2 * once if self._key.key_id else once

    def __repr__(self) -> str:
        return f"ApiClient({self.http_settings.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def server_date(self) -> str:
        """The Date header of the last answer to this process. "" if there is none."""
        return self._of_this_process().connections.date

    def close(self) -> None:
        """Close the connections: those of calls under way after their answers. A later call opens new ones."""
        self._of_this_process().connections.close()

    def _new_connections(self, parents: _ProcessConnections | None = None) -> _ProcessConnections:
        tokens = TokenCache(self._fetch_token) if self._key.key_id else None
        to = self.http_settings
        connections = Connections(to.base_url, to.proxy_url, to.connect_timeout, self._ssl_context, None)
        return _ProcessConnections(connections, tokens, parents)

    def _of_this_process(self) -> _ProcessConnections:
        """Needs no lock, because it does no harm if two threads of a new process make connections: one set is kept."""
        own = self._connected
        if own.forks != _forks.count():
            own = self._connected = self._new_connections(parents=own)
        return own

    def call(self, operation: Callable[Concatenate[Client, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a generated operation's function with this connection.

        Blocks up to connect_timeout per address of the host + read_timeout; a large body may take longer to send. After
        a 401, or a 403 that says that the token has ended, the call is repeated once with a new token. A GET request
        other than a poll is repeated once if the server had closed its kept connection. Raises ApiError, TransportError
        or DecodeError.
        """
        return self.call_within(self.http_settings.read_timeout, operation, *args, **kwargs)

    def call_within(
        self, read_timeout: float, operation: Callable[Concatenate[Client, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``call`` with another read timeout, in seconds."""
        own = self._of_this_process()
        tokens = own.tokens
        if tokens is None:
            return self._attempt(own, None, read_timeout, operation, *args, **kwargs)
        token = tokens.token()
        try:
            return self._attempt(own, token, read_timeout, operation, *args, **kwargs)
        except AuthenticationError as error:
            if error.status != 401 and error.error_code not in TOKEN_HAS_ENDED:  # the permission is missing
                raise
            renewed = tokens.renew(refused=token)
            if renewed is None:
                raise
        return self._attempt(own, renewed, read_timeout, operation, *args, **kwargs)

    def _attempt(
        self,
        own: _ProcessConnections,
        token: Secret | None,
        read_timeout: float,
        operation: Callable[Concatenate[Client, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        given = self.http_settings.headers_now()
        exchange = own.exchange(given, token, read_timeout)
        failure: ConductorError
        try:
            try:
                answer = operation(Client(exchange, _recording.http_request), *args, **kwargs)
            except errors.NoAnswer as error:
                if not is_unanswered_read(error):
                    raise
                answer = operation(Client(exchange.anew(), _recording.http_request), *args, **kwargs)
        except errors.CallError as error:
            failure = self._attempt_of(token, given, read_timeout).failed(error)
        else:
            if token is not None and own.tokens is not None:
                own.tokens.accepted(token)
            return answer
        # Raised here, so that nothing leads to the frames of the caught error: their variables hold the headers.
        try:
            raise failure
        finally:
            del failure  # or it would be kept alive by its own traceback

    def _attempt_of(self, token: Secret | None, given: dict[str, str], read_timeout: float) -> Attempt:
        key = self._key.key_id, self._key.key_secret, token or ""
        names = frozenset(name.lower() for name in given)
        return Attempt(self.http_settings, bool(self._key.key_id), names, read_timeout, redactor(key, given.values()))

    def _fetch_token(self) -> Secret:
        own = self._of_this_process()
        request = GenerateTokenRequest(key_id=str(self._key.key_id), key_secret=str(self._key.key_secret))
        try:
            return Secret(self._attempt(own, None, self.short_timeout, tokens.generate_token.sync, request).token)
        except ApiError as error:
            if not 400 <= error.status < 500 or isinstance(error, AuthenticationError | RateLimitedError):
                raise
            refusal = AuthenticationError(error.status, error.method, error.path_template, error.message)
            vars(refusal).update(vars(error))
            raise refusal from None  # or it would look like a refusal of the call that needed the token


def checked_id(template: str, answer: str) -> str:
    """The id in the text of a success. DecodeError for another text, such as a gateway's page."""
    if not 0 < len(answer) <= LONGEST_ID or answer.removeprefix("\ufeff").lstrip().startswith(("<", "{", "[")):
        raise DecodeError(f"POST {template} answered with a success, but not with an id")
    return answer
