"""The bodies of answers: how large they may be, and what becomes of those that are encoded."""

import gzip
import zlib

import pytest

from conductor import ApiClient, DecodeError, HttpSettings, ServerError, TaskExecutor, TransportError, WorkflowExecutor
from conductor.errors import AnswerTooLargeError
from support.byte_server import CLOSE, ByteServer, playing

LIMIT = 32 * 2**20
OK = b"HTTP/1.1 200 OK\r\n"


def task_of(size):
    """A task's JSON of so many bytes."""
    start, end = b'{"taskId":"t","workflowInstanceId":"w","outputData":{"text":"', b'"}}'
    return start + b"y" * (size - len(start) - len(end)) + end


def get_text(url):
    """The text of the task that is the answer."""
    with ApiClient(http_settings=HttpSettings(url, read_timeout=20)) as client:
        return TaskExecutor(client).get_task("t").output_data["text"]


def with_length(body, *lines, status=200):
    head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n" % (status, len(body))
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def chunked(body, size, *lines):
    pieces = [body[place : place + size] for place in range(0, len(body), size)]
    head = OK + b"Transfer-Encoding: chunked\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def deflate(body):
    """Without zlib's frame, as some servers send what they call deflate."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize("size", [64, 2**16 - 1, 2**16, 2**16 + 1, 3 * 2**16, LIMIT - 1])
def test_a_body_of_less_than_32_mebibytes_is_read_whole(size):
    body = task_of(size)
    packed = gzip.compress(body, 1)
    answers = [
        with_length(body),
        (OK + b"\r\n" + body, CLOSE),
        chunked(body, 8192),
        with_length(packed, b"Content-Encoding: gzip"),
        chunked(packed, 1000, b"Content-Encoding: gzip"),
        with_length(deflate(body), b"Content-Encoding: deflate"),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + packed, CLOSE),
    ]
    for answer in answers:
        with ByteServer(playing(answer)) as server:
            assert get_text(server.url) == "y" * body.count(b"y")


TEXT = task_of(300_000)
ENCODED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "GZip": gzip.compress(TEXT),
    "gzip ": gzip.compress(TEXT[:1000]) + gzip.compress(TEXT[1000:]) + gzip.compress(b""),
    "deflate": zlib.compress(TEXT),
    " deflate": deflate(TEXT),
    "identity": TEXT,
    "Identity": TEXT,
    "": TEXT,
}


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("size", [1, 7, 1000, 2**20], ids=lambda size: f"chunks of {size}")
def test_an_encoding_is_undone(encoding, size):
    """They are not asked for, and a proxy may use one all the same. A stream of gzip may have several members."""
    with ByteServer(playing(chunked(ENCODED[encoding], size, b"Content-Encoding: " + encoding.encode()))) as server:
        assert get_text(server.url) == "y" * TEXT.count(b"y")


PACKED = gzip.compress(b"x" * 100)
FLAWED = {
    "that is encoded more than once": (b"gzip, gzip", gzip.compress(PACKED)),
    "that is encoded more than once, as a list": (b"identity, gzip", PACKED),
    "in an encoding that was not asked for": (b"br", b"x"),
    "in an encoding that was not asked for, either": (b"zstd", b"x"),
    "that cannot be decompressed": (b"gzip", b"x" * 100),
    "that cannot be decompressed, for lack of its end": (b"gzip", PACKED[:-1]),
    "that cannot be decompressed, for lack of more": (b"gzip", PACKED[:15]),
    "that cannot be decompressed, for a wrong sum": (b"gzip", PACKED[:-8] + b"\0" * 8),
    "that cannot be decompressed, for what follows it": (b"gzip", PACKED + b"rest"),
    "that cannot be decompressed, being of zlib": (b"deflate", b"\x78\x9c" + b"x" * 100),
    "that cannot be decompressed, for want of all": (b"deflate", b"\x78"),
}


@pytest.mark.parametrize("flaw", FLAWED)
def test_a_body_that_cannot_be_read_is_a_decode_error_and_leaves_the_connection_usable(flaw):
    encoding, body = FLAWED[flaw]
    flawed = with_length(body, b"Content-Encoding: " + encoding)
    with (
        ByteServer(playing(flawed, with_length(TEXT))) as server,
        ApiClient(http_settings=HttpSettings(server.url, read_timeout=5)) as client,
    ):
        with pytest.raises(DecodeError, match=f"answered 200: a body {flaw.partition(',')[0]}"):
            TaskExecutor(client).get_task("t")
        assert TaskExecutor(client).get_task("t").task_id == "t"
    assert server.connections == 1


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"identity"])
def test_no_body_is_none_in_any_encoding(encoding):
    with (
        ByteServer(playing(with_length(b"", b"Content-Encoding: " + encoding))) as server,
        ApiClient(http_settings=HttpSettings(server.url, read_timeout=5)) as client,
    ):
        WorkflowExecutor(client).pause("w")


@pytest.mark.parametrize("compress", [None, gzip.compress, zlib.compress, deflate])
def test_a_larger_body_is_an_error_that_holds_its_beginning(compress):
    body = b"a" + b"x" * LIMIT
    answer = with_length(body)
    if compress:
        encoding = b"gzip" if compress is gzip.compress else b"deflate"
        answer = with_length(compress(body), b"Content-Encoding: " + encoding)
    with ByteServer(playing(answer)) as server, pytest.raises(AnswerTooLargeError, match="32 MiB or more") as caught:
        get_text(server.url)
    assert caught.value.beginning == body[: 2**16]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"x" * LIMIT, b""), (b"x", b"gzip"), (b"x", b"a, b"), (b"x", b"br"), (gzip.compress(b"x" * LIMIT), b"gzip")],
    ids=["too large", "no gzip", "two encodings", "unknown encoding", "bomb"],
)
def test_an_error_status_is_an_error_by_its_status_whatever_its_body_is(body, encoding):
    answer = with_length(body, b"Content-Encoding: " + encoding, status=503)
    with ByteServer(playing(answer)) as server, pytest.raises(ServerError, match="answered 503"):
        get_text(server.url)


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("size", [0, 5, 2**16, 2**20])
def test_a_body_shorter_than_its_length_is_no_answer(size, status):
    head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, size + 1)
    with ByteServer(playing((head + b"x" * size, CLOSE))) as server, pytest.raises(TransportError, match="was cut off"):
        get_text(server.url)
