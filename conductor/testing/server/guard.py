"""Decides which requests are accepted: those for an address of this server, from no foreign page, with a valid token.

A web page can send requests to servers on the computer of its visitor. It can use a name of its own that leads to
127.0.0.1: then the header Host is not one of this server. Or it sends them from its own origin: then the browser says
so, in Origin or Sec-Fetch-Site.

The page at / can start and end workflows. This is taken from the page alone, so these requests must say where they come
from. Programs have the REST API.
"""

from __future__ import annotations

import base64
import binascii
import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address

from conductor.testing.server.http_wire import Request, Response
from conductor.testing.server.page_routes import ACTIONS, is_of_page
from conductor.testing.server.payload_storage import READ_PAYLOAD, WRITE_PAYLOAD
from conductor.testing.server.responses import error
from conductor.testing.server.routes import TOKEN
from conductor.testing.server.routes.about import DOCUMENT, HEALTH_CHECK
from conductor.testing.server.tokens import Tokens

WITHOUT_TOKEN = frozenset({TOKEN, HEALTH_CHECK, DOCUMENT, READ_PAYLOAD, WRITE_PAYLOAD})
"""Operations that need no token when all others do."""


ANY_NAME = "*"
"""As one of the names of a server: it takes requests for every host."""

_NAME = re.compile(r"[\w.-]+")


def is_host(value: object) -> bool:
    """Whether the text is an address, or a host name that sockets can look up: no URL, no port."""
    if not isinstance(value, str):
        return False
    try:
        return _address(value) is not None or bool(_NAME.fullmatch(value) and value.encode("idna"))
    except UnicodeError:  # with a NUL, a socket would raise a TypeError
        return False


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to the address."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else ip_address(address).is_loopback


class Guard:
    """host: the address that the server listens on. names: further names of it, or ANY_NAME."""

    def __init__(self, host: str, names: Iterable[str], tokens: Tokens | None) -> None:
        self._names = {"127.0.0.1", "localhost", "::1", _normal(host), *map(_normal, names)}
        self._is_local = is_loopback(host)
        if not self._is_local:
            self._names.add(socket.gethostname().lower())
        self._tokens = tokens

    def refusal_of_source(self, request: Request) -> Response | None:
        """403 for a request that names another host, or that comes from a page of another server."""
        host = request.headers.get("host", "")
        if not self._is_own(host):
            message = f"this server is not known as {host[:200]!r}, the Host of the request"
            return error(403, f"{message}; DevServer(names=[…]) and --name add names", error="FOREIGN_HOST")
        origin = request.headers.get("origin")
        is_foreign = origin is not None and origin.partition("://")[2].lower() != host.lower()
        if is_foreign or request.headers.get("sec-fetch-site", "none").lower() not in ("none", "same-origin"):
            return error(403, "this server takes no requests from pages of other servers", error="FOREIGN_ORIGIN")
        return None

    def refusal_of_action(self, request: Request, operation: str) -> Response | None:
        """403 for a request that acts as the page does, but does not come from it."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if not operation.startswith(ACTIONS) or origin is not None or site == "same-origin":
            return None  # refusal_of_source has compared the Origin
        message = (
            "only the page of this server may do this, which says so in Origin; programs use the addresses below /api"
        )
        return error(403, message, error="NOT_THE_PAGE")

    def refusal_of_token(self, request: Request, operation: str | None) -> Response | None:
        """401 for a request without a valid token.

        operation: of the route, or None. A browser may use the page at / with the key itself, for which it asks its
            user.
        """
        if self._tokens is None or operation in WITHOUT_TOKEN:
            return None
        refusal = self._tokens.refusal(request.headers.get("x-authorization"))
        if refusal is not None and operation is not None and is_of_page(operation):
            if self._tokens.is_key(*_basic(request.headers.get("authorization", ""))):
                return None
            refusal.headers = {"WWW-Authenticate": 'Basic realm="access key: id and secret"'}
        return refusal

    def _is_own(self, host: str) -> bool:
        """Whether a Host header names this server, with any port, because a proxy may listen on another one.

        From other machines it may be any address, because only a name can be made to lead here. Names below localhost
        always lead to the computer itself (RFC 6761).
        """
        if ANY_NAME in self._names:
            return True
        bracketed = host.startswith("[")
        name = _normal(host.removeprefix("[").partition("]" if bracketed else ":")[0])
        if name in self._names or name.endswith(".localhost"):
            return True
        return not self._is_local and _address(name) is not None


def _address(host: str) -> str | None:
    """An IP address in its usual form. None for a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _normal(host: str) -> str:
    return _address(host) or host.lower()


def _basic(header: str) -> tuple[str, str]:
    """The user and the password of an Authorization header (RFC 7617)."""
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    user, _, password = text.partition(":")
    return user, password
