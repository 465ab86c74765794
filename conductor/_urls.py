"""Checks URLs, and finds out where they lead."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from conductor._redaction import kind_of
from conductor.errors import ConfigurationError

_NOT_IN_A_URL = re.compile(r"[\s\x00-\x1f\x7f-\x9f<>\"\\^`{|}]")


def check_url(name: str, url: str) -> None:
    """Raise ConfigurationError unless the URL can work. The text shows a URL only if it cannot hold a password."""
    if not isinstance(url, str):
        raise ConfigurationError(f"{name} must be a string, not {kind_of(url)}")
    shown = "" if "@" in url or "?" in url else f": {str(url)!r}"
    if _NOT_IN_A_URL.search(url):
        raise ConfigurationError(f"{name} holds a space or a character that no URL may hold{shown}")
    if not _is_url(url) or "?" in url or "#" in url:
        raise ConfigurationError(f"{name} must be a URL such as https://host:8080/api, without a query{shown}")


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removesuffix(".").encode("idna")
        is_path = not {".", ".."} & set(parts.path.split("/"))  # urllib3 would send another path
        return parts.scheme in ("http", "https") and bool(host) and parts.port != 0 and is_path
    except ValueError:  # a port that is no number, brackets that do not match, no host's name
        return False


def has_user(url: str) -> bool:
    """Whether it holds a user's name, and perhaps a password."""
    return "@" in urlsplit(url).netloc


def without_user(url: str) -> str:
    """Its scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def is_loopback(host: str) -> bool:
    """Whether the host is this machine itself: localhost, 127.0.0.0/8 or ::1."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower().removesuffix(".") == "localhost"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


def in_networks(host: str, no_proxy: str) -> bool:
    """Whether the host is an address in one of the networks, such as 10.0.0.0/8, that are among the names."""
    for name in no_proxy.split(","):
        with suppress(ValueError):  # the one is no address, or the other no network
            if "/" in name and ip_address(host) in ip_network(name.strip(), strict=False):
                return True
    return False
