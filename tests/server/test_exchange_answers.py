"""The forms of an answer that servers and proxies send, the odd ones too: each is understood, or refused in words."""

import time

import pytest

from conductor import (
    ApiClient,
    ApiError,
    DecodeError,
    HttpSettings,
    ServerError,
    TaskExecutor,
    TransportError,
    WorkflowExecutor,
)
from support.byte_server import CLOSE, ByteServer, playing

JSON = b'{"taskId": "t", "workflowInstanceId": "w"}'
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(JSON)
SOUND = OK + LENGTH + b"\r\n" + JSON
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(JSON), JSON)


def with_headers(*lines):
    return OK + b"".join(line + b"\r\n" for line in lines) + LENGTH + b"\r\n" + JSON


KEPT = {
    "with a length": SOUND,
    "chunked": CHUNKED + CHUNK + b"0\r\n\r\n",
    "in many chunks": CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in JSON) + b"0\r\n\r\n",
    "in chunks of odd lengths": CHUNKED + b"00001\r\n{\r\n%X\r\n%b\r\n000\r\n\r\n" % (len(JSON) - 1, JSON[1:]),
    "in chunks with extensions": CHUNKED + b'%x;a;b="c;d"\r\n%b\r\n0;last=1\r\n\r\n' % (len(JSON), JSON),
    "in chunks with trailers": CHUNKED + CHUNK + b"0\r\nX-Digest: abc\r\nX-More: d\r\n\r\n",
    "in chunks with trailers that are headers": CHUNKED
    + CHUNK
    + b"0\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\n\r\n",
    "with a coding in capitals": CHUNKED.replace(b": chunked", b": Chunked") + CHUNK + b"0\r\n\r\n",
    "without a reason": SOUND.replace(b"200 OK", b"200 "),
    "without a reason and its blank": SOUND.replace(b"200 OK", b"200"),
    "with a reason in another language": SOUND.replace(b"OK", "Très bien".encode("latin-1")),
    "with another success status": SOUND.replace(b"200 OK", b"299 Odd, but a success"),
    "with a name in capitals": SOUND.replace(b"Content-Length", b"CONTENT-LENGTH"),
    "with a name in small letters": SOUND.replace(b"Content-Length", b"content-length"),
    "without a blank after the colon": SOUND.replace(b"Length: ", b"Length:"),
    "with blanks around a value": SOUND.replace(LENGTH, b"Content-Length: \t %d \t\r\n" % len(JSON)),
    "with a header without a value": with_headers(b"X-Empty:"),
    "with repeated headers": with_headers(b"Set-Cookie: a=b", b"Set-Cookie: c=d", b"Vary: x", b"Vary: y"),
    "with headers that are not ASCII": with_headers("X-A: ä".encode(), "X-B: ä".encode("latin-1")),
    "with many headers": with_headers(*(b"X-%d: %d" % (number, number) for number in range(1_000))),
    "with a long header": with_headers(b"X-Long: " + b"x" * 100_000),
    "with a folded header": with_headers(b"X-Folded: one", b"  two"),
    "after 100": b"HTTP/1.1 100 Continue\r\n\r\n" + SOUND,
    "after 102": b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + SOUND,
    "after 103": b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nContent-Type: text/html\r\n\r\n" + SOUND,
    "after several": b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 103 E\r\nX: y\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + SOUND,
    "with words about the connection": with_headers(b"Connection: keep-alive", b"Keep-Alive: timeout=20, max=99"),
    "with an upgrade on offer": with_headers(b"Connection: Upgrade, Keep-Alive", b"Upgrade: h2,h2c"),
    "in HTTP/1.0 and kept": with_headers(b"Connection: Keep-Alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "with lines that end without CR": SOUND.replace(b"\r", b""),
    "after an empty line": b"\r\n" + SOUND,
}
LAST = {
    "in HTTP/1.0": SOUND.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "and the connection ends": with_headers(b"Connection: close"),
    "and the connection ends, in capitals": with_headers(b"CONNECTION: Close"),
    "and the connection ends, among others": with_headers(b"Connection: upgrade, close"),
    "in chunks and with a length": CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n")
    + CHUNK
    + b"0\r\n\r\n",
    "with a length and in chunks": CHUNKED.replace(b"Trans", b"Content-Length: 999\r\nTrans") + CHUNK + b"0\r\n\r\n",
    "ended by the connection": (OK + b"\r\n" + JSON, CLOSE),
    "ended by the connection as told": (OK + b"Connection: close\r\n\r\n" + JSON, CLOSE),
    "in HTTP/1.0, ended by the connection": (b"HTTP/1.0 200 OK\r\n\r\n" + JSON, CLOSE),
    "whole, though the connection ends": (SOUND, CLOSE),
    "in chunks, though the connection ends": (CHUNKED + CHUNK + b"0\r\n\r\n", CLOSE),
}


def parts_of(answer):
    return (answer,) if isinstance(answer, bytes) else answer


@pytest.fixture(params=[2**16, 1], ids=["at once", "byte by byte"])
def piece(request, monkeypatch):
    """How many bytes are received at a time."""
    monkeypatch.setattr("conductor._exchange._PIECE", request.param)


def get_tasks(server, times=1, **settings):
    with ApiClient(http_settings=HttpSettings(server.url, **{"read_timeout": 30} | settings)) as client:
        for _ in range(times):
            assert TaskExecutor(client).get_task("t").task_id == "t"


@pytest.mark.usefixtures("piece")
@pytest.mark.parametrize("how", KEPT)
def test_an_answer_is_read_and_its_connection_kept(how):
    with ByteServer(playing(KEPT[how], KEPT[how])) as server:
        get_tasks(server, times=2)
    assert server.connections == 1


@pytest.mark.usefixtures("piece")
@pytest.mark.parametrize("how", LAST)
def test_an_answer_is_read_and_its_connection_is_not_used_again(how):
    with ByteServer(playing(LAST[how], SOUND)) as server:
        get_tasks(server, times=2)
    assert server.connections == 2
    assert len(server.heads) == 2


@pytest.mark.parametrize("how", ["in chunks with extensions", "after several", "with a folded header"])
def test_an_answer_may_come_in_two_parts_wherever_it_is_split(how):
    answer = KEPT[how]
    places = range(1, len(answer), 7)
    with ByteServer(playing(*((answer[:place], answer[place:]) for place in places))) as server:
        get_tasks(server, times=len(places))
    assert server.connections == 1


NO_BODY = {
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "204 with a type": b"HTTP/1.1 204 No Content\r\nContent-Type: application/json\r\n\r\n",
    "204 with a length of 0": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "200 with a length of 0": OK + b"Content-Length: 0\r\n\r\n",
    "200 with no chunk": CHUNKED + b"0\r\n\r\n",
}


@pytest.mark.usefixtures("piece")
@pytest.mark.parametrize("how", NO_BODY)
def test_an_answer_without_a_body_is_complete_with_its_head(how):
    with (
        ByteServer(playing(NO_BODY[how], SOUND)) as server,
        ApiClient(http_settings=HttpSettings(server.url, read_timeout=5)) as client,
    ):
        WorkflowExecutor(client).pause("w")
        TaskExecutor(client).get_task("t")
    assert server.connections == 1


@pytest.mark.parametrize("headers", [b"", LENGTH, b"Transfer-Encoding: chunked\r\n"])
def test_neither_204_nor_304_has_a_body_whatever_its_headers_say(headers):
    """RFC 9112, section 6.3. They speak of the body that another request would have got."""
    with (
        ByteServer(playing(*(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, headers) for status in (204, 304)))) as server,
        ApiClient(http_settings=HttpSettings(server.url, read_timeout=5)) as client,
    ):
        WorkflowExecutor(client).pause("w")
        with pytest.raises(ApiError, match="answered 304"):
            TaskExecutor(client).get_task("t")


REFUSED = {
    "nothing like HTTP": b"hello\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "another protocol of that family": b"ICY 200 OK\r\n\r\n",
    "another version": SOUND.replace(b"HTTP/1.1", b"HTTP/2"),
    "a version that is none": SOUND.replace(b"HTTP/1.1", b"HTTP/x.y"),
    "a request": b"GET / HTTP/1.1\r\n\r\n",
    "TLS": b"\x15\x03\x03\x00\x02\x02\x46",
    "zeros": b"\0" * 100,
    "a status that is no number": SOUND.replace(b"200", b"abc"),
    "a status that is too short": SOUND.replace(b"200", b"20"),
    "a status that is too long": SOUND.replace(b"200", b"2000"),
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + SOUND,
    "an upgrade to nothing": b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + SOUND,
    "a header without a colon": OK + b"no colon\r\n" + LENGTH + b"\r\n" + JSON,
    "a header without a name": OK + b": value\r\n" + LENGTH + b"\r\n" + JSON,
    "a blank in a header's name": OK + b"Content-Length : 3\r\n" + LENGTH + b"\r\n" + JSON,
    "a length below zero": OK + b"Content-Length: -5\r\n\r\n" + JSON,
    "a length with a sign": OK + b"Content-Length: +42\r\n\r\n" + JSON,
    "a length in letters": OK + b"Content-Length: many\r\n\r\n" + JSON,
    "a length without a value": OK + b"Content-Length:\r\n\r\n" + JSON,
    "a length beyond numbers": OK + b"Content-Length: 99999999999999999999\r\n\r\n" + JSON,
    "two lengths": OK + b"Content-Length: 3\r\n" + LENGTH + b"\r\n" + JSON,
    "two lengths in one header": OK + b"Content-Length: 3, %d\r\n\r\n" % len(JSON) + JSON,
    "a chunk's length that is no number": CHUNKED + b"xyz\r\n" + JSON,
    "a chunk's length below zero": CHUNKED + b"-1\r\n" + JSON,
    "a chunk's length beyond numbers": CHUNKED + b"f" * 17 + b"\r\n" + JSON,
    "a chunk that goes on": CHUNKED + b"3\r\n" + JSON + b"\r\n0\r\n\r\n",
    "a head that is too long": OK + b"".join(b"X-%d: %b\r\n" % (number, b"x" * 990) for number in range(1_000)),
    "a header that is too long": OK + b"X-A: " + b"x" * 1_000_000,
    "a reason that is too long": b"HTTP/1.1 200 " + b"x" * 1_000_000,
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_http_is_refused_at_once_and_its_connection_ended(what):
    """The second call gets its own answer, on another connection."""
    with (
        ByteServer(playing(REFUSED[what], SOUND)) as server,
        ApiClient(http_settings=HttpSettings(server.url, read_timeout=5)) as client,
    ):
        started = time.monotonic()
        with pytest.raises(
            TransportError,
            match=r"the answer is no HTTP: \D|the answer's head is longer than 128 KiB|the answer is 101",
        ):
            TaskExecutor(client).get_task("t")
        assert time.monotonic() - started < 4
        assert TaskExecutor(client).get_task("t").task_id == "t"
    assert server.connections == 2


CUT_OFF = {
    "in the status": OK[:11],
    "in the head": SOUND[:40],
    "before the body": SOUND.removesuffix(JSON),
    "in the body": SOUND[:-1],
    "in a chunk's length": CHUNKED + b"2",
    "in a chunk": (CHUNKED + CHUNK)[:-9],
    "before the last chunk": CHUNKED + CHUNK,
    "in the last chunk": CHUNKED + CHUNK + b"0\r\n",
    "in the trailers": CHUNKED + CHUNK + b"0\r\nX-A: b\r\n",
    "after 100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "in a body with two codings": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNK,
}


@pytest.mark.parametrize("where", CUT_OFF)
def test_an_answer_that_is_cut_off_is_no_answer(where):
    with (
        ByteServer(playing((CUT_OFF[where], CLOSE))) as server,
        pytest.raises(TransportError, match="the answer was cut off"),
    ):
        get_tasks(server)
    assert server.connections == 1


def test_an_error_page_of_a_gateway_that_answers_at_once_is_read_before_the_request_is_sent():
    """A proxy that refuses a large body does not read it, and closes."""
    page = b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge"
    with (
        ByteServer(playing((page, CLOSE))) as server,
        ApiClient(http_settings=HttpSettings(server.url, read_timeout=5)) as client,
        pytest.raises(ApiError, match="answered 413"),
    ):
        WorkflowExecutor(client).start_workflow("w", {"text": "x" * 30_000_000})


def test_an_error_status_is_an_error_in_each_form():
    answers = [SOUND.replace(b"200", b"500"), (CHUNKED + CHUNK + b"0\r\n\r\n").replace(b"200", b"500")]
    answers.append((b"HTTP/1.1 500\r\n\r\n", CLOSE))
    with (
        ByteServer(playing(*answers)) as server,
        ApiClient(http_settings=HttpSettings(server.url, read_timeout=5)) as client,
    ):
        for _ in answers:
            with pytest.raises(ServerError, match="500"):
                TaskExecutor(client).get_task("t")


def test_repeated_headers_count_as_one_with_all_their_values():
    """RFC 9110, section 5.3."""
    with (
        ByteServer(playing(with_headers(b"Content-Encoding: gzip", b"Content-Encoding: gzip"))) as server,
        pytest.raises(DecodeError, match="encoded more than once"),
    ):
        get_tasks(server)
