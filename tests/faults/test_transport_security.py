"""To whom a worker talks: certificates, redirects, proxies and names, and that nobody else hears anything."""

import contextlib
import datetime as dt
import socket
import ssl
import tempfile
import threading
import warnings
from base64 import b64encode
from pathlib import Path

import pytest
import trustme

from conductor import (
    ApiClient,
    ApiError,
    AuthenticationError,
    AuthenticationSettings,
    ConfigurationError,
    HttpSettings,
    TaskExecutor,
    TaskRunner,
    TransportError,
)
from support.pki import Pki
from support.stub import POLL, TOKEN, Answer, Stub
from support.waiting import eventually

KEY = AuthenticationSettings("the-key", "the-secret")
GET_TASK = "GET /tasks/t"
TASK = Answer(body={"taskId": "t", "workflowInstanceId": "w"})


@pytest.fixture
def other():
    """A server that nobody must call."""
    with Stub() as other:
        yield other
    assert other.requests == []


def get_task_over(url, key=None, **settings):
    with ApiClient(key, HttpSettings(url, **settings)) as client:
        return TaskExecutor(client).get_task("t")


# N13: certificates


@pytest.fixture
def pki(tmp_path):
    return Pki(tmp_path)


@contextlib.contextmanager
def tls_stub(context):
    with Stub(tls=context) as stub:
        stub.answers[GET_TASK].append(TASK)
        yield stub


def tls_1_0_only(context):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def yesterday():
    return dt.datetime.now(dt.UTC) - dt.timedelta(days=1)


@pytest.fixture
def refused(stub):
    """A function: the message of the TransportError of a call to a server that must not be trusted."""

    def refused(context, **settings):
        with tls_stub(context) as server:
            with pytest.raises(TransportError) as caught:
                get_task_over(server.url, KEY, **settings)
            assert server.requests == []
        return str(caught.value)

    return refused


def test_n13_a_certificate_of_the_given_authority_is_accepted(pki):
    with tls_stub(pki.server()) as server:
        assert get_task_over(server.url, ca_file=pki.ca_file).task_id == "t"


def test_n13_an_expired_certificate_is_named(pki, refused):
    assert "certificate has expired" in refused(pki.server(not_after=yesterday()), ca_file=pki.ca_file)


def test_n13_a_certificate_for_another_host_is_named(pki, refused):
    assert "certificate is not valid for '127.0.0.1'" in refused(pki.server("conductor.test"), ca_file=pki.ca_file)


def test_n13_an_unknown_authority_is_named(pki, refused):
    assert "certificate not accepted: self-signed" in refused(pki.server())


def test_n13_a_server_that_speaks_only_tls_1_0_is_named(pki, refused):
    text = refused(tls_1_0_only(pki.server()), ca_file=pki.ca_file)
    assert "no TLS connection" in text
    assert "protocol" in text


def test_n13_a_worker_backs_off_from_a_bad_certificate_and_goes_on_when_it_is_replaced(pki, caplog):
    context = pki.server(not_after=yesterday())
    with tls_stub(context) as server, ApiClient(http_settings=HttpSettings(server.url, ca_file=pki.ca_file)) as client:
        server.add_task("t")
        with TaskRunner(client) as runner:
            runner.start_worker("t", lambda task: None)
            eventually(lambda: "certificate has expired" in caplog.text)
            assert server.requests == []
            pki._authority.issue_cert("127.0.0.1").configure_cert(context)
            eventually(server.results)


def test_n13_verification_is_off_only_where_the_settings_say_so(pki, caplog):
    """Said once, by this package: the tests make an error of a warning."""
    with tls_stub(pki.server()) as server:
        assert get_task_over(server.url, verify=False).task_id == "t"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "verify=False" in caplog.text


def pem(blobs):
    return b"".join(blob.bytes() for blob in blobs).decode()


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_a_client_certificate_is_shown_be_it_a_file_or_a_text(pki, tmp_path, inline, together):
    context = pki.server()
    context.verify_mode = ssl.CERT_REQUIRED
    key, chain = pki.client.private_key_pem.bytes().decode(), pem(pki.client.cert_chain_pems)
    given = {"client_cert": key + chain} if together else {"client_cert": chain, "client_key": key}
    if not inline:
        for name, text in given.items():
            (tmp_path / name).write_text(text)
        given = {name: tmp_path / name for name in given}
    with tls_stub(context) as server:
        assert get_task_over(server.url, ca_file=pki.ca_file, **given).task_id == "t"
        with pytest.raises(TransportError):
            get_task_over(server.url, ca_file=pki.ca_file)


def test_a_key_given_as_text_is_in_a_file_of_this_user_alone_and_only_while_it_is_read(pki, tmp_path, monkeypatch):
    seen = []

    def load_cert_chain(context, certfile, keyfile=None, password=None):
        seen.extend(Path(path).stat().st_mode & 0o777 for path in (certfile, keyfile))
        return real(context, certfile, keyfile, password)

    real = ssl.SSLContext.load_cert_chain
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_cert_chain)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = sorted(tmp_path.iterdir())
    chain, key = pem(pki.client.cert_chain_pems), pki.client.private_key_pem.bytes().decode()
    ApiClient(http_settings=HttpSettings("https://host", client_cert=chain, client_key=key))
    with pytest.raises(ConfigurationError):
        ApiClient(http_settings=HttpSettings("https://host", client_cert=chain, client_key=key[:100]))
    assert seen == [0o600] * 4
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["ca_file", "client_cert"])
def test_a_file_that_is_no_certificate_is_refused_by_name(tmp_path, name):
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    with pytest.raises(ConfigurationError, match=f"{name} .*junk.pem cannot be used as a certificate"):
        ApiClient(http_settings=HttpSettings("https://host", **{name: junk}))


def test_a_text_that_is_no_certificate_or_no_fitting_key_is_refused_and_not_shown(pki, tmp_path):
    chain = pem(pki.client.cert_chain_pems)
    other_key = trustme.CA().issue_cert("x").private_key_pem.bytes().decode()
    for given in ({"client_cert": "-----BEGIN hush"}, {"client_cert": chain, "client_key": other_key}):
        with pytest.raises(ConfigurationError) as caught:
            ApiClient(http_settings=HttpSettings("https://host", **given))
        assert str(caught.value).startswith(" with ".join(given) + " cannot be used as a certificate")
        assert not [line for text in given.values() for line in text.splitlines() if line in str(caught.value)]


# N15: redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_n15_a_redirect_is_not_followed_and_its_host_is_named(stub, other, status):
    host = other.url.split("/")[2]
    stub.answers[TOKEN].append(Answer(body={"token": "the-token"}))
    stub.answers[GET_TASK].append(Answer(status, headers={"Location": f"{other.url}/login?token=the-token"}))
    with pytest.raises(ApiError, match=f"a redirect to {host}, which is not followed") as caught:
        get_task_over(stub.url, KEY)
    assert caught.value.status == status
    assert "the-token" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("absolute", [False, True])
def test_n15_nor_is_one_to_the_same_host(stub, status, absolute):
    location = f"{stub.url if absolute else '/api'}/tasks/other"
    stub.answers[GET_TASK].append(Answer(status, headers={"Location": location}))
    with pytest.raises(ApiError, match="a redirect to .*, which is not followed"):
        get_task_over(stub.url)
    assert [request.operation for request in stub.requests] == [GET_TASK]


@pytest.mark.parametrize("status", [302, 307, 308])
def test_n15_key_and_secret_are_not_sent_on(stub, other, status):
    stub.answers[TOKEN].append(Answer(status, headers={"Location": f"{other.url}/token"}))
    with pytest.raises(ApiError, match="POST /token answered .* a redirect"):
        get_task_over(stub.url, KEY)
    assert [request.operation for request in stub.requests] == [TOKEN]


def test_n15_a_result_outlives_a_redirect(stub, other):
    stub.answers["POST /tasks/update-v2"].append(Answer(307, headers={"Location": f"{other.url}/tasks"}))
    stub.add_task("t")
    with ApiClient(http_settings=HttpSettings(stub.url)) as client, TaskRunner(client) as runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: len(stub.results()) == 2)


# N20: proxies


class Tunnels:
    """A proxy for TLS: it takes CONNECT and then passes bytes on. ``heads``: what it was sent before that."""

    def __init__(self, target, answer=b"HTTP/1.1 200 OK\r\n\r\n"):
        self._target = target
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.heads = []
        self.url = f"http://user:pass@127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client:
                    self._tunnel(client)

    def _tunnel(self, client):
        self.heads.append(client.recv(10_000).decode())
        client.sendall(self._answer)
        if b" 200 " not in self._answer:
            return
        with socket.create_connection(self._target) as server:
            back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
            back.start()
            _pass_on(client, server)
            back.join(10)


def _pass_on(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def address(stub):
    return "127.0.0.1", int(stub.url.split(":")[2].split("/")[0])


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("user:pass", b"user:pass"),
        ("us%20er:p%40ss:%25", b"us er:p@ss:%"),
        ("user", b"user:"),
        ("user:p%E9ss", b"user:p\xe9ss"),
    ],
)
def test_n20_a_proxy_carries_the_calls_with_its_own_credentials(stub, given, sent):
    stub.answers[GET_TASK].append(TASK)
    proxy = stub.url.removesuffix("/api").replace("http://", f"http://{given}@")
    assert get_task_over("http://conductor.invalid:8080", proxy_url=proxy).task_id == "t"
    (request,) = stub.requests
    assert request.headers["host"] == "conductor.invalid:8080"
    assert request.headers["proxy-authorization"] == f"Basic {b64encode(sent).decode()}"


def test_n20_a_proxy_with_tls_is_checked_like_the_server(pki):
    with tls_stub(pki.server()) as server, tls_stub(pki.server()) as proxy:
        proxy_url = proxy.url.removesuffix("/api")
        with pytest.raises(
            TransportError, match="through proxy_url https://.*: the proxy answered 501"
        ):  # it was taken for what it is
            get_task_over(server.url, ca_file=pki.ca_file, proxy_url=proxy_url)


def test_n20_the_environments_proxy_is_used_unless_no_proxy_names_the_host(stub, other, monkeypatch):
    stub.answers[GET_TASK].extend([TASK, TASK])
    monkeypatch.setenv("HTTP_PROXY", stub.url.removesuffix("/api"))
    assert get_task_over("http://conductor.invalid:8080").task_id == "t"
    monkeypatch.setenv("HTTP_PROXY", other.url.removesuffix("/api"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert get_task_over(stub.url).task_id == "t"


def test_n20_tls_goes_through_a_tunnel_and_the_proxy_hears_no_token(pki, monkeypatch):
    context = pki.server("conductor.test")
    with tls_stub(context) as server, Tunnels(address(server)) as proxy:
        server.answers[TOKEN].append(Answer(body={"token": "the-token"}))
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert get_task_over("https://conductor.test:8443", KEY, ca_file=pki.ca_file).task_id == "t"
        assert [request.headers["host"] for request in server.requests] == ["conductor.test:8443"] * 2
        (head,) = proxy.heads
        assert head.startswith("CONNECT conductor.test:8443 ")
        assert "Proxy-Authorization: Basic " in head.title()
        assert "the-token" not in head


def test_n20_a_new_tunnel_is_no_kept_connection_and_a_used_one_is(pki):
    with tls_stub(pki.server()) as server, Tunnels(address(server)) as proxy:
        settings = HttpSettings(server.url, ca_file=pki.ca_file, proxy_url=proxy.url)
        with ApiClient(http_settings=settings) as client:
            server.answers[GET_TASK].clear()
            server.answers[GET_TASK].extend([Answer(close=True), TASK, Answer(close=True)])
            with pytest.raises(TransportError, match="closed before an answer came"):
                TaskExecutor(client).get_task("t")
            assert len(server.requests) == 1
            for _ in range(2):
                TaskExecutor(client).get_task("t")
            assert len(server.requests) == 4


def test_n20_a_certificate_is_checked_through_a_tunnel_too(pki):
    with tls_stub(pki.server()) as server, Tunnels(address(server)) as proxy:
        with pytest.raises(TransportError, match="certificate"):
            get_task_over("https://conductor.test", ca_file=pki.ca_file, proxy_url=proxy.url)
        assert server.requests == []


def test_n20_a_proxy_that_refuses_is_named_without_its_password():
    with (
        Tunnels(None, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as proxy,
        pytest.raises(TransportError, match="407") as caught,
    ):
        get_task_over("https://conductor.test", proxy_url=proxy.url)
    assert "pass" not in str(caught.value)


def test_n20_a_proxy_that_is_down_is_named(stub):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(TransportError, match="proxy.*refused"):
            get_task_over("http://conductor.test", proxy_url=f"http://127.0.0.1:{unused.getsockname()[1]}")


# N12, N21: names and addresses


@pytest.fixture
def resolve(monkeypatch):
    """A function: to which addresses the name conductor.test leads from now on; none: it has none."""
    real = socket.getaddrinfo
    addresses = []

    def getaddrinfo(host, *args, **kwargs):
        if host != "conductor.test":
            return real(host, *args, **kwargs)
        if not addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", each) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def resolve(*new):
        addresses[:] = new

    return resolve


def test_n12_a_name_without_an_address_is_an_error_and_not_remembered(stub, resolve):
    with ApiClient(http_settings=HttpSettings("http://conductor.test")) as client:
        stub.answers[GET_TASK].append(TASK)
        for _ in range(2):
            with pytest.raises(TransportError, match="cannot reach http://conductor.test/api: no such host"):
                TaskExecutor(client).get_task("t")
        resolve(address(stub))
        assert TaskExecutor(client).get_task("t").task_id == "t"


def test_n12_a_worker_backs_off_until_the_name_has_an_address(stub, resolve, caplog):
    stub.add_task("t")
    with ApiClient(http_settings=HttpSettings("http://conductor.test")) as client, TaskRunner(client) as runner:
        runner.start_worker("t", lambda task: None)
        eventually(lambda: "no such host" in caplog.text)
        resolve(address(stub))
        eventually(stub.results)
    assert caplog.text.count("no such host") == 1
    assert stub.of(POLL)


def test_n21_an_address_that_refuses_is_passed_over(stub, resolve):
    stub.answers[GET_TASK].append(TASK)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        resolve(unused.getsockname(), address(stub))
        assert get_task_over("http://conductor.test").task_id == "t"


def test_n21_so_is_one_that_does_not_answer(stub, resolve):
    stub.answers[GET_TASK].append(TASK)
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # its queue of connections is full: the next gets no answer at all
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        resolve(deaf.getsockname(), address(stub))
        assert get_task_over("http://conductor.test", connect_timeout=0.2).task_id == "t"


# Paths


@pytest.mark.parametrize("name", ["a b", "ä", "%2F", "a?b=c#d", "a;b", "...", "a:b", "a&b", "%2e%2e", "~a", "+"])
def test_a_name_is_one_segment_of_a_path_whatever_it_holds(stub, name):
    with ApiClient(http_settings=HttpSettings(stub.url)) as client, TaskRunner(client) as runner:
        stub.add_task(name)
        runner.start_worker(name, lambda task: None)
        eventually(stub.results)
        TaskExecutor(client).get_task(name)
    assert {request.operation for request in stub.of(POLL)} == {POLL + quoted(name)}
    assert f"GET /tasks/{quoted(name)}" in [request.operation for request in stub.requests]


def quoted(name):
    unreserved = b"-._~" + bytes(range(48, 58)) + bytes(range(65, 91)) + bytes(range(97, 123))
    return "".join(chr(byte) if byte in unreserved else f"%{byte:02X}" for byte in name.encode())


@pytest.mark.parametrize("name", [".", "..", "", "a/b", "../token", "a\\b", "a\r\nX: y"])
def test_a_name_that_would_lead_to_another_path_is_refused(other, name):
    with ApiClient(http_settings=HttpSettings(other.url)) as client, TaskRunner(client) as runner:
        with pytest.raises(ConfigurationError):
            TaskExecutor(client).get_task(name)
        with pytest.raises(ConfigurationError):
            runner.start_worker(name, lambda task: None)


def test_a_key_that_travels_in_the_open_is_warned_of(caplog):
    for url in ("https://host", "http://localhost:1", "http://127.0.0.2:1", "http://[::1]:1"):
        ApiClient(KEY, HttpSettings(url))
    assert caplog.text == ""
    ApiClient(KEY, HttpSettings("http://conductor.example:8080"))
    assert "http://conductor.example:8080/api without TLS" in caplog.text


SECURE_PROXY, PROXY = "https://user:hush@proxy.test:3129", "http://user:hush@proxy.test:3128"


@pytest.mark.parametrize(
    ("url", "proxy", "warned"),
    [
        ("http://localhost:8080", None, False),
        ("http://localhost:8080", PROXY, True),
        ("http://[::1]:8080", SECURE_PROXY, True),
        ("https://localhost:8080", PROXY, False),
        ("http://conductor.test", None, True),
        ("http://conductor.test", PROXY, True),
        ("http://conductor.test", SECURE_PROXY, True),
        ("https://conductor.test", PROXY, False),
    ],
)
def test_the_warning_knows_the_proxy(caplog, url, proxy, warned):
    ApiClient(KEY, HttpSettings(url, proxy_url=proxy))
    assert ("without TLS" in caplog.text) == warned
    assert (f"{url}/api through proxy_url" in caplog.text) == (warned and proxy is not None)
    assert "hush" not in caplog.text


def test_of_the_environments_proxy_a_server_on_this_machine_needs_no_warning(monkeypatch, caplog, stub, other):
    monkeypatch.setenv("HTTP_PROXY", other.url.removesuffix("/api"))
    stub.answers[TOKEN].append(Answer(body={"token": "the-token"}))
    stub.answers[GET_TASK].append(TASK)
    assert get_task_over(stub.url, KEY).task_id == "t"
    assert caplog.text == ""
    ApiClient(KEY, HttpSettings("http://conductor.test"))
    assert f"conductor.test/api through HTTP_PROXY {other.url.removesuffix('/api')} without TLS" in caplog.text


def test_a_token_that_was_refused_goes_to_nobody_else(stub, other):
    stub.answers[TOKEN].append(Answer(401, headers={"Location": other.url, "WWW-Authenticate": f"Bearer {other.url}"}))
    with pytest.raises(AuthenticationError):
        get_task_over(stub.url, KEY)
