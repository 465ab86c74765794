"""Recording and replaying HTTP exchanges, without secrets and without this machine's names."""

import contextlib
import json
import re
import socket
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import yaml

CASSETTES = Path(__file__).parent.parent.parent / "cassettes"
SHOWN_HOST = "http://conductor.example"
REDACTED = "REDACTED"
SECRET_MEMBERS = ("keyId", "keySecret", "token")
RECORDED_HEADERS = ("Accept", "Content-Type", "X-Authorization")
SECRET_HEADERS = ("X-Authorization",)


@contextlib.contextmanager
def recording(path, server_url, recorded_from):
    """The API URL of a local server that passes requests on to server_url; what was said is in the file afterwards."""
    recorder = _Recorder(server_url)
    with _serving(recorder) as url:
        yield url
    content = {"recorded_from": recorded_from, "version": 1, "interactions": recorder.interactions}
    path.write_text(yaml.safe_dump(content, sort_keys=False, width=120))


@contextlib.contextmanager
def replaying(path):
    """The API URL of a local server that gives the recorded answers to the recorded requests, in their order.

    AssertionError at the end if there were other requests, or fewer.
    """
    player = _Player(yaml.safe_load(path.read_text())["interactions"])
    with _serving(player) as url:
        yield url
    assert not player.unexpected, f"requests that are not recorded in {path.name}: {player.unexpected}"
    assert not player.left, f"requests of {path.name} that were not sent: {[_named(each) for each in player.left]}"


class _Player:
    def __init__(self, interactions):
        self.left = interactions
        self.unexpected = []
        self._scrubber = _Scrubber()

    def answer(self, method, target, headers, body):
        request = self._scrubber.request(method, target, headers, body)
        expected = self.left[0] if self.left else None
        if expected is None or _compared(request) != _compared(expected["request"]):
            self.unexpected.append(f"{_compared(request)} instead of {expected and _compared(expected['request'])}")
            return 501, "Not Recorded", None, b""
        response = self.left.pop(0)["response"]
        media_type = next(iter(response["headers"]["Content-Type"]), None)
        return (
            response["status"]["code"],
            response["status"]["message"],
            media_type,
            response["body"]["string"].encode(),
        )


class _Recorder:
    def __init__(self, server_url):
        self.interactions = []
        self._server = urlsplit(server_url).netloc
        self._scrubber = _Scrubber()

    def answer(self, method, target, headers, body):
        connection = HTTPConnection(self._server, timeout=60)
        try:
            own = {name: value for name, value in headers.items() if name not in ("Host", "Content-Length")}
            connection.request(method, target, body, own)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        media_type = response.getheader("Content-Type")
        recorded = {
            "status": {"code": response.status, "message": response.reason},
            "headers": {"Content-Type": [media_type] if media_type else []},
            "body": {"string": self._scrubber.text(content.decode())},
        }
        request = self._scrubber.request(method, target, headers, body)
        self.interactions.append({"request": request, "response": recorded})
        return response.status, response.reason, media_type, content


class _Scrubber:
    """Takes secrets, and the names of the machines, out of what is written; replayed requests go through it too."""

    def __init__(self):
        self._hidden = {socket.gethostname(): "worker-host"}

    def request(self, method, target, headers, body):
        """As it is written."""
        text = self.text(body.decode()) if body else None
        shown = {
            name: [REDACTED if name in SECRET_HEADERS else headers[name]]
            for name in RECORDED_HEADERS
            if name in headers
        }
        return {"method": method, "uri": self.text(SHOWN_HOST + target), "body": text, "headers": shown}

    def text(self, text):
        """Hides the values of the secret members, here and wherever they appear from now on."""
        for secret in re.findall(rf'"(?:{"|".join(SECRET_MEMBERS)})": ?"([^"]+)"', text):
            self._hidden[secret] = REDACTED
        for hidden, shown in self._hidden.items():
            text = text.replace(hidden, shown)
        return re.sub(r'"instance": ?"[^"]*"', '"instance": "server"', text)  # in errors: the server's host


def _compared(request):
    """The order of the members of a JSON body does not count."""
    body = request["body"]
    with contextlib.suppress(TypeError, ValueError):  # no body, or a log line
        body = json.loads(body)
    return request["method"], request["uri"], body


def _named(interaction):
    return f"{interaction['request']['method']} {interaction['request']['uri']}"


@contextlib.contextmanager
def _serving(teller):
    """The API URL of a local server that answers as the teller does, to one request at a time."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(teller))
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _handler(teller):
    one_at_a_time = threading.Lock()  # guards the teller

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with one_at_a_time:
                status, reason, media_type, content = teller.answer(self.command, self.path, self.headers, body)
            self.send_response(status, reason)
            if media_type:
                self.send_header("Content-Type", media_type)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, *args):
            pass

    return Handler
