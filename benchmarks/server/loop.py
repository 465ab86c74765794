"""One thread that serves HTTP/1.1 with epoll: sockets and timers, and nothing of Conductor."""

from __future__ import annotations

import heapq
import itertools
import re
import select
import socket
import sys
import time
from collections.abc import Callable

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
LONGEST_POLL = 3600.0
FINEST_POLL = 0.03
"""Seconds; epoll rounds up to milliseconds, which is too coarse for waits below this."""


class Connection:
    """A client, which waits for each answer before it sends its next request, as all clients of Conductor do."""

    __slots__ = ("received", "socket", "unsent")

    def __init__(self, client: socket.socket) -> None:
        self.socket = client
        self.received = b""
        self.unsent: bytes | memoryview = b""


Handler = Callable[[Connection, bytes, bytes], None]
"""Called with the connection, the request line and the body. It answers by ``Loop.send``, now or later."""


class Loop:
    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self._connections: dict[int, Connection] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()  # timers of the same moment go off in the order in which they were set
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def at(self, moment: float, call: Callable[[], None]) -> None:
        """Call it at that moment of ``time.monotonic``."""
        heapq.heappush(self._timers, (moment, next(self._numbers), call))

    def run(self) -> None:
        """Until standard input ends: the server ends with the process that started it."""
        stdin, listener = sys.stdin.fileno(), self._listener.fileno()
        self._epoll.register(stdin, select.EPOLLIN)
        while True:
            for descriptor, events in self._wait():
                if descriptor == listener:
                    self._accept()
                elif descriptor == stdin:
                    return
                elif descriptor in self._connections:
                    connection = self._connections[descriptor]
                    if events & select.EPOLLOUT:
                        self._send_pending(connection)
                    if events & ~select.EPOLLOUT:  # there is something to read, or the client is gone
                        self._read(connection)
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()

    def send(self, connection: Connection, data: bytes) -> None:
        """Bytes that the socket does not take at once go out when it can."""
        try:
            sent = connection.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:  # the client is gone
            self._close(connection)
            return
        if sent < len(data):
            connection.unsent = memoryview(data)[sent:]
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _send_pending(self, connection: Connection) -> None:
        try:
            connection.unsent = connection.unsent[connection.socket.send(connection.unsent) :]
        except OSError:  # the client is gone
            self._close(connection)
            return
        if not connection.unsent:
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN)

    def _wait(self) -> list[tuple[int, int]]:
        if not self._timers:
            return self._epoll.poll(LONGEST_POLL)
        left = max(0.0, self._timers[0][0] - time.monotonic())
        if 0 < left < FINEST_POLL:
            select.select([self._epoll], [], [], left)
            left = 0
        return self._epoll.poll(left)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[client.fileno()] = Connection(client)
        self._epoll.register(client.fileno(), select.EPOLLIN)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        received = connection.received + data if connection.received else data
        connection.received = b""
        while received:
            end_of_head = received.find(b"\r\n\r\n")
            if end_of_head < 0:
                break
            length = LENGTH.search(received, 0, end_of_head)
            end = end_of_head + 4 + (int(length[1]) if length else 0)
            if not length and CHUNKED.search(received, 0, end_of_head):
                self.send(connection, b"HTTP/1.1 411 \r\nContent-Length: 0\r\n\r\n")
                self._close(connection)
                return
            if len(received) < end:
                break
            self._handle(connection, received[: received.find(b"\r\n")], received[end_of_head + 4 : end])
            received = received[end:]
        connection.received = received

    def _close(self, connection: Connection) -> None:
        if self._connections.pop(connection.socket.fileno(), None):
            self._epoll.unregister(connection.socket.fileno())
            connection.socket.close()
