"""A server for HTTP/1.1 with a thread for each connection, ten times as fast as ``http.server``. It knows no Conductor.

As Tomcat does, it closes the connection after statuses such as 400 and 500. Differences to Tomcat: each body has a
Content-Length, and a connection is not closed after a hundred requests.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable

from conductor.testing.server.http_reader import Reader, RefusedError
from conductor.testing.server.http_wire import Request, Response, encoded

logger = logging.getLogger(__name__)

STOP_WITHIN = 2.0  # seconds for answers that are being sent when the server stops

LINGER = 0.5  # seconds
MOST_UNREAD = 1024 * 1024  # bytes

CLOSING = frozenset({400, 408, 411, 413, 414, 417, 500, 501, 503, 505})


class HttpServer:
    """Listens as soon as it is made, and serves from ``start()`` to ``stop()``.

    handle: called on the connection's thread, and must not raise. None closes the connection without an answer.
    """

    def __init__(self, host: str, port: int, handle: Callable[[Request], Response | None], name: str) -> None:
        self._handle = handle
        self._name = name
        self._lock = threading.Lock()  # guards _connections, _ending and _accepted: none is added after _stopping
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._ending: list[threading.Thread] = []  # threads that are done with their connections, but still alive
        self._stopping = threading.Event()
        self._accepted = 0
        self._listener = socket.create_server((host, port), family=_family(host), backlog=256)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._thread = threading.Thread(target=self._accept, name=f"{name}-accept", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def refuse(self) -> None:
        """Accept no new connections, and read no more requests. Answers that are being sent are completed."""
        with self._lock:
            self._stopping.set()
            connections = list(self._connections)
        if self._thread.is_alive():
            with contextlib.suppress(OSError):  # this ends accept() on every system; closing the socket does not
                socket.create_connection(self.address, 1).close()
            self._thread.join()
        self._listener.close()
        for connection in connections:
            _shut(connection, socket.SHUT_RD)

    def stop(self) -> None:
        """End every connection. Returns when their threads have ended."""
        self.refuse()
        deadline = time.monotonic() + STOP_WITHIN
        with self._lock:
            threads = [*self._connections.values(), *self._ending]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.drop_connections()  # of clients that do not read their answers
        for thread in threads:
            thread.join(STOP_WITHIN)

    def drop_connections(self) -> None:
        """Cut all open connections at once."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            _shut(connection, socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # for example, there is no file descriptor: other connections may end
                logger.exception("the dev server could not take a connection")
                self._stopping.wait(0.1)
                continue
            with self._lock:
                if self._stopping.is_set():
                    connection.close()
                    return
                self._accepted += 1
                name = f"{self._name}-{self._accepted}"
                thread = threading.Thread(target=self._serve, args=(connection,), name=name, daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # no thread can be started
                    logger.exception("the dev server could not serve a connection")
                    connection.close()
                    continue
                self._connections[connection] = thread

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = Reader(connection)
            while self._exchange(connection, reader):
                pass
        except OSError:  # the client has closed the connection
            logger.debug("the dev server lost a client", exc_info=True)
        finally:
            connection.close()
            with self._lock:
                thread = self._connections.pop(connection)
                self._ending = [thread, *(each for each in self._ending if each.is_alive())]

    def _exchange(self, connection: socket.socket, reader: Reader) -> bool:
        """Read one request and send its answer. Returns whether another request may follow."""
        try:
            request, keep = reader.request()
        except RefusedError as refused:
            connection.sendall(encoded(refused.response, keep=False, with_body=True))
            _linger(connection)
            return False
        if request is None:
            return False
        response = self._handle(request)
        if response is None:
            return False
        keep = keep and response.status not in CLOSING and not self._stopping.is_set()
        connection.sendall(encoded(response, keep=keep, with_body=request.method != "HEAD"))
        return keep


def _linger(connection: socket.socket) -> None:
    """Read the rest of the request. Closing earlier would reset the connection, and the answer could be lost."""
    _shut(connection, socket.SHUT_WR)
    connection.settimeout(LINGER)
    read = 0
    while read < MOST_UNREAD and (part := connection.recv(65536)):
        read += len(part)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _shut(connection: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):  # the connection has ended by itself
        connection.shutdown(how)
