"""Who may use a dev server: not a web page that somebody visits, and with a key nobody without a token."""

import base64
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from conductor import AuthenticationSettings
from conductor.testing.dev_server import DevServer

KEY = AuthenticationSettings("the-key", "the-secret")
TAKES_TASKS = "/api/tasks/poll/batch/one?count=5&timeout=0"


def port_of(server):
    return server.url.removesuffix("/api").rpartition(":")[2]


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


# Host


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:PORT", "localhost:PORT", "LOCALHOST:PORT", "[::1]:PORT", "[0:0::1]:PORT", "localhost"),
        *("127.0.0.1:1", "conductor.localhost:PORT"),
    ],
)
def test_a_request_for_the_servers_own_address_is_taken_be_it_by_way_of_another_port(server, http, host):
    assert http.get("/api/version", Host=host.replace("PORT", port_of(server))).status == 200


@pytest.mark.parametrize("path", [TAKES_TASKS, "/", "/health", "/api-docs", "/nosuch"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:PORT",
        "127.0.0.1.evil.example:PORT",
        "localhost.evil.example:PORT",
        "evillocalhost:PORT",
        "user@127.0.0.1:PORT",
        "10.0.0.1:PORT",
        "0.0.0.0:PORT",
        "[::2]:PORT",
        "2130706433:PORT",
        ":PORT",
    ],
)
def test_a_request_for_another_name_is_refused_and_takes_no_task(server, http, host, path):
    http.start("one")
    answer = http.get(path, Host=host.replace("PORT", port_of(server)))
    assert (answer.status, answer.json()["error"]) == (403, "FOREIGN_HOST")
    assert "the Host of the request" in answer.json()["message"]
    assert len(http.poll("one")) == 1


def test_a_request_without_a_host_is_refused(server):
    with socket.create_connection(("127.0.0.1", int(port_of(server))), 5) as connection:
        connection.sendall(b"GET /api/version HTTP/1.0\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 403 ")


def test_names_are_further_hosts(connect):
    with DevServer(names=["Conductor"]) as server:
        http = connect(server)
        assert http.get("/api/version", Host="conductor:8080").status == 200
        assert http.get("/api/version", Host="conductor.evil.example:8080").status == 403


def test_a_star_takes_every_name_and_still_no_other_page(connect):
    with DevServer(names=["*"]) as server:
        http = connect(server)
        assert http.get("/api/version", Host="whatever.example:8080").status == 200
        assert http.get("/api/version", Origin="http://evil.example").status == 403


def test_the_refusal_of_a_name_says_how_to_add_it(http):
    message = http.get("/", Host="conductor:8080").json()["message"]
    assert message.endswith("; DevServer(names=[…]) and --name add names")


@pytest.mark.parametrize(
    ("host", "status"),
    [("192.0.2.7:8080", 200), ("[2001:db8::1]:9", 200), (f"{socket.gethostname()}:1", 200), ("evil.example", 403)],
)
def test_a_server_for_other_machines_answers_to_addresses_and_its_machines_name(connect, host, status):
    with DevServer(host="0.0.0.0", key=KEY) as server:
        assert connect(server).get("/health", Host=host).status == status


# Origin


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1:PORT0"},
        {"Origin": "http://evil127.0.0.1:PORT"},
        {"Origin": "http://localhost:PORT"},  # another name of it: its page does not use two
        {"Origin": ""},
        {"Sec_Fetch_Site": "cross-site"},  # an <img>, which brings no Origin
        {"Sec_Fetch_Site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", [TAKES_TASKS, "/"])
def test_a_request_from_another_servers_page_is_refused_and_takes_no_task(server, http, headers, path):
    http.start("one")
    http.connection.putrequest("GET", path)
    for name, value in headers.items():
        http.connection.putheader(name.replace("_", "-"), value.replace("PORT", port_of(server)))
    http.connection.endheaders()
    answer = http.connection.getresponse()
    assert (answer.status, b'"error":"FOREIGN_ORIGIN"' in answer.read()) == (403, True)
    assert len(http.poll("one")) == 1


def test_a_request_from_its_own_page_or_typed_by_a_person_is_taken(server, http):
    own = server.url.removesuffix("/api")
    assert http.get("/", Origin=own).status == 200
    assert (
        http.get("/", Host=f"LOCALHOST:{port_of(server)}", Origin=f"http://localhost:{port_of(server)}").status == 200
    )
    assert http.get("/", Sec_Fetch_Site="same-origin").status == 200
    assert http.get("/", Sec_Fetch_Site="none").status == 200


# The key


@pytest.fixture
def locked(connect):
    with DevServer(key=KEY) as server:
        yield connect(server)


@pytest.mark.parametrize(
    "path",
    [
        "/api/metadata/workflow",
        "/api;/metadata/workflow",
        "/api;x=y/metadata;z/workflow",
        "/%61pi/metadata/workflow",
        "/api/tasks/queue/all",
        "/api/health",
        "/api/version",
        "/api/nosuch",
        "/",
        "/;x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_with_a_key_every_spelling_of_a_path_needs_a_token(locked, method, path):
    assert locked(method, path).status == 401


@pytest.mark.parametrize("path", ["/health", "/health;x", "/api-docs"])
def test_with_a_key_health_and_the_document_need_no_token(locked, path):
    assert locked.get(path).status == 200


def test_a_browser_is_asked_for_the_key_and_then_shows_the_page_and_nothing_else(locked):
    assert locked.get("/").headers["www-authenticate"].startswith("Basic ")
    assert locked.get("/", Authorization=basic("the-key:the-secret")).status == 200
    for path in ("/page/main.js", "/page/data/overview", "/page/data/definitions"):
        assert locked.get(path).status == 401
        assert locked.get(path, Authorization=basic("the-key:the-secret")).status == 200
    bearer = basic("the-key:the-secret").replace("Basic", "Bearer")
    for wrong in (basic("the-key:wrong"), basic("the-key"), "Basic ???", "Basic", "Bearer the-secret", bearer):
        assert locked.get("/", Authorization=wrong).status == 401
    assert locked.get("/api/tasks/queue/all", Authorization=basic("the-key:the-secret")).status == 401


def test_a_token_opens_the_page_too(locked):
    token = locked.post("/api/token", {"keyId": "the-key", "keySecret": "the-secret"}).json()["token"]
    assert locked.get("/", X_Authorization=token).status == 200


def module(*arguments):
    command = [sys.executable, "-m", "conductor.testing", "--port", "0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_the_module_lets_other_machines_connect_only_with_a_key(host):
    done = module("--host", host)
    needed = (
        f"conductor.testing: --host {host} lets other machines connect: give --key ID:SECRET, which they then need\n"
    )
    assert (done.returncode, done.stderr, done.stdout) == (2, needed, "")


@pytest.mark.parametrize("key", ["hush", ":hush", "hush:"])
def test_the_module_says_how_a_key_is_written_and_does_not_repeat_it(key):
    done = module("--key", key)
    assert (done.returncode, done.stderr) == (2, "conductor.testing: --key must be ID:SECRET\n")


def test_the_module_asks_for_its_key_and_ends_when_it_is_told_to(connect):
    command = [sys.executable, "-m", "conductor.testing", "--port", "0", "--host", "0.0.0.0", "--key", "a:b:c"]
    process = subprocess.Popen([*command, "--name", "conductor"], stdout=subprocess.PIPE, text=True)
    try:
        server = SimpleNamespace(url=process.stdout.readline().strip())
        http = connect(server)
        assert http.get("/api/tasks/queue/all").status == 401
        assert http.post("/api/token", {"keyId": "a", "keySecret": "b:c"}, Host="conductor:1").status == 200
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_server_that_other_machines_can_use_without_a_key_says_so(caplog):
    with DevServer(host="0.0.0.0"):
        assert "other machines can use" in caplog.text
    caplog.clear()
    with DevServer(), DevServer(host="localhost"), DevServer(host="0.0.0.0", key=KEY):
        assert "other machines" not in caplog.text


@pytest.mark.parametrize(
    "names",
    [
        "conductor",
        5,
        None,
        [None],
        *([bad] for bad in ("", "a b", "a:8080", "http://a", "a/b", "**", "*.a", "u@a", "[::1]", "1:2")),
    ],
)
def test_names_that_cannot_work_are_refused(names):
    with pytest.raises(ValueError, match="names must be a list of host names"):
        DevServer(names=names)
