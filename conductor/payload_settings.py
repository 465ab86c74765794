"""The settings of external payload storage, and the rules for the addresses that a server gives for payloads."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from conductor._arguments import Duration, exact_str, is_name, require_instance, seconds, whole_number
from conductor._redaction import Secret
from conductor._urls import is_loopback
from conductor.errors import ConfigurationError, UnusablePayloadError

MEBIBYTE = 2**20
EMPTY = 2
"""Bytes of an empty output."""
LONGEST_SHOWN = 150
"""Characters of an address or a storage path in an error, because a reason has 500 in all."""

_NETLOC = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d*)?", re.IGNORECASE | re.ASCII)
_NOT_IN_A_URI = re.compile(r"[^!-~]|[\"<>\\^`{|}]")
_HOST = re.compile(r"[\w.*-]+", re.ASCII)
_NUMERIC = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)\.?")  # resolvers take such names for addresses
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal"})
_METADATA_ADDRESSES = frozenset(map(ip_address, ("fd00:ec2::254", "100.100.100.200")))
"""Addresses at which clouds give credentials to their machines, besides the link-local ones."""


@dataclass(frozen=True, kw_only=True)
class PayloadSettings:
    """The use of the server's external payload storage by workers. Checked at construction: ConfigurationError.

    read: fetch a task's input, and its earlier output, before the function is called, if the server has moved them to
        its storage. If False, such a task is FAILED_WITH_TERMINAL_ERROR.
    upload_over: upload an output of more bytes of JSON than this, and send its path with the result. None: upload none.
    max_size: bytes of the largest payload, read or written.
    timeout: seconds or timedelta that one transfer may take for its request, and again for its answer.
    hosts: the host names of the storage, such as ``"*.s3.eu-central-1.amazonaws.com"``, where ``*`` stands for any
        text. Addresses of other hosts are refused. None: all hosts, but not this machine unless the server runs there.
    allow_http: take addresses without TLS. Without it, ``http`` is taken only on this machine, and at the server's own
        address if that has no TLS either.
    """

    read: bool = True
    upload_over: int | None = None
    max_size: int = 100 * MEBIBYTE
    timeout: Duration = 60.0
    hosts: Collection[str] | None = None
    allow_http: bool = False

    def __post_init__(self) -> None:
        require_instance("read", self.read, bool, "True or False")
        require_instance("allow_http", self.allow_http, bool, "True or False")
        most = whole_number("max_size", self.max_size, 1)
        over = self.upload_over
        if over is not None and whole_number("upload_over", over, EMPTY) >= most:
            raise ConfigurationError(f"upload_over must be less than max_size, which is {most}, not {over}")
        hosts = None if self.hosts is None else _checked_hosts(self.hosts)
        vars(self).update(timeout=seconds("timeout", self.timeout, minimum=0.001), hosts=hosts)


@dataclass(frozen=True)
class Place:
    """The address of a payload. origin: for texts, because the target may hold a signature."""

    origin: str
    target: str


def place_of(uri: Secret, server_url: str, settings: PayloadSettings) -> Place:
    """The address in its parts. UnusablePayloadError if the settings do not allow it; its text names only the host.

    server_url: of the Conductor server's API.
    """
    place = _place_or_problem(uri, server_url, settings)
    if isinstance(place, str):  # raised here, because the frames of an error must not hold the whole address
        raise UnusablePayloadError(f"the server gave an address {place}")
    return place


def _place_or_problem(uri: str, server_url: str, settings: PayloadSettings) -> Place | str:
    if uri.startswith("/api/"):  # of a server with PostgreSQL as its storage, and no setting for its own address
        uri = server_url.removesuffix("/api") + uri
    if _NOT_IN_A_URI.search(uri):
        return "with characters that no URL may hold"
    try:
        parts = urlsplit(uri)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
        host.encode("idna")
    except ValueError:  # a port that is no number, brackets that do not match, or a host with a part that is too long
        return "that is no URL"
    if parts.scheme not in ("http", "https") or not host or port == 0 or not _NETLOC.fullmatch(parts.netloc):
        return "that is not a URL of http or https with a host"
    origin = f"{parts.scheme}://{parts.netloc}"
    if problem := _problem_with(origin, host, server_url, settings):
        return f"at {origin[:LONGEST_SHOWN]}, {problem}"
    query = f"?{parts.query}" if parts.query else ""
    return Place(origin, Secret((parts.path or "/") + query))


def _problem_with(origin: str, host: str, server_url: str, settings: PayloadSettings) -> str:
    server = urlsplit(server_url)
    address, is_here = _address(host), is_loopback(host) or host.endswith(".localhost")
    if settings.hosts is not None:
        if not any(fnmatchcase(host, pattern) for pattern in settings.hosts):
            return "which is not among the hosts of the PayloadSettings"
    elif is_here and not is_loopback(server.hostname or ""):
        return "which is this machine, while the server is another one: the hosts of the PayloadSettings may allow it"
    if host in _METADATA_NAMES or (address is not None and _is_no_storage(address)):
        return "which no storage has"
    if address is None and (_NUMERIC.fullmatch(host) or ":" in host):
        return "which is not in the usual form of an address"
    is_own = origin.lower() == f"{server.scheme}://{server.netloc}".lower()
    if origin.startswith("http:") and not (is_here or is_own or settings.allow_http):
        return "without TLS: allow_http of the PayloadSettings may allow it"
    return ""


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address; None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _is_no_storage(address: IPv4Address | IPv6Address) -> bool:
    is_special = address.is_link_local or address.is_multicast or address.is_unspecified
    return is_special or address in _METADATA_ADDRESSES


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _HOST.fullmatch(host) is not None
    try:
        return IPv6Address(host.strip("[]")).scope_id is None
    except ValueError:
        return False


def _checked_hosts(hosts: Collection[str]) -> tuple[str, ...]:
    if isinstance(hosts, str) or not isinstance(hosts, Collection):
        raise ConfigurationError(f"hosts must be a list of host names, not {hosts!r}")
    for host in hosts:
        if not is_name(host) or not _is_host(host):
            raise ConfigurationError(f"hosts: {host!r} is not a host name without a port, such as *.example.com")
    return tuple(exact_str(host).lower().strip("[]") for host in hosts)
