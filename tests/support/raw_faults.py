"""What a RawServer can be told to do wrong.

An action is called with the Exchange of one request: it may ``apply()`` the request, which gives the Answer that a
sound server would send, and then sends that, something else or nothing. Any function of an Exchange will do as well.
``after_effect``: the server does what it was asked to do, and only its answer suffers.
"""

import json
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http.client import responses
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Body: bytes as they are, text, or what JSON holds. A 204 has none."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self):
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    def head(self, version="1.1", **headers):
        """Status line, headers and the empty line; underscores in names become hyphens, None is left out."""
        lines = {"Content-Type": "application/json", "Content-Length": len(self.content), **self.headers}
        lines.update({name.replace("_", "-"): value for name, value in headers.items()})
        if self.status == 204:
            lines["Content-Length"] = None
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        return f"HTTP/{version} {self.status} {responses.get(self.status, 'Odd')}\r\n{text}\r\n".encode("latin-1")


def conductor_error(status, message, **more):
    """An action: Conductor's error JSON."""
    return Status(status, {"status": status, "message": message, "instance": "raw", "retryable": False, **more})


def answer_soundly(exchange):
    exchange.send(exchange.apply())


@dataclass(frozen=True)
class Status:
    """Any answer that is whole."""

    code: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after_effect: bool = False

    def __call__(self, exchange):
        if self.after_effect:
            exchange.apply()
        exchange.send(Answer(self.code, self.body, self.headers))


def Html(status=200, body="<html><body>Please log in</body></html>", after_effect=False):
    return Status(status, body, {"Content-Type": "text/html;charset=utf-8"}, after_effect)


def Redirect(location, code=302):
    return Status(code, headers={"Location": location})


@dataclass(frozen=True)
class Edit:
    """The sound answer with its JSON changed by a function."""

    change: Callable[[Any], Any]

    def __call__(self, exchange):
        answer = exchange.apply()
        exchange.send(replace(answer, body=self.change(json.loads(answer.content or b"null"))))


def Duplicate():
    """The tasks of a poll twice in one answer."""
    return Edit(lambda tasks: [*tasks, *tasks])


@dataclass(frozen=True)
class Reset:
    """RST instead of an answer."""

    after_effect: bool = False

    def __call__(self, exchange):
        if self.after_effect:
            exchange.apply()
        exchange.reset()


@dataclass(frozen=True)
class Close:
    """FIN instead of an answer."""

    after_effect: bool = False

    def __call__(self, exchange):
        if self.after_effect:
            exchange.apply()
        exchange.close()


def CloseAfterAnswer():
    """A keep-alive answer, and FIN after it."""

    def act(exchange):
        answer_soundly(exchange)
        exchange.close()

    return act


@dataclass(frozen=True)
class HalfOpen:
    """No answer, and the connection stays open."""

    after_effect: bool = False

    def __call__(self, exchange):
        if self.after_effect:
            exchange.apply()
        exchange.wait(None)


@dataclass(frozen=True)
class Delay:
    """The sound answer, later."""

    seconds: float
    after_effect: bool = False

    def __call__(self, exchange):
        if self.after_effect:
            exchange.apply()
        exchange.wait(self.seconds)
        answer_soundly(exchange)


@dataclass(frozen=True)
class Truncate:
    """Only so many bytes of the body, though Content-Length promises all, and FIN."""

    size: int

    def __call__(self, exchange):
        answer = exchange.apply()
        promised = max(len(answer.content), self.size + 1)
        exchange.send_bytes(answer.head(Content_Length=promised) + answer.content[: self.size])
        exchange.close()


class ChunkedAbort:
    """Half of the body as a chunk, and FIN without the last chunk."""

    def __call__(self, exchange):
        answer = exchange.apply()
        half = answer.content[: (len(answer.content) + 1) // 2]
        head = answer.head(Content_Length=None, Transfer_Encoding="chunked")
        exchange.send_bytes(head + b"%x\r\n%s\r\n" % (len(half), half))
        exchange.close()


class Http10Cut:
    """Half of the body in HTTP/1.0, where only the end of the connection says that it is over."""

    def __call__(self, exchange):
        answer = exchange.apply()
        half = answer.content[: (len(answer.content) + 1) // 2]
        exchange.send_bytes(answer.head("1.0", Content_Length=None) + half)
        exchange.close()


@dataclass(frozen=True)
class Drip:
    """The body byte by byte; with ``head`` the whole answer."""

    bytes_per_second: float
    head: bool = False

    def __call__(self, exchange):
        answer = exchange.apply()
        at_once, slowly = answer.head(), answer.content
        if self.head:
            at_once, slowly = b"", at_once + slowly
        exchange.send_bytes(at_once)
        for byte in slowly:
            exchange.wait(1 / self.bytes_per_second)
            exchange.send_bytes(bytes([byte]))


@dataclass(frozen=True)
class HeaderCut:
    """This much of a header, and FIN."""

    start: bytes

    def __call__(self, exchange):
        exchange.apply()
        exchange.send_bytes(self.start)
        exchange.close()


@dataclass(frozen=True)
class Raw:
    """These bytes as the whole answer, and FIN."""

    data: bytes

    def __call__(self, exchange):
        exchange.send_bytes(self.data)
        exchange.close()


@dataclass
class Huge:
    """``[]`` with so many bytes of blanks inside. sent: how many of them went out."""

    size: int
    sent: int = 0

    def __call__(self, exchange):
        exchange.send_bytes(Answer().head(Content_Length=self.size + 2) + b"[")
        piece = b" " * 65_536
        self.sent = 0
        while self.sent < self.size:
            exchange.send_bytes(piece[: self.size - self.sent])
            self.sent += len(piece)
        exchange.send_bytes(b"]")


def GzipBomb(decoded_size, layers=1):
    """``[]`` with blanks inside, compressed so many times over."""
    encoding = ", ".join(["gzip"] * layers)
    return Status(200, _bomb(decoded_size, layers), {"Content-Encoding": encoding})


@lru_cache
def _bomb(decoded_size, layers):
    piece = b" " * 1_000_000
    packer = zlib.compressobj(1, wbits=31)
    whole, rest = divmod(decoded_size - 2, len(piece))
    data = packer.compress(b"[") + b"".join(packer.compress(piece) for _ in range(whole))
    data += packer.compress(piece[:rest] + b"]") + packer.flush()
    for _ in range(layers - 1):
        packer = zlib.compressobj(1, wbits=31)
        data = packer.compress(data) + packer.flush()
    return data


@dataclass(frozen=True)
class Down:
    """The server goes down before it answers: all connections are cut, new ones refused.

    Up again after so many seconds, or with None when it is told.
    """

    seconds: float | None = None
    after_effect: bool = False

    def __call__(self, exchange):
        if self.after_effect:
            exchange.apply()
        exchange.server.down()
        if self.seconds is not None and not exchange.server.stopping.wait(self.seconds):
            exchange.server.up()


@dataclass
class Fault:
    """Which requests of an operation an action strikes. They count from 1, from when the fault was added.

    at: this one, or these ones; first: so many; every: each so-manieth; times: at most so many are struck; only: those
    for which this function of the Request is true (others do not count). Without any: all. hits: how many were struck.
    """

    operation: str
    action: Callable[[Any], None]
    at: int | tuple[int, ...] | None = None
    every: int | None = None
    first: int | None = None
    times: int | None = None
    only: Callable[[Any], bool] | None = None
    seen: int = 0
    hits: int = 0

    def strikes(self, request):
        """Counts the request among the seen ones. To be called under a lock."""
        if self.operation not in request.operations or (self.only is not None and not self.only(request)):
            return False
        self.seen += 1
        places = (self.at,) if isinstance(self.at, int) else self.at
        return (
            (places is None or self.seen in places)
            and (self.every is None or self.seen % self.every == 0)
            and (self.first is None or self.seen <= self.first)
            and (self.times is None or self.hits < self.times)
        )


@dataclass(frozen=True)
class Request:
    """operation: the one it is of; operations: with the wider one, if there is. at: when it came, monotonic."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    operation: str
    at: float = field(default_factory=time.monotonic)
    thread: int = field(default_factory=threading.get_ident)

    @property
    def operations(self):
        return (self.operation, "any_update") if self.operation in ("update", "update_v2") else (self.operation,)

    def json(self):
        return json.loads(self.body)
