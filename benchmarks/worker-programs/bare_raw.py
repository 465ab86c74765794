"""A bare loop on sockets, without an HTTP library: polls a batch, posts each result. The floor for threads."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import bare


class RawConnection(bare.Connection):
    """Reads answers with a Content-Length, and answers without a body."""

    def __init__(self) -> None:
        url = urlsplit(bare.assignment.url)
        self._socket = socket.create_connection((url.hostname or "", url.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._prefix = url.path
        self._headers = f" HTTP/1.1\r\nHost: {url.netloc}\r\nAccept: application/json\r\n"

    def get(self, path: str) -> bytes:
        return self._exchange(f"GET {self._prefix}{path}{self._headers}\r\n".encode())

    def post(self, path: str, body: bytes) -> bytes:
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return self._exchange(f"POST {self._prefix}{path}{self._headers}{length}".encode() + body)

    def _exchange(self, request: bytes) -> bytes:
        self._socket.sendall(request)
        received = self._receive()
        while (end_of_head := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        start = received.find(b"Content-Length: ", 0, end_of_head)
        if start < 0:
            return b""
        length = int(received[start + 16 : received.find(b"\r\n", start)])
        body = bytearray(received[end_of_head + 4 :])
        while len(body) < length:
            body += self._receive()
        return bytes(body)

    def _receive(self) -> bytes:
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionError("the server has closed the connection")
        return data


if __name__ == "__main__":
    bare.run(RawConnection, bare.poll_and_update)
