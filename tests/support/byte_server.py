"""A server that knows no HTTP: it sends the bytes that a test gives it."""

import contextlib
import socket
import threading

from conductor import ApiClient, HttpSettings, TaskExecutor

OK = b"HTTP/1.1 200 OK\r\n"
JSON = b'{"taskId": "t", "workflowInstanceId": "w"}'
TASK = OK + b"Content-Length: %d\r\n\r\n%b" % (len(JSON), JSON)
ID = OK + b"Content-Length: 2\r\n\r\nid"


class ByteServer:
    """A server of one function: it is called after the head of each request, with the connection and an event.

    The event is the server's end. heads: of the requests so far. connections: how many there were. An OSError ends one.
    """

    def __init__(self, answer, tls=None, host="127.0.0.1"):
        self._answer = answer
        self._tls = tls
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._last_heads = {}
        self.heads = []
        self.connections = 0
        self.done = threading.Event()
        scheme, shown = "https" if tls else "http", f"[{host}]" if ":" in host else host
        self.address = f"{shown}:{self._listener.getsockname()[1]}"
        self.url = f"{scheme}://{self.address}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self.done.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def head_of(self, connection):
        """The last one on it."""
        return self._last_heads[connection]

    def read_body(self, connection):
        """That of the last request on it."""
        lines = self.head_of(connection).lower().split(b"\r\n")
        left = sum(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
        body = bytearray()
        while left > len(body):
            body += _some(connection, left - len(body))
        return bytes(body)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._tls.wrap_socket(client, server_side=True) if self._tls else client as connection:
                while not self.done.is_set():
                    head = _read_head(connection)
                    self._last_heads[connection] = head
                    self.heads.append(head)
                    self._answer(connection, self.done)


def _read_head(connection):
    """Byte by byte, so that nothing of a body is taken."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += _some(connection, 1)
    return head


def _some(connection, size):
    if not (data := connection.recv(size)):
        raise ConnectionResetError
    return data


CLOSE = None
"""In what playing() is given: the connection is closed here."""


def playing(*answers):
    """An answer for each request on any connection, in order: bytes, or parts that are sent one after the other."""
    left = iter(answers)

    def answer(connection, done):
        parts = next(left)
        for number, part in enumerate([parts] if isinstance(parts, bytes) else parts):
            if part is CLOSE:
                raise ConnectionAbortedError
            if number:
                done.wait(0.02)  # or they could arrive together
            connection.sendall(part)

    return answer


def sent(server):
    """The request line of the only request, and its headers in the order in which they came."""
    (head,) = server.heads
    line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    return line, [tuple(each.split(": ", 1)) for each in lines]


def get_task(url, key=None, **settings):
    with ApiClient(key, HttpSettings(url, **{"read_timeout": 5, "connect_timeout": 5} | settings)) as client:
        return TaskExecutor(client).get_task("t")
