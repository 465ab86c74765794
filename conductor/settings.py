"""The settings of connection and metrics, checked at construction.

No module but this one and ``worker_settings`` reads ``os.environ``.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from conductor._arguments import Duration, exact_str, is_name, require_instance, seconds, whole_number
from conductor._headers import Headers, checked_headers, checked_headers_or_function
from conductor._redaction import Secret, Unpicklable, kind_of
from conductor._urls import A_PROXY, check_url, has_user, in_networks, is_loopback, without_user
from conductor._variables import seconds_of, whole_number_of
from conductor.errors import ConfigurationError, TransportError

DEFAULT_SERVER_URL = "http://localhost:8080/api"
DEFAULT_READ_TIMEOUT, DEFAULT_METRICS_PORT = 30.0, 2112
# scripts/docs_tables.py makes the documentation of a variable from its text below and from DEFAULT_<its name here>.
SERVER_URL = "CONDUCTOR_SERVER_URL"
"""``HttpSettings(base_url=…)``: the server's URL, with or without ``/api``."""
KEY_ID = "CONDUCTOR_AUTH_KEY"
"""``AuthenticationSettings(key_id=…)``: the id of an access key. Default: no token is requested."""
KEY_SECRET = "CONDUCTOR_AUTH_SECRET"  # noqa: S105 - the name of a variable
"""``AuthenticationSettings(key_secret=…)``: the secret of the access key. Default: no token is requested."""
READ_TIMEOUT = "CONDUCTOR_CLIENT_HTTP_TIMEOUT"
"""``HttpSettings(read_timeout=…)``: the time for a whole answer; a duration."""
METRICS_PORT = "CONDUCTOR_WORKER_METRICS_PORT"
"""``MetricsSettings(port=…)``: the port of the metrics; 0 takes a free port."""

_ENDPOINT = re.compile(r"/[^?# ]*")


def is_pem(path_or_text: str) -> bool:
    """Whether it is the text of a PEM file, and not a path."""
    return "-----BEGIN" in path_or_text


def _hidden(value: Any) -> Any:
    """The value, as a Secret if it is a text: the traceback of an error shows the local variables.

    Of another type only the type is kept: it may be the bytes of a key.
    """
    if isinstance(value, str):
        return Secret(exact_str(value))
    return value if isinstance(value, os.PathLike | None) else type(value)


@dataclass(frozen=True, init=False)
class AuthenticationSettings(Unpicklable):
    """An application's access key. The server exchanges it for a token. Two empty strings: no authentication.

    White space at the start or end is refused, because it is usually the newline of a file. AuthenticationSettings,
    HttpSettings and ApiClient cannot be pickled. A child process reads its environment again.
    """

    key_id: str = field(repr=False)
    key_secret: str = field(repr=False)

    def __init__(self, key_id: str, key_secret: str) -> None:
        key_id, key_secret = _hidden(key_id), _hidden(key_secret)
        _check_key({"key_id": key_id, "key_secret": key_secret})
        vars(self).update(key_id=key_id, key_secret=key_secret)

    @classmethod
    def from_environment(cls) -> AuthenticationSettings:
        """Read CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET. One without the other is a ConfigurationError."""
        key = {name: Secret(os.environ.get(name, "")) for name in (KEY_ID, KEY_SECRET)}
        _check_key(key)
        return cls(*key.values())


def _check_key(key: Mapping[str, Any]) -> None:
    """key: id and secret, by the names of their arguments or variables."""
    for name, value in key.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} must be a string")
        if value != value.strip():
            raise ConfigurationError(f"{name} has white space at its start or end: is it a newline of a file?")
    missing = [name for name, value in key.items() if not value]
    if len(missing) == 1:
        raise ConfigurationError(f"{missing[0]} is missing: an access key is a pair of {' and '.join(key)}")


@dataclass(init=False)
class HttpSettings(Unpicklable):
    """The server's address and the options of the connection. Every attribute holds the value in force.

    base_url: with or without ``/api`` or a final slash. None: CONDUCTOR_SERVER_URL, else http://localhost:8080/api.
    headers: sent with every request; or a function that returns them, for example with a token that changes. The
        function is called before each request, also before a token request or a repetition, on the thread that sends
        it, so several threads may call it at once. If it raises, or returns headers that cannot be sent, the request
        fails with a TransportError, which names the class of the error and never its text. The values are treated as
        secrets.
    connect_timeout, read_timeout: seconds or timedelta. read_timeout None: CONDUCTOR_CLIENT_HTTP_TIMEOUT, else 30 s.
        The request must be sent within the read timeout. The whole answer must then arrive within another read timeout.
        A Python signal handler that runs during the wait lets the read timeout begin again (on Linux, without TLS).
        The deadline of a poll is its poll_timeout + min(read_timeout, 10 s).
    ca_file: PEM file of the accepted authorities.
    client_cert, client_key: PEM files, or their texts. One may hold both.
    proxy_url: None: HTTP_PROXY or HTTPS_PROXY, by the server's scheme, unless NO_PROXY names the host, or the host is
        this machine (localhost, 127.0.0.0/8, ::1).
    verify: False accepts any certificate.
    """

    base_url: str
    headers: dict[str, str] | Callable[[], Headers] = field(repr=False)
    connect_timeout: float
    read_timeout: float
    ca_file: str | None
    client_cert: str | None = field(repr=False)  # either may be the text of a key
    client_key: str | None = field(repr=False)
    proxy_url: str | None = field(repr=False)  # may hold a password
    verify: bool

    def __init__(
        self,
        base_url: str | None = None,
        *,
        headers: Headers | Callable[[], Headers] | None = None,
        connect_timeout: Duration = 5.0,
        read_timeout: Duration | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        client_cert: str | os.PathLike[str] | None = None,
        client_key: str | os.PathLike[str] | None = None,
        proxy_url: str | None = None,
        verify: bool = True,
    ) -> None:
        # An error's traceback shows these variables.
        base_url, proxy_url, client_cert, client_key = map(_hidden, (base_url, proxy_url, client_cert, client_key))
        if isinstance(headers, Mapping):
            headers = {name: _hidden(value) for name, value in headers.items()}
        elif headers is not None and not callable(headers):
            kind, headers = type(headers).__name__, None
            raise ConfigurationError(f"headers must be a mapping, not {kind}")
        url, self._url_note = _server_url(base_url)
        if client_key is not None and client_cert is None:
            raise ConfigurationError("client_key needs a client_cert")
        self.base_url = url
        self.headers = checked_headers_or_function({} if headers is None else headers)
        self.connect_timeout = seconds("connect_timeout", connect_timeout, minimum=0.001)
        self.read_timeout = _read_timeout(read_timeout)
        self.ca_file = _checked_file("ca_file", ca_file)
        self.client_cert = _checked_pem("client_cert", client_cert)
        self.client_key = _checked_pem("client_key", client_key)
        self.proxy_url, self.proxy_source = _proxy_for(url) if proxy_url is None else (proxy_url, "proxy_url")
        if self.proxy_url is not None:
            check_url(self.proxy_source, self.proxy_url, A_PROXY)
        self.verify = require_instance("verify", verify, bool, "True or False (a file of authorities is ca_file)")

    @property
    def route(self) -> str:
        """The server and its proxy, for texts, with the variables that name them."""
        if self.proxy_url is None:
            return self.base_url + self._url_note
        return f"{self.base_url}{self._url_note} through {self.proxy_source} {without_user(self.proxy_url)}"

    @property
    def is_private(self) -> bool:
        """Whether requests are encrypted or stay on this machine."""
        parts = urlsplit(self.base_url)
        return parts.scheme == "https" or (self.proxy_url is None and is_loopback(parts.hostname or ""))

    def proxy_to(self, url: str) -> str | None:
        """The proxy for another server. The environment may name another one for it, or none."""
        return self.proxy_url if self.proxy_source == "proxy_url" else _proxy_for(url)[0]

    def headers_now(self) -> dict[str, str]:
        """The headers of the next request. TransportError if the function for them fails."""
        if isinstance(self.headers, dict):
            return self.headers
        try:
            return checked_headers(self.headers())
        except ConfigurationError as error:
            problem = str(error)
        except BaseException as error:  # any error of a user's function; another request may succeed
            is_main = threading.current_thread() is threading.main_thread()
            if is_main and not isinstance(error, Exception):  # Ctrl-C, or the sys.exit() of a signal handler
                raise
            problem = f"{type(error).__name__} was raised"
        # Raised here, so that nothing leads to the error of the function, which may hold a token.
        name = getattr(self.headers, "__qualname__", type(self.headers).__name__)
        raise TransportError(f"no headers for the request from {name}: {problem}")


def _metrics_port() -> int:
    text = os.environ.get(METRICS_PORT)
    return whole_number_of(METRICS_PORT, text, 0, 65535) if text else DEFAULT_METRICS_PORT


@dataclass(frozen=True)
class MetricsSettings:
    """The address of ``provide_metrics``. Host "0.0.0.0" lets other machines scrape.

    port: 0 takes a free port. Without one: CONDUCTOR_WORKER_METRICS_PORT, else 2112. endpoint: the path of the metrics,
    also if a health page has that path. legacy_names: False leaves out the rows of Conductor's worker guide, such as
    ``task_poll_counter``; the metrics are then served as OpenMetrics too, if a scraper asks for it.
    """

    port: int = field(default_factory=_metrics_port)
    endpoint: str = "/metrics"
    host: str = "127.0.0.1"
    legacy_names: bool = True

    def __post_init__(self) -> None:
        port = whole_number("port", self.port, 0, 65535)
        if not is_name(self.endpoint) or not _ENDPOINT.fullmatch(self.endpoint):
            raise ConfigurationError(f"endpoint must be a path such as /metrics, not {self.endpoint!r}")
        if not is_name(self.host) or " " in self.host:
            raise ConfigurationError(f"host must be a host name or an address, not {self.host!r}")
        require_instance("legacy_names", self.legacy_names, bool, "True or False")
        vars(self).update(port=port, endpoint=exact_str(self.endpoint), host=exact_str(self.host))


def _server_url(base_url: str | None) -> tuple[str, str]:
    """The URL, and a note on its origin, for texts."""
    name, note = "base_url", ""
    if base_url is None:
        base_url = _hidden(os.environ.get(SERVER_URL))
        name, note = SERVER_URL, f" ({SERVER_URL})"
    if not base_url and name == SERVER_URL:
        return DEFAULT_SERVER_URL, f" ({SERVER_URL} is not set)"
    check_url(name, base_url)
    if has_user(base_url):
        raise ConfigurationError(f"{name} must not hold a user or a password: use AuthenticationSettings")
    url = exact_str(base_url).rstrip("/")
    if url.endswith("/api/api"):
        raise ConfigurationError(f"{name} has /api twice: {url!r}")
    return (url if url.endswith("/api") else url + "/api"), note


def _checked_file(name: str, path: str | os.PathLike[str] | None) -> str | None:
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError(f"{name} must be a string or a path, not {kind_of(path)}")
    if not os.path.isfile(path):
        # It may be the text of a key without its first line, which has no suffix: that is not shown.
        shown = f" {os.fspath(path)!r}" if Path(path).suffix and not is_pem(os.fspath(path)) else ""
        raise ConfigurationError(f"{name}{shown} is not a file")
    return exact_str(os.fsdecode(path))


def _checked_pem(name: str, path_or_text: str | os.PathLike[str] | None) -> str | None:
    if isinstance(path_or_text, str) and is_pem(path_or_text):
        return path_or_text
    return _checked_file(name, path_or_text)


def _proxy_for(server_url: str) -> tuple[Secret | None, str]:
    """The proxy that the environment names for the server, and the name of the variable."""
    parts = urlsplit(server_url)
    proxies = getproxies_environment()
    proxy, host = proxies.get(parts.scheme), parts.hostname or ""
    if not proxy or is_loopback(host) or proxy_bypass(parts.netloc) or proxy_bypass(host):
        return None, ""
    if in_networks(host, proxies.get("no", "")):
        return None, ""
    return Secret(proxy if "://" in proxy else f"http://{proxy}"), f"{parts.scheme.upper()}_PROXY"


def _read_timeout(value: Duration | None) -> float:
    if value is not None:
        return seconds("read_timeout", value, minimum=0.001)
    text = os.environ.get(READ_TIMEOUT)
    return seconds_of(READ_TIMEOUT, text, minimum=0.001) if text else DEFAULT_READ_TIMEOUT
