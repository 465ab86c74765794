"""An exchange that is interrupted, the memory that it holds, and odd addresses."""

import gc
import traceback
import tracemalloc

import pytest

from conductor import ApiClient, AuthenticationSettings, HttpSettings, TaskExecutor, TransportError
from conductor._exchange import Connection, _IncomingAnswer
from support.byte_server import CLOSE, ByteServer, playing

OK = b"HTTP/1.1 200 OK\r\n"
JSON = b'{"taskId": "t", "workflowInstanceId": "w"}'
SOUND = OK + b"Content-Length: %d\r\n\r\n%b" % (len(JSON), JSON)
MEBIBYTE = 2**20


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["on_header", "on_headers_complete", "on_body", "on_message_complete"])
def test_a_ctrl_c_while_an_answer_is_read_is_no_error_of_the_answer(monkeypatch, where):
    monkeypatch.setattr(_IncomingAnswer, where, interrupt)
    with (
        ByteServer(playing(SOUND)) as server,
        ApiClient(http_settings=HttpSettings(server.url)) as client,
        pytest.raises(KeyboardInterrupt),
    ):
        TaskExecutor(client).get_task("t")


def test_a_ctrl_c_during_a_call_shows_no_secret_in_the_variables_of_its_frames(monkeypatch):
    monkeypatch.setattr(Connection, "_receive", interrupt)
    with ByteServer(playing(SOUND)) as server:
        settings = HttpSettings(server.url, headers={"Authorization": "Bearer a-secret-of-the-user"})
        with ApiClient(AuthenticationSettings("", ""), settings) as client:
            with pytest.raises(KeyboardInterrupt) as caught:
                TaskExecutor(client).get_task("t")
            stack = traceback.StackSummary.extract(traceback.walk_tb(caught.value.__traceback__), capture_locals=True)
            shown = [text for frame in list(stack)[1:] for text in (frame.locals or {}).values()]  # the first is this
    assert shown
    assert "a-secret-of-the-user" not in "".join(shown)


def test_a_kept_connection_holds_no_body_and_a_cut_off_answer_leaves_none_behind():
    large = b'{"taskId": "t", "workflowInstanceId": "w", "outputData": {"text": "%b"}}' % (b"x" * 10 * MEBIBYTE)
    head = OK + b"Content-Length: %d\r\n\r\n" % len(large)
    with (
        ByteServer(playing(head + large, (head + large[:-1], CLOSE))) as server,
        ApiClient(http_settings=HttpSettings(server.url)) as client,
    ):
        gc.disable()
        tracemalloc.start()
        try:
            TaskExecutor(client).get_task("t")
            assert tracemalloc.get_traced_memory()[0] < 15 * MEBIBYTE  # the server's own
            with pytest.raises(TransportError, match="cut off"):
                TaskExecutor(client).get_task("t")
            assert tracemalloc.get_traced_memory()[0] < 25 * MEBIBYTE
        finally:
            tracemalloc.stop()
            gc.enable()


@pytest.mark.parametrize("host", ["bücher.example", "server.münchen", "a" * 63, "[::1]", "127.0.0.1"])
@pytest.mark.parametrize("port", ["", ":8080"])
def test_any_host_may_have_a_port(host, port):
    for settings in (HttpSettings(f"http://{host}{port}"), HttpSettings("https://a", proxy_url=f"http://{host}{port}")):
        ApiClient(http_settings=settings).close()


@pytest.mark.parametrize("coding", [b"identity", b"gzip, identity"])
def test_a_length_counts_beside_a_transfer_coding_that_is_not_chunked(coding):
    lines = b"Transfer-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding, len(JSON))
    with (
        ByteServer(playing(OK + lines + JSON, OK + lines + JSON)) as server,
        ApiClient(http_settings=HttpSettings(server.url, read_timeout=20)) as client,
    ):
        assert [TaskExecutor(client).get_task("t").task_id for _ in range(2)] == ["t", "t"]
