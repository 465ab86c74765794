"""Keeps the connections to a server. urllib3 resolves the name, connects and checks the certificate."""

from __future__ import annotations

import socket
import ssl
import time
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes, urlsplit
from weakref import finalize

from conductor_client.client import Answer
from conductor_client.errors import ExchangeError
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError
from urllib3.util import Url, parse_url
from urllib3.util.ssltransport import SSLTransport

from conductor._exchange import Connection, NoAnswerInTimeError
from conductor._redaction import Secret, SecretBytes

MOST_IDLE = 1_000
"""Connections that are kept for reuse."""


class NotConnectedError(ExchangeError):
    """There is no connection. The cause is the error of urllib3 or of the system."""


class Head:
    """The headers of a request as bytes, encoded once for many requests. Its repr does not show them."""

    __slots__ = ("lines",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        lines = (f"{name}: {value}\r\n".encode("latin-1") for name, value in headers.items())
        self.lines = SecretBytes(b"".join(lines))


class Exchange:
    """Sends the requests of the generated client with connections, headers and a time limit.

    timeout: seconds for sending the request, and again for the whole answer. anew: use a new connection.
    """

    __slots__ = ("_anew", "_connections", "_head", "_timeout")

    def __init__(self, connections: Connections, head: Head, timeout: float, *, anew: bool = False) -> None:
        self._connections = connections
        self._head = head
        self._timeout = timeout
        self._anew = anew

    def anew(self) -> Exchange:
        """The same exchange on a new connection."""
        return Exchange(self._connections, self._head, self._timeout, anew=True)

    def __call__(self, method: str, target: str, body: bytes | None, /) -> Answer:
        """Send a request and return its answer. Raises ExchangeError or OSError."""
        of_body = b"" if body is None else b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        start = f"{method} {self._connections.prefix}{target} HTTP/1.1\r\n".encode()
        lines = self._connections.head.lines, self._head.lines
        request = SecretBytes(b"".join((start, *lines, of_body, b"\r\n", body or b"")))
        times_closed = self._connections.times_closed
        connection = self._connections.new() if self._anew else self._connections.take()
        try:
            answer = connection.exchange(request, self._timeout)
        except BaseException:
            connection.close()
            raise
        self._connections.date = answer.headers.get("date", "")
        self._connections.give_back(connection, times_closed)
        return answer


class Connections:
    """Connections to one server, through its proxy if there is one. Thread-safe: each serves one request at a time.

    host: the server's, with its port. prefix: of the path of each request. head: for the proxy that reads them. most:
    see Connection. date: the Date header of the last answer; "" if there is none. times_closed: calls of ``close``.
    """

    def __init__(
        self, base_url: str, proxy_url: str | None, connect_timeout: float, context: ssl.SSLContext, most: int | None
    ) -> None:
        self._context = context
        self._most = most
        self._connect_timeout = connect_timeout
        self._server = _parsed(base_url)
        self._proxy = None if proxy_url is None else _parsed(str(proxy_url))
        self._authorization = _proxy_authorization(self._proxy)
        self._is_https = self._server.scheme == "https"
        forwards = self._proxy is not None and not self._is_https  # the proxy reads the requests
        path = self._server.path or ""
        self.prefix = f"http://{self._server.netloc}{path}" if forwards else path
        self.host = self._server.netloc or ""
        self.head = Head(self._authorization if forwards else {})
        self.date = ""
        self.times_closed = 0
        self._idle: deque[Connection] = deque()  # the last one used is at the right; atomic operations
        finalize(self, _close_all, self._idle)

    def take(self) -> Connection:
        """The kept connection that was used last, if the server has not closed it, or else a new one."""
        while (connection := _last_of(self._idle)) is not None:
            if not connection.is_readable():  # it was closed, or has data without a request
                return connection
            connection.close()
        return self.new()

    def new(self) -> Connection:
        """Open a connection. Blocks up to the connect timeout per address of the host. Raises NotConnectedError."""
        try:
            return self._connected()
        except (TimeoutError, BlockingIOError, NoAnswerInTimeError):
            raise NotConnectedError from ConnectTimeoutError()
        except (OSError, HTTPError, ExchangeError) as error:
            raise NotConnectedError from error

    def give_back(self, connection: Connection, times_closed: int) -> None:
        """Keep a connection after its answer, if it can serve another request. times_closed: before the request."""
        if connection.can_be_kept and len(self._idle) < MOST_IDLE:
            self._idle.append(connection)
            if self.times_closed != times_closed:  # looked at afterwards, because ``close`` may be called meanwhile
                _close_all(self._idle)
        else:
            connection.close()

    def close(self) -> None:
        """Close the connections that no request uses now, and those of requests under way after their answers."""
        self.times_closed += 1
        _close_all(self._idle)

    def _connected(self) -> Connection:
        peer = self._proxy or self._server
        is_tls = peer.scheme == "https"
        host, port = _name_of(peer), peer.port or (443 if is_tls else 80)
        timeout = self._connect_timeout
        opened = HTTPConnection(host, port, timeout=timeout)
        if is_tls:
            opened = HTTPSConnection(host, port, timeout=timeout, ssl_context=self._context)
        try:
            opened.connect()
            connection = Connection(opened.sock, self._most)
            if self._proxy is not None and self._is_https:
                connection = self._through(connection, is_tls)
        except BaseException:
            opened.close()
            raise
        return connection

    def _through(self, proxy: Connection, is_tls: bool) -> Connection:
        """A TLS connection to the server, in a tunnel through the proxy."""
        deadline = time.monotonic() + self._connect_timeout
        host = f"{self._server.host}:{self._server.port or 443}"
        head = Head({"Host": host} | self._authorization)
        status = proxy.open_tunnel(
            b"CONNECT %b HTTP/1.1\r\n%b\r\n" % (host.encode(), head.lines), self._connect_timeout
        )
        if not 200 <= status < 300:
            raise ExchangeError(f"the proxy answered {status}")
        proxy.socket.settimeout(max(0.001, deadline - time.monotonic()))  # of the handshake; 0 would not block
        name = _name_of(self._server).rstrip(".")  # no certificate has the dot
        if is_tls:
            limited = _LimitedSocket(proxy.socket, deadline - time.monotonic())
            return Connection(SSLTransport(limited, self._context, name), self._most)  # type: ignore[arg-type]
        return Connection(self._context.wrap_socket(proxy.socket, server_hostname=name), self._most)


class _LimitedSocket:
    """A socket with one timeout for all operations until the next one is set, because SSLTransport makes several."""

    def __init__(self, opened: socket.socket, seconds: float) -> None:
        self._socket = opened
        self.fileno, self.close = opened.fileno, opened.close
        self.settimeout(seconds)

    def settimeout(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def recv(self, size: int) -> bytes:
        self._limit()
        return self._socket.recv(size)

    def sendall(self, data: bytes) -> None:
        self._limit()
        self._socket.sendall(data)

    def _limit(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def _last_of(idle: deque[Connection]) -> Connection | None:
    try:
        return idle.pop()
    except IndexError:
        return None


def _close_all(idle: deque[Connection]) -> None:
    while (connection := _last_of(idle)) is not None:
        connection.close()


def _proxy_authorization(proxy: Url | None) -> dict[str, str]:
    user, _, password = ((proxy and proxy.auth) or "").partition(":")
    if not user:
        return {}
    pair = b"%b:%b" % (unquote_to_bytes(user), unquote_to_bytes(password))
    return {"Proxy-Authorization": Secret(f"Basic {b64encode(pair).decode()}")}


def _parsed(url: str) -> Url:
    """The URL with its host in ASCII, because urllib3 would need another package for other letters."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, port = host.partition(":")  # of an IPv6 address the part before its first colon, which stays as it is
    return parse_url(parts._replace(netloc=user + at + name.encode("idna").decode() + colon + port).geturl())


def _name_of(peer: Url) -> str:
    return (peer.host or "").strip("[]")  # around an IPv6 address
