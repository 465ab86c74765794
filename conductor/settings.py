"""What a user can set about connection and metrics, checked at construction. The only reader of ``os.environ``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import UnionType
from typing import NoReturn, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from conductor.errors import ConfigurationError

T = TypeVar("T")

Duration = float | timedelta
"""Seconds, or a timedelta."""

DEFAULT_SERVER_URL = "http://localhost:8080/api"
DEFAULT_READ_TIMEOUT = 30.0
LONGEST = 1e9
"""Seconds; what the system's timers take ends not far above."""
HUGE = 1e300
"""An int that is much larger cannot even become a float."""

_NOT_IN_A_URL = re.compile(r"[\s\x00-\x1f\x7f-\x9f<>\"\\^`{|}]")
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ENDPOINT = re.compile(r"/[^?# ]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2: token
_OUR_HEADERS = {name.lower(): name for name in ("Accept", "Content-Type", "X-Authorization")}
"""As they are written here, so that one of the user's and ours do not both go out."""
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def seconds(name: str, value: Duration, *, minimum: float = 0.0, maximum: float = LONGEST) -> float:
    """The duration in seconds; ConfigurationError, naming the argument, unless finite and within the limits."""
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < HUGE:
        raise ConfigurationError(f"{name} must be a number of seconds or a timedelta, not {_shown(value)}")
    if not minimum <= number <= maximum:
        limit = f"at least {minimum:g} s" if number < minimum else f"at most {maximum:g} s"
        raise ConfigurationError(f"{name} must be {limit}, not {number:g} s")
    return float(number)


def _shown(value: object) -> str:
    """For the text of an error: an int of more than 4,300 digits has no repr."""
    return "a number too large to show" if isinstance(value, int) and abs(value) >= HUGE else repr(value)


def whole_number(name: str, value: int, least: int, most: int = 2**31 - 1) -> int:
    """The value; ConfigurationError, naming the argument, unless it is an int within the limits. The wire: 32 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigurationError(f"{name} must be a whole number from {least} to {most}, not {_shown(value)}")
    return int(value)


def instance(name: str, value: T, kind: type | UnionType, description: str) -> T:
    """The value; ConfigurationError, naming the argument, unless it is of that kind."""
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name} must be {description}, not {value!r}")
    return value


def is_text(value: str) -> bool:
    """Whether it can be sent as UTF-8: it holds no lone surrogate."""
    return value == value.encode("utf-8", "ignore").decode("utf-8")


def instances(name: str, values: Sequence[T], kind: type[T]) -> list[T]:
    """The values; ConfigurationError, naming the argument, unless all are of that kind."""
    if not all(isinstance(value, kind) for value in values):
        raise ConfigurationError(f"{name} must be {kind.__name__}s, not {values!r}")
    return list(values)


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """The value; ConfigurationError, naming the argument, unless it is allowed."""
    if value not in allowed:
        raise ConfigurationError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return allowed[allowed.index(value)]


def plain(value: str) -> str:
    """The text itself of an instance of a subclass, e.g. of an Enum with str, whose ``str()`` is another."""
    return str.__str__(value)


def text(name: str, value: str) -> str:
    """The value; ConfigurationError, naming the argument, unless it is a text that can be sent."""
    if not isinstance(value, str) or not is_text(value):
        raise ConfigurationError(f"{name} must be a text that is valid Unicode, not {value!r}")
    return plain(value)


def optional_text(name: str, value: str | None) -> str | None:
    """The same, or None."""
    return None if value is None else text(name, value)


def is_name(value: object) -> bool:
    """Whether it is a text without control characters and line separators, and not blank."""
    return isinstance(value, str) and is_text(value) and not _NOT_IN_A_NAME.search(value) and bool(value.strip())


def path_segment(name: str, value: str) -> str:
    """The value; ConfigurationError, naming the argument, unless it can stand in a URL's path as one segment.

    The server refuses %2F and %5C there (3.32.3), and ``.`` and ``..`` would make it another path.
    """
    if not is_name(value) or value in (".", "..") or "/" in value or "\\" in value:
        raise ConfigurationError(f"{name} must be a name without slashes and control characters, not {value!r}")
    return plain(value)


def is_pem(path_or_text: str) -> bool:
    """Whether it is what a PEM file holds, and not the path of one."""
    return "-----BEGIN" in path_or_text


class Unpicklable:
    """Holds secrets, which must not travel in pickles. ``copy.copy`` works."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} cannot be pickled, since it holds secrets: "
            "make a new one in the other process, from its environment"
        )

    def __copy__(self) -> Self:
        copied = object.__new__(type(self))
        vars(copied).update(vars(self))
        return copied


@dataclass(frozen=True)
class AuthenticationSettings(Unpicklable):
    """An application's access key, exchanged for a token at the server. Two empty strings: no authentication.

    Cannot be pickled, nor can HttpSettings and ApiClient: a child process reads its environment again.
    """

    key_id: str = field(repr=False)
    key_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        for name in ("key_id", "key_secret"):
            if not isinstance(getattr(self, name), str):
                raise ConfigurationError(f"{name} must be a string")
        if bool(self.key_id) != bool(self.key_secret):
            missing = "key_secret" if self.key_id else "key_id"
            raise ConfigurationError(f"{missing} is missing: an access key is a pair of key_id and key_secret")
        vars(self).update(key_id=plain(self.key_id), key_secret=plain(self.key_secret))

    @classmethod
    def from_environment(cls) -> AuthenticationSettings:
        """CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET; one without the other is a ConfigurationError."""
        key_id, key_secret = os.environ.get("CONDUCTOR_AUTH_KEY", ""), os.environ.get("CONDUCTOR_AUTH_SECRET", "")
        if bool(key_id) != bool(key_secret):
            raise ConfigurationError("CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET must be set together")
        return cls(key_id, key_secret)


@dataclass(init=False)
class HttpSettings(Unpicklable):
    """Where the server is and how to reach it. After construction every attribute holds the value in force.

    base_url: with or without ``/api`` or a slash at the end; None: CONDUCTOR_SERVER_URL, else http://localhost:8080/api.
    headers: sent with every request.
    connect_timeout, read_timeout: seconds or timedelta. read_timeout None: CONDUCTOR_CLIENT_HTTP_TIMEOUT, else 30 s.
        Within the read timeout the request must be sent, and after that the whole answer must be there, its last byte
        too. A poll's own deadline is its poll_timeout + min(read_timeout, 10 s).
    ca_file: PEM file of the accepted authorities.
    client_cert, client_key: PEM files, or the text of such; one may hold both.
    proxy_url: None: HTTP_PROXY or HTTPS_PROXY, whichever the server's scheme asks for, unless NO_PROXY names its host.
    verify: False accepts any certificate.
    """

    base_url: str
    headers: dict[str, str] = field(repr=False)
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
        headers: Mapping[str, str] | None = None,
        connect_timeout: Duration = 5.0,
        read_timeout: Duration | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        client_cert: str | os.PathLike[str] | None = None,
        client_key: str | os.PathLike[str] | None = None,
        proxy_url: str | None = None,
        verify: bool = True,
    ) -> None:
        url = _server_url(base_url)
        if client_key is not None and client_cert is None:
            raise ConfigurationError("client_key needs a client_cert")
        self.base_url = url
        self.headers = _checked_headers({} if headers is None else headers)
        self.connect_timeout = seconds("connect_timeout", connect_timeout, minimum=0.001)
        self.read_timeout = _read_timeout(read_timeout)
        self.ca_file = _checked_file("ca_file", ca_file)
        self.client_cert = _checked_pem("client_cert", client_cert)
        self.client_key = _checked_pem("client_key", client_key)
        self.proxy_url = _proxy_for(url) if proxy_url is None else _checked_url("proxy_url", proxy_url)
        self.verify = instance("verify", verify, bool, "True or False (a file of authorities is ca_file)")


@dataclass(frozen=True)
class MetricsSettings:
    """Where ``provide_metrics`` serves: port 0 takes a free one; host "0.0.0.0" lets other machines scrape."""

    port: int = 2112
    endpoint: str = "/metrics"
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        port = whole_number("port", self.port, 0, 65535)
        if not is_name(self.endpoint) or not _ENDPOINT.fullmatch(self.endpoint):
            raise ConfigurationError(f"endpoint must be a path such as /metrics, not {self.endpoint!r}")
        if not is_name(self.host) or " " in self.host:
            raise ConfigurationError(f"host must be a host name or an address, not {self.host!r}")
        vars(self).update(port=port, endpoint=plain(self.endpoint), host=plain(self.host))


def _server_url(base_url: str | None) -> str:
    name = "base_url"
    if base_url is None:
        base_url = os.environ.get("CONDUCTOR_SERVER_URL") or DEFAULT_SERVER_URL
        name = "CONDUCTOR_SERVER_URL"
    url = _checked_url(name, base_url).rstrip("/")
    if "@" in urlsplit(url).netloc:
        raise ConfigurationError(f"{name} must not hold a user or a password: use AuthenticationSettings")
    if url.endswith("/api/api"):
        raise ConfigurationError(f"{name} has /api twice: {base_url!r}")
    return url if url.endswith("/api") else url + "/api"


def _checked_url(name: str, url: str) -> str:
    """The URL; the text of an error shows it only when it cannot hold a password."""
    if not isinstance(url, str):
        raise ConfigurationError(f"{name} must be a string, not {type(url).__name__}")
    shown = "" if "@" in url or "?" in url else f": {url!r}"
    if _NOT_IN_A_URL.search(url):
        raise ConfigurationError(f"{name} holds a space or a character that no URL may hold{shown}")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removesuffix(".").encode("idna")
        is_path = not {".", ".."} & set(parts.path.split("/"))  # else what is sent would be another one
        valid = parts.scheme in ("http", "https") and bool(host) and parts.port != 0 and is_path
    except ValueError:  # a port that is no number, brackets that do not match, no host's name
        valid = False
    if not valid or "?" in url or "#" in url:
        raise ConfigurationError(f"{name} must be a URL such as https://host:8080/api, without a query{shown}")
    return plain(url)


def _checked_file(name: str, path: str | os.PathLike[str] | None) -> str | None:
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike):  # it may be the bytes of a key
        raise ConfigurationError(f"{name} must be a string or a path, not {type(path).__name__}")
    if not os.path.isfile(path):
        # It may be the text of a key without its first line, which has no suffix: that is not shown.
        shown = f" {os.fspath(path)!r}" if Path(path).suffix and not is_pem(os.fspath(path)) else ""
        raise ConfigurationError(f"{name}{shown} is not a file")
    return plain(os.fsdecode(path))


def _checked_pem(name: str, path_or_text: str | os.PathLike[str] | None) -> str | None:
    if isinstance(path_or_text, str) and is_pem(path_or_text):
        return plain(path_or_text)
    return _checked_file(name, path_or_text)


def _proxy_for(server_url: str) -> str | None:
    parts = urlsplit(server_url)
    proxies = getproxies_environment()
    proxy, host = proxies.get(parts.scheme), parts.hostname or ""
    if not proxy or proxy_bypass(parts.netloc) or proxy_bypass(host) or _in_networks(host, proxies.get("no", "")):
        return None
    return _checked_url(f"{parts.scheme.upper()}_PROXY", proxy if "://" in proxy else f"http://{proxy}")


def _in_networks(host: str, no_proxy: str) -> bool:
    """Whether the host is an address in one of the networks, such as 10.0.0.0/8, that are among the names."""
    for name in no_proxy.split(","):
        with suppress(ValueError):  # the one is no address, or the other no network
            if "/" in name and ip_address(host) in ip_network(name.strip(), strict=False):
                return True
    return False


def _read_timeout(value: Duration | None) -> float:
    if value is not None:
        return seconds("read_timeout", value, minimum=0.001)
    name = "CONDUCTOR_CLIENT_HTTP_TIMEOUT"
    text = os.environ.get(name)
    if not text:
        return DEFAULT_READ_TIMEOUT
    try:
        return seconds(name, float(text), minimum=0.001)
    except ValueError as error:
        raise ConfigurationError(f"{name} must be a number of seconds above 0, not {text!r}") from error


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """A copy; an error names the header, never its value."""
    if not isinstance(headers, Mapping):
        raise ConfigurationError(f"headers must be a mapping, not {type(headers).__name__}")
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"headers: {name!r} is not a header name")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(f"headers: the value of {name} is not a string of Latin-1 text on one line")
    return {_OUR_HEADERS.get(name.lower(), plain(name)): plain(value) for name, value in headers.items()}
