"""Sends the request of an HTTP task and reads the answer, with the redirects and tries of the server's client."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException, RemoteDisconnected
from urllib.parse import urljoin, urlsplit

from urllib3 import HTTPHeaderDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NameResolutionError

REST = 1.0
"""Seconds before the second try, if the answer does not say them."""
TRIED_AGAIN = frozenset({429, 503})
MOST_REDIRECTS = 50
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OF_THE_CODING = frozenset({"content-encoding", "content-length", "content-md5"})
"""Headers that are gone from the answer when its body has been unpacked."""

Headers = Sequence[tuple[str, str]]


class ExchangeError(Exception):
    """There is no answer. The text is that of the server, as far as this side knows it."""


@dataclass(frozen=True)
class Sent:
    """A request as it goes out. Timeouts are in seconds; None waits without end."""

    method: str
    uri: str
    headers: Headers
    body: bytes | None
    connection_timeout: float | None
    read_timeout: float | None


@dataclass(frozen=True)
class Answer:
    """An answer, with its body unpacked."""

    status: int
    reason: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of the name."""
        return next((value for given, value in self.headers if given.lower() == name.lower()), None)


class Exchange:
    """One request, with its redirects and its second try. ``stop``, from another thread, ends it early."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()  # guards _socket, so that stop does not miss a new connection
        self._socket: socket.socket | None = None

    def stop(self) -> None:
        self._stopped.set()
        with self._lock:
            if self._socket is not None:
                _shut(self._socket)

    def run(self, sent: Sent) -> Answer:
        """The answer after all redirects. ExchangeError."""
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._tried_again(sent)
            place = answer.header("Location")
            if answer.status not in _REDIRECTS or place is None:
                return answer
            sent = _redirected(sent, answer.status, place)
        raise ExchangeError(f"Maximum redirects ({MOST_REDIRECTS}) exceeded")

    def _tried_again(self, sent: Sent) -> Answer:
        try:
            answer = self._once(sent)
        except RemoteDisconnected:
            if sent.method not in _REPEATABLE or self._stopped.wait(REST):
                raise _unanswered(sent) from None
        else:
            if answer.status not in TRIED_AGAIN or self._stopped.wait(_rest(answer)):
                return answer
        try:
            return self._once(sent)
        except RemoteDisconnected:
            raise _unanswered(sent) from None

    def _once(self, sent: Sent) -> Answer:
        """One try. RemoteDisconnected: the other side has closed the connection without an answer."""
        parts = urlsplit(sent.uri)
        if not parts.netloc:
            raise ExchangeError("Target host is not specified")
        if parts.scheme not in {"http", "https"}:
            raise ExchangeError(f"Unroutable protocol scheme: {parts.scheme}://{parts.netloc}")
        if parts.username is not None:
            raise ExchangeError("Request URI authority contains deprecated userinfo component")
        make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = make(parts.hostname or "", parts.port, timeout=sent.connection_timeout)
        try:
            self._connect(connection, f"{parts.scheme}://{parts.netloc}")
            connection.timeout = sent.read_timeout
            target = sent.uri.partition(parts.netloc)[2]
            return _read(connection, sent, target if target.startswith("/") else f"/{target}")
        except RemoteDisconnected:
            raise
        except TimeoutError:
            raise ExchangeError("Read timed out") from None
        except (HTTPError, HTTPException, OSError) as error:
            raise ExchangeError(str(error)) from None
        finally:
            with self._lock:
                self._socket = None
            connection.close()

    def _connect(self, connection: HTTPConnection, place: str) -> None:
        try:
            connection.connect()
        except NameResolutionError:
            raise ExchangeError(f"{connection.host}: Name or service not known") from None
        except (HTTPError, OSError) as error:
            reason = "Connection refused" if "refused" in str(error) else str(error)
            raise ExchangeError(f"Connect to {place} failed: {reason}") from None
        with self._lock:
            self._socket = connection.sock
            if self._stopped.is_set():
                _shut(connection.sock)


def _read(connection: HTTPConnection, sent: Sent, target: str) -> Answer:
    headers = HTTPHeaderDict()
    for name, value in sent.headers:
        headers.add(name, value)
    headers.setdefault("Accept-Encoding", "gzip, x-gzip, deflate")
    connection.request(sent.method, target, sent.body, headers)
    response = connection.getresponse()
    received = list(response.headers.iteritems())
    if "Content-Encoding" in response.headers:
        received = [(name, value) for name, value in received if name.lower() not in _OF_THE_CODING]
    return Answer(response.status, response.reason or "", received, response.data)


def _redirected(sent: Sent, status: int, place: str) -> Sent:
    becomes_get = status == 303 or (status in {301, 302} and sent.method == "POST")
    if becomes_get and sent.method != "HEAD":
        sent = replace(sent, method="GET", headers=(), body=None)
    return replace(sent, uri=urljoin(sent.uri, place))


def _unanswered(sent: Sent) -> ExchangeError:
    return ExchangeError(f"{urlsplit(sent.uri).netloc} failed to respond")


def _rest(answer: Answer) -> float:
    after = answer.header("Retry-After") or ""
    return float(after) if after.isdigit() else REST


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended by itself
