"""ApiClient over real HTTP: the token, the errors, TLS and proxies."""

import logging
import socket
import ssl
import threading
import time

import pytest
import trustme

from conductor import (
    ApiClient,
    ApiError,
    AuthenticationError,
    AuthenticationSettings,
    ConductorError,
    ConfigurationError,
    ConflictError,
    DecodeError,
    HttpSettings,
    NotFoundError,
    RateLimitedError,
    ServerError,
    TaskDef,
    TaskExecutor,
    TaskRunner,
    TransportError,
)
from support.stub import TOKEN, Answer, Stub, error
from support.waiting import eventually

KEY = AuthenticationSettings("the-key", "the-secret")
GET_TASK = "GET /tasks/t"
TASK = Answer(body={"taskId": "t", "workflowInstanceId": "w"})


def token(value):
    return Answer(body={"token": value})


@pytest.fixture
def with_key(stub):
    with ApiClient(KEY, HttpSettings(stub.url)) as client:
        yield TaskExecutor(client)


def test_without_a_key_no_token_is_asked_for_or_sent(stub, api_client):
    stub.answers[GET_TASK].append(TASK)
    TaskExecutor(api_client).get_task("t")
    assert stub.of(TOKEN) == []
    assert "x-authorization" not in stub.of(GET_TASK)[0].headers


def test_a_key_is_exchanged_for_a_token_that_goes_out_with_every_call(stub, with_key):
    stub.answers[TOKEN].append(token("abc"))
    stub.answers[GET_TASK].extend([TASK, TASK])
    with_key.get_task("t")
    with_key.get_task("t")
    assert [request.json() for request in stub.of(TOKEN)] == [{"keyId": "the-key", "keySecret": "the-secret"}]
    assert "x-authorization" not in stub.of(TOKEN)[0].headers
    assert [request.headers["x-authorization"] for request in stub.of(GET_TASK)] == ["abc", "abc"]


def test_a_refused_token_is_renewed_and_the_call_sent_once_more(stub, with_key):
    stub.answers[TOKEN].extend([token("old"), token("new")])
    stub.answers[GET_TASK].extend([Answer(401, {"error": "EXPIRED_TOKEN", "message": "expired"}), TASK])
    assert with_key.get_task("t").task_id == "t"
    assert [request.headers["x-authorization"] for request in stub.of(GET_TASK)] == ["old", "new"]


def test_a_second_refusal_in_a_row_is_the_callers(stub, with_key):
    stub.answers[TOKEN].extend([token("old"), token("new")])
    stub.answers[GET_TASK].extend([error(401, "no"), error(401, "no")])
    with pytest.raises(AuthenticationError, match="GET /tasks/{task_id} answered 401: no"):
        with_key.get_task("t")
    assert len(stub.of(TOKEN)) == 2


def test_a_missing_permission_renews_nothing(stub, with_key):
    stub.answers[TOKEN].append(token("abc"))
    stub.answers[GET_TASK].append(error(403, "not yours"))
    with pytest.raises(AuthenticationError, match="403: not yours"):
        with_key.get_task("t")
    assert len(stub.of(TOKEN)) == 1


def test_twenty_threads_with_an_expired_token_renew_it_once(stub, with_key):
    stub.answers[TOKEN].extend([token("old"), token("new")])
    stub.answers[GET_TASK].append(TASK)
    with_key.get_task("t")
    barrier = threading.Barrier(20)

    def answer(request):
        if request.headers["x-authorization"] == "old":
            return Answer(401, {"error": "EXPIRED_TOKEN"}, delay=0.05)
        return TASK

    stub.answers[GET_TASK].extend([answer] * 40)
    done = []

    def use():
        barrier.wait()
        done.append(with_key.get_task("t"))

    threads = [threading.Thread(target=use) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(done) == 20
    assert len(stub.of(TOKEN)) == 2


@pytest.mark.parametrize(
    "answer",
    [
        error(401, "wrong key"),
        Answer(404, "<html>", "text/html"),
        Answer(200, "<html>", "text/html"),
        token(""),
        Answer(),
    ],
)
def test_without_a_token_nothing_goes_out(stub, with_key, answer):
    stub.answers[TOKEN].append(answer)
    with pytest.raises(ConductorError, match="token"):
        with_key.get_task("t")
    assert stub.of(GET_TASK) == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ApiError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, NotFoundError),
        (405, ApiError),
        (409, ConflictError),
        (413, ApiError),
        (429, RateLimitedError),
        (500, ServerError),
        (503, ServerError),
        (599, ServerError),
        (302, ApiError),
    ],
)
def test_every_error_status_has_its_class(stub, api_client, status, kind):
    stub.answers[GET_TASK].append(error(status, "the message", retryable=True))
    with pytest.raises(ApiError) as caught:
        TaskExecutor(api_client).get_task("t")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.message, caught.value.retryable) == (status, "the message", True)
    assert str(caught.value) == f"GET /tasks/{{task_id}} answered {status}: the message"


def test_a_gateways_page_is_an_error_by_its_status_alone(stub, api_client):
    stub.answers[GET_TASK].append(Answer(502, "<html><body>secret stack trace</body></html>", "text/html"))
    with pytest.raises(ServerError) as caught:
        TaskExecutor(api_client).get_task("t")
    assert str(caught.value) == "GET /tasks/{task_id} answered 502: Bad Gateway"
    assert not caught.value.conductor


def test_a_long_message_of_several_lines_becomes_a_short_one_of_one_line(stub, api_client):
    stub.answers[GET_TASK].append(error(500, "first\nsecond\x1b[31m" + "x" * 1000))
    with pytest.raises(ServerError) as caught:
        TaskExecutor(api_client).get_task("t")
    assert len(caught.value.message) == 200
    assert caught.value.message.startswith("first second [31mxxx")


def test_an_error_shows_neither_token_nor_secret(stub, with_key):
    stub.answers[TOKEN].append(token("abc.def"))
    stub.answers[GET_TASK].append(error(400, "token abc.def of the-secret is odd"))
    with pytest.raises(ApiError) as caught:
        with_key.get_task("t")
    assert caught.value.message == "token *** of *** is odd"


def test_a_redirect_is_not_followed_and_names_where_it_would_have_gone(stub, api_client):
    with Stub() as other:
        stub.answers[GET_TASK].append(Answer(302, headers={"Location": f"{other.url}/login?token=x"}))
        host = other.url.split("/")[2]
        with pytest.raises(ApiError, match=f"a redirect to {host}, which is not followed"):
            TaskExecutor(api_client).get_task("t")
        assert other.requests == []


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"taskId": 5}', '{"taskId": "t"}', "<html>", b"\xff\xfe", "[" * 100_000]
)
def test_a_success_that_is_no_task_is_a_decode_error(stub, api_client, body):
    stub.answers[GET_TASK].append(Answer(body=body))
    with pytest.raises(DecodeError, match="GET /tasks/{task_id} answered 200: "):
        TaskExecutor(api_client).get_task("t")


def test_a_login_page_is_a_decode_error_even_where_no_body_is_expected(stub, api_client):
    stub.answers["POST /metadata/taskdefs"].append(Answer(body="<html>", content_type="text/html"))
    with pytest.raises(DecodeError, match="an HTML page"):
        TaskExecutor(api_client).register_task_defs(TaskDef(name="x"))


def test_a_refused_connection_is_a_transport_error():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with (
            ApiClient(http_settings=HttpSettings(url)) as client,
            pytest.raises(TransportError, match="GET /tasks/{task_id}: NewConnectionError: .*refused"),
        ):
            TaskExecutor(client).get_task("t")


def test_an_unknown_host_is_a_transport_error():
    with (
        ApiClient(http_settings=HttpSettings("http://no-such-host.invalid")) as client,
        pytest.raises(TransportError, match="resolve"),
    ):
        TaskExecutor(client).get_task("t")


def test_a_slow_answer_and_a_closed_connection_are_transport_errors_and_sent_once(stub):
    with ApiClient(http_settings=HttpSettings(stub.url, read_timeout=0.2)) as client:
        stub.answers[GET_TASK].extend([Answer(delay=1), Answer(close=True)])
        with pytest.raises(TransportError, match="ReadTimeoutError"):
            TaskExecutor(client).get_task("t")
        with pytest.raises(TransportError, match="closed connection"):
            TaskExecutor(client).get_task("t")
    assert len(stub.of(GET_TASK)) == 2


def test_settings_headers_go_out_with_every_call(stub):
    with ApiClient(http_settings=HttpSettings(stub.url, headers={"X-Team": "blue"})) as client:
        stub.answers[GET_TASK].append(TASK)
        TaskExecutor(client).get_task("t")
    assert stub.of(GET_TASK)[0].headers["x-team"] == "blue"


def test_a_client_made_by_an_executor_reads_the_environment(stub, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", stub.url)
    monkeypatch.setenv("CONDUCTOR_AUTH_KEY", "the-key")
    monkeypatch.setenv("CONDUCTOR_AUTH_SECRET", "the-secret")
    stub.answers[TOKEN].append(token("abc"))
    stub.answers[GET_TASK].append(TASK)
    with TaskExecutor() as executor:
        executor.get_task("t")
    assert stub.of(GET_TASK)[0].headers["x-authorization"] == "abc"


def test_connections_are_kept_and_close_drops_them(stub, api_client):
    connections = {thread.name for thread in threading.enumerate()}

    def handlers():
        return [t for t in threading.enumerate() if "process_request_thread" in t.name and t.name not in connections]

    executor = TaskExecutor(api_client)
    stub.answers[GET_TASK].extend([TASK] * 5)
    for _ in range(4):
        executor.get_task("t")
    assert len(handlers()) == 1
    api_client.close()
    eventually(lambda: not handlers())
    executor.get_task("t")  # and a closed client opens a new one


def test_a_client_shows_its_url_and_no_secret(with_key):
    client = with_key._api
    assert repr(client) == f"ApiClient('{client.http_settings.base_url}')"
    assert "the-secret" not in repr(vars(client))


def test_a_key_that_travels_in_the_open_is_warned_of(caplog):
    for url in ("https://host", "http://localhost:1", "http://127.0.0.2:1", "http://[::1]:1"):
        ApiClient(KEY, HttpSettings(url))
    assert caplog.text == ""
    ApiClient(KEY, HttpSettings("http://conductor.example:8080"))
    assert "http://conductor.example:8080/api without TLS" in caplog.text


class Pki:
    """An authority, a server certificate for 127.0.0.1 and a client certificate, as files."""

    def __init__(self, path):
        authority = trustme.CA()
        self.ca_file = path / "ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self.client_cert = path / "client.pem"
        authority.issue_cert("worker@example.com").private_key_and_cert_chain_pem.write_to_path(self.client_cert)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.server)
        authority.configure_trust(self.server)


@pytest.fixture
def pki(tmp_path):
    return Pki(tmp_path)


@pytest.fixture
def tls_stub(pki):
    with Stub(tls=pki.server) as stub:
        stub.answers[GET_TASK].append(TASK)
        yield stub


def get_task_over(url, **settings):
    with ApiClient(http_settings=HttpSettings(url, **settings)) as client:
        return TaskExecutor(client).get_task("t")


def test_an_authority_of_ones_own_is_accepted_and_an_unknown_one_is_not(tls_stub, pki):
    assert get_task_over(tls_stub.url, ca_file=pki.ca_file).task_id == "t"
    with pytest.raises(TransportError, match="certificate verify failed"):
        get_task_over(tls_stub.url)


def test_a_certificate_for_another_host_is_refused(tls_stub, pki):
    with pytest.raises(TransportError, match="certificate|hostname"):
        get_task_over(tls_stub.url.replace("127.0.0.1", "localhost"), ca_file=pki.ca_file)


def test_a_client_certificate_is_shown(tls_stub, pki):
    pki.server.verify_mode = ssl.CERT_REQUIRED
    assert get_task_over(tls_stub.url, ca_file=pki.ca_file, client_cert=pki.client_cert).task_id == "t"
    with pytest.raises(TransportError):
        get_task_over(tls_stub.url, ca_file=pki.ca_file)


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_verification_can_be_turned_off(tls_stub):
    assert get_task_over(tls_stub.url, verify=False).task_id == "t"


@pytest.mark.parametrize("name", ["ca_file", "client_cert"])
def test_a_file_that_is_no_certificate_is_refused_by_name(tmp_path, name):
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    with pytest.raises(ConfigurationError, match="junk.pem"):
        ApiClient(http_settings=HttpSettings("https://host", **{name: junk}))


def test_a_proxy_carries_the_calls_with_its_own_credentials(stub):
    stub.answers[GET_TASK].append(TASK)
    proxy = stub.url.removesuffix("/api").replace("http://", "http://user:pass@")
    assert get_task_over("http://conductor.invalid:8080", proxy_url=proxy).task_id == "t"
    (request,) = stub.requests
    assert request.headers["host"] == "conductor.invalid:8080"
    assert request.headers["proxy-authorization"].startswith("Basic ")


def test_no_urllib3_retry_hides_a_failed_call(stub, api_client, caplog):
    caplog.set_level(logging.DEBUG)
    stub.answers[GET_TASK].extend([Answer(503)] * 3)
    started = time.monotonic()
    with pytest.raises(ServerError):
        TaskExecutor(api_client).get_task("t")
    assert time.monotonic() - started < 5
    assert len(stub.of(GET_TASK)) == 1


def test_what_an_executor_cannot_send_is_refused_or_mended(stub, api_client):
    executor = TaskExecutor(api_client)
    for text in ("", 5, None):
        with pytest.raises(ConfigurationError, match="text"):
            executor.add_log("t", text)
    executor.add_log("t", "lone \ud800")
    assert stub.requests[-1].body == b"lone ?"
    executor.update_task("t", "w", "FAILED", reason_for_incompletion="lone \ud800" + "x" * 600)
    assert len(stub.requests[-1].json()["reasonForIncompletion"]) == 500


def test_a_requeue_that_does_not_count_is_a_decode_error(stub, api_client):
    stub.answers["POST /tasks/queue/requeue/t"].append(Answer(body="many", content_type="text/plain"))
    with pytest.raises(DecodeError, match="no number"):
        TaskExecutor(api_client).requeue("t")


def test_settings_of_another_kind_are_refused_by_name():
    with pytest.raises(ConfigurationError, match="authentication_settings"):
        ApiClient("key")
    with pytest.raises(ConfigurationError, match="http_settings must be an HttpSettings, not 'http://host'"):
        ApiClient(None, "http://host")
    with pytest.raises(ConfigurationError, match="api_client must be an ApiClient"):
        TaskRunner("http://host")
