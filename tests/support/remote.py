"""Another HTTP server, for tasks that send requests to one."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Remote(ThreadingHTTPServer):
    """Answers each request by the first part of its path, and keeps all requests."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []  # method, path, headers with names in lower case, body
        self.answers = {}  # by path: lists of (status, body, headers); the last one stays
        self.release = threading.Event()  # lets requests for /slow go on
        self.url = f"http://127.0.0.1:{self.server_port}"

    @staticmethod
    def json_of(body):
        return json.loads(body)

    def handle_error(self, request, client_address):
        """A client that has gone is no error here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def answer(self):
        body = self.body()
        self.server.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        path = self.path.partition("?")[0]
        if path == "/slow":
            self.server.release.wait(30)
        if path == "/cut":
            self.close_connection = True
            return
        answers = self.server.answers.get(path) or [(200, b'{"ok": true}', {})]
        status, content, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = answer


@contextmanager
def a_remote():
    """A server that runs."""
    server = Remote()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
