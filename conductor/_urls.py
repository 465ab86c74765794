"""Checks URLs, and finds out where they lead."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from conductor._redaction import kind_of
from conductor.errors import ConfigurationError

A_PROXY = "http://proxy:3128"
"""An example of its URL."""

_NOT_IN_A_URL = re.compile(r"[\s\x00-\x1f\x7f-\x9f<>\"\\^`{|}]")


def check_url(name: str, url: str, example: str = "https://host:8080/api") -> None:
    """Raise ConfigurationError unless the URL can work. The text shows a URL only if it cannot hold a password."""
    if not isinstance(url, str):
        raise ConfigurationError(f"{name} must be a string, not {kind_of(url)}")
    shown = "" if "@" in url or "?" in url else f": {str(url)!r}"
    if _NOT_IN_A_URL.search(url):
        raise ConfigurationError(f"{name} holds a space or a character that no URL may hold{shown}")
    if problem := _problem_with(url):
        raise ConfigurationError(f"{name} {problem}{shown if url else ''}. It must be a URL such as {example}")


def _problem_with(url: str) -> str:
    """The fault of an address, without any part of it, which may be secret; "" if it can work."""
    if not url:
        return "is empty"
    if not url.lower().startswith(("http://", "https://")):
        return "does not begin with http:// or https://"
    if "?" in url or "#" in url:
        return "has a query" if "?" in url else "has a fragment (#)"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removesuffix(".").encode("idna")
    except ValueError:  # brackets that do not match, no host's name
        host = b""
    if not host:
        return "has no host that can be"
    if {".", ".."} & set(parts.path.split("/")):  # urllib3 would send another path
        return "has . or .. in its path"
    return "" if _has_usable_port(parts) else "has a port that is no number from 1 to 65535"


def _has_usable_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
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
