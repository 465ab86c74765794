"""A bare loop on sockets with answers read by httptools: one update-v2 a task."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import bare
import httptools


class LeanConnection(bare.Connection):
    def __init__(self) -> None:
        url = urlsplit(bare.assignment.url)
        self._socket = socket.create_connection((url.hostname or "", url.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._prefix = url.path.encode()
        self._headers = (
            f" HTTP/1.1\r\nHost: {url.netloc}\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
        ).encode()
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._complete = False

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._complete = True

    def get(self, path: str) -> bytes:
        return self._exchange(b"GET %b%b%b\r\n" % (self._prefix, path.encode(), self._headers))

    def post(self, path: str, body: bytes) -> bytes:
        head = b"POST %b%b%bContent-Length: %d\r\n\r\n" % (self._prefix, path.encode(), self._headers, len(body))
        return self._exchange(head + body)

    def _exchange(self, request: bytes) -> bytes:
        self._body, self._complete = [], False
        self._socket.sendall(request)
        while not self._complete:
            data = self._socket.recv(262_144)
            if not data:
                raise ConnectionError("the server has closed the connection")
            self._parser.feed_data(data)
        return b"".join(self._body)


if __name__ == "__main__":
    bare.run(LeanConnection, bare.follow_updates)
