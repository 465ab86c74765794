"""What goes over the wire: media types, statuses and error bodies, as the real server 3.32.3 sends them."""

import http.client
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest

from conductor.testing.dev_server import DevServer

UNKNOWN = {"taskId": "t", "workflowInstanceId": "w", "status": "COMPLETED"}


def raw(server, request, *, end=False):
    """Bytes sent as they are, with the server in place of the host x; everything that comes back until it closes.

    end: we close our half.
    """
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), 5) as connection:
        connection.sendall(request.replace(b"Host: x", f"Host: {parts.netloc}".encode()))
        if end:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_an_empty_poll_is_204_and_an_empty_batch_is_an_empty_list(http):
    answer = http.get("/api/tasks/poll/nothing")
    assert (answer.status, answer.media_type, answer.body) == (204, None, b"")
    answer = http.get("/api/tasks/poll/batch/nothing?timeout=1")
    assert (answer.status, answer.media_type, answer.body) == (200, "application/json", b"[]")


def test_ids_are_plain_text_and_tasks_are_json(http):
    workflow = http.start("one", "two")
    assert http.post("/api/workflow", {"name": "flow"}).media_type == "text/plain;charset=UTF-8"
    answer = http.get("/api/tasks/poll/one?workerid=me")
    assert (answer.status, answer.media_type) == (200, "application/json")
    assert (answer.json()["workerId"], answer.json()["status"]) == ("me", "IN_PROGRESS")
    done = http.finish(answer.json())
    assert (done.media_type, done.body.decode()) == ("text/plain;charset=UTF-8", answer.json()["taskId"])
    assert http.get(f"/api/workflow/{workflow}").json()["status"] == "RUNNING"


def test_update_v2_answers_with_the_next_task_of_the_type_or_204(http):
    http.start("one")
    http.start("one")
    first = http.poll("one")[0]
    answer = http.finish(first, path="/api/tasks/update-v2")
    assert (answer.status, answer.media_type) == (200, "application/json")
    assert answer.json()["taskId"] != first["taskId"]
    answer = http.finish(answer.json(), path="/api/tasks/update-v2")
    assert (answer.status, answer.media_type, answer.body) == (204, None, b"")


def test_calls_without_a_result_answer_with_an_empty_200_or_a_204(http):
    workflow = http.start("one")
    for call in (("PUT", f"/api/workflow/{workflow}/pause"), ("PUT", f"/api/workflow/{workflow}/resume")):
        answer = http(*call)
        assert (answer.status, answer.media_type, answer.body) == (200, None, b"")
    task = http.poll("one")[0]
    http.finish(task, "FAILED")
    assert http.post(f"/api/workflow/{workflow}/retry").status == 204


def test_a_log_is_stored_as_raw_text_and_none_is_204(http):
    assert http.get("/api/tasks/unknown/log").status == 204
    assert http.post("/api/tasks/unknown/log", '"quoted"', Content_Type="text/plain").body == b""
    http.post("/api/tasks/unknown/log", "päth".encode())
    assert [entry["log"] for entry in http.get("/api/tasks/unknown/log").json()] == ['"quoted"', "päth"]


def test_an_update_by_name_that_nothing_waits_for_is_an_empty_200(http):
    answer = http.post("/api/tasks/no-workflow/no-task/COMPLETED", {})
    assert (answer.status, answer.media_type, answer.body) == (200, None, b"")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/api/tasks/unknown", None, 404, "Task not found for taskId: unknown"),
        ("GET", "/api/nosuch", None, 404, "No static resource api/nosuch."),
        ("GET", "/api/tasks/", None, 404, "No static resource api/tasks."),
        ("POST", "/api/token", {}, 404, "No static resource api/token."),
        ("DELETE", "/api/tasks", None, 405, "Request method 'DELETE' is not supported"),
        ("POST", "/api/tasks/queue/size", None, 405, "Request method 'POST' is not supported"),
        ("POST", "/api/tasks", UNKNOWN, 404, "No such workflow found by id: w"),
        ("POST", "/api/tasks/update-v2", UNKNOWN, 404, "No such workflow found by id: w"),
        ("POST", "/api/tasks/w/r/COMPLETED/sync", {}, 404, "Found no running task r of workflow w to update"),
        ("GET", "/api/tasks/poll/batch/x?timeout=5001", None, 400, "Long Poll Timeout value cannot be more than 5 s"),
        ("GET", "/api/tasks/poll/batch/x?count=a", None, 500, "Method parameter 'count': Failed to convert value of"),
        ("GET", "/api/tasks/queue/size", None, 500, "Required request parameter 'taskType' for method parameter type"),
        ("POST", "/api/tasks/w/r/BAD", {}, 500, "Method parameter 'status': Failed to convert value of type"),
        ("POST", "/api/tasks", "{bad", 500, "JSON parse error: "),
        ("POST", "/api/tasks", b'{"taskId":"\xff"}', 500, "JSON parse error: "),
        ("POST", "/api/tasks", "[" * 100_000, 500, "JSON parse error: "),
        ("POST", "/api/tasks", '{"outputData":{"a":NaN}}', 500, "JSON parse error: Non-standard token 'NaN'"),
        ("POST", "/api/tasks", [], 500, "JSON parse error: Cannot deserialize value of type `com.netflix.conductor"),
        ("POST", "/api/tasks", {"status": "DONE"}, 500, "JSON parse error: Cannot deserialize value of type `com."),
        (
            "POST",
            "/api/tasks",
            {"callbackAfterSeconds": "x"},
            500,
            "JSON parse error: Cannot deserialize value of type",
        ),
        ("POST", "/api/tasks", {"outputData": []}, 500, "JSON parse error: Cannot deserialize value of type `java"),
        ("POST", "/api/tasks", "", 500, "Required request body is missing: "),
        ("POST", "/api/tasks", "null", 500, "Required request body is missing: "),
        ("POST", "/api/tasks/update-v2", {}, 500, "Validation failed for argument [0]"),
        ("GET", "/api/workflow/x?includeTasks=maybe", None, 500, "Method parameter 'includeTasks': Failed to convert"),
    ],
)
def test_a_refusal_is_conductors_error_json(http, method, path, body, status, message):
    answer = http(method, path, body)
    error = answer.json()
    assert (answer.status, answer.media_type) == (status, "application/json")
    assert (error["status"], error["retryable"]) == (status, False)
    assert error["message"].startswith(message)
    assert error["instance"]
    assert (answer.headers.get("connection") == "close") == (status in (400, 500))  # as Tomcat


def test_a_failed_validation_names_the_members_and_no_instance(http):
    answer = http.post("/api/tasks", {})
    error = answer.json()
    assert (answer.status, error["message"]) == (400, "Validation failed, check below errors for detail.")
    assert {each["path"] for each in error["validationErrors"]} == {
        "updateTask.arg0.taskId",
        "updateTask.arg0.workflowInstanceId",
    }
    assert "instance" not in error


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_a_body_that_is_not_called_json_is_a_500(http, media_type):
    answer = http.post("/api/tasks", UNKNOWN, Content_Type=media_type)
    assert answer.status == 500
    assert media_type in answer.json()["message"]


def test_the_body_is_read_as_jackson_reads_it(http):
    """Numbers for strings, text for numbers, members nobody knows, and what follows the JSON."""
    task_id = http.start("one") and http.poll("one")[0]
    result = {"taskId": task_id["taskId"], "workflowInstanceId": task_id["workflowInstanceId"], "workerId": 5}
    body = json.dumps(result | {"callbackAfterSeconds": "0", "status": "COMPLETED", "nosuch": {}, "logs": None})
    assert http.post("/api/tasks", body + " trailing", Content_Type="application/x+json").status == 200
    assert http.get(f"/api/tasks/{task_id['taskId']}").json()["workerId"] == "5"


def test_a_version_is_text_and_health_is_healthy(http):
    assert (http.get("/api/version").media_type, http.get("/api/version").body) == (
        "text/plain;charset=UTF-8",
        b"3.32.3",
    )
    assert http.get("/health").json() == {"healthResults": [], "suppressedHealthResults": [], "healthy": True}


def test_the_accept_header_changes_nothing(http):
    assert http.get("/api/tasks/queue/all", Accept="text/html").media_type == "application/json"


def test_head_is_get_without_its_body_and_options_tells_the_methods(http):
    answer = http("HEAD", "/api/version")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "6", b"")
    assert http("HEAD", "/api/tasks").status == 405
    assert http("OPTIONS", "/api/tasks/poll/x").headers["allow"] == "GET,HEAD,OPTIONS"


@pytest.mark.parametrize("path", ["a%2Fb", "a%5Cb", "a%00b", "a%zzb", "a{b", "ä", "../../../.."])
def test_paths_that_tomcat_refuses_are_a_400_in_html(server, path):
    request = f"GET /api/tasks/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    answer = raw(server, request)
    assert answer.startswith(b"HTTP/1.1 400 \r\nContent-Type: text/html;charset=utf-8\r\n")
    assert answer.endswith("<h1>HTTP Status 400 – Bad Request</h1></body></html>".encode())  # noqa: RUF001


def test_dots_and_spaces_may_stand_in_a_path(http):
    assert http.get("/api/tasks/poll/batch/%2E%2E?timeout=1").body == b"[]"
    assert http.get("/api/tasks/%20x").json()["message"] == "Task not found for taskId:  x"


def test_an_empty_domain_is_a_domain_of_its_own(http):
    http.start("one")
    assert http.poll("one", domain="", timeout=1) == []
    assert len(http.poll("one")) == 1


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET /health HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000, 400),  # without an end
        (b"GET health HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /health HTTP/2.7\r\nHost: x\r\n\r\n", 505),
        (b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", 400),
        (b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        (b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\n{}", 417),
    ],
)
def test_a_malformed_request_is_refused_and_the_connection_closed(server, request_, status):
    assert raw(server, request_).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_head_and_its_body_may_come_byte_by_byte(server):
    parts = urlsplit(server.url)
    body = json.dumps(UNKNOWN).encode()
    request = b"POST /api/tasks HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n" % parts.netloc.encode()
    request += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with socket.create_connection((parts.hostname, parts.port), 5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            connection.sendall(bytes([byte]))
        assert b"No such workflow found" in connection.recv(65536)


@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding"])
def test_a_client_that_would_like_http_2_is_answered_with_http_1_1(server, framing):
    """Java's HttpClient asks for it with its first request."""
    head = b"%s /api/tasks%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    body = json.dumps(UNKNOWN).encode()
    update = head % (b"POST", b"") + b"Content-Type: application/json\r\n"
    if framing == "Content-Length":
        update += b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    else:
        update += b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    get = head % (b"GET", b"/nosuch") + b"\r\n"
    last = b"GET /api/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = raw(server, update + get + last)
    found = [answers.index(each) for each in (b"No such workflow found", b"Task not found", b"3.32.3")]
    assert found == sorted(found)


def test_several_requests_may_come_at_once_and_are_answered_in_order(server):
    request = b"GET /api/%s HTTP/1.1\r\nHost: x\r\n%s\r\n"
    answers = raw(server, request % (b"version", b"") + request % (b"nosuch", b"Connection: close\r\n"))
    assert answers.index(b"3.32.3HTTP/1.1 404") > 0


def test_connection_close_and_http_1_0_end_the_connection(server):
    assert b"Connection: close" in raw(server, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"Connection: close" in raw(server, b"GET /health HTTP/1.0\r\nHost: x\r\n\r\n")
    kept = raw(server, b"GET /health HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", end=True)
    assert b"close" not in kept


def test_a_body_may_come_in_chunks_and_after_the_server_has_said_continue(server):
    head = b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    body = json.dumps(UNKNOWN).encode()
    chunks = b"%x\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\nTrailer: x\r\n\r\n" % (3, body[:3], len(body) - 3, body[3:])
    assert b"No such workflow found" in raw(server, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    answer = raw(server, head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    assert answer.startswith(b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 404 ")


def test_a_long_poll_returns_at_once_with_the_first_task(server, http, connect):
    http.start("one")
    http.poll("one")
    http("PUT", "/api/metadata/workflow", [])
    arrived = []

    def wait():
        arrived.extend(connect(server).poll("one", timeout=5000, count=5))

    thread = threading.Thread(target=wait)
    thread.start()
    started = time.monotonic()
    http.post("/api/workflow", {"name": "flow"})
    thread.join(20)
    assert len(arrived) == 1
    assert time.monotonic() - started < 4  # of the 5 s that it would wait for all five


@pytest.mark.parametrize("form", ["404", "405", "500"])
def test_update_v2_can_be_missing_as_on_older_servers(connect, form):
    with DevServer(update_v2=form) as server:
        answer = connect(server).post("/api/tasks/update-v2", UNKNOWN)
    assert answer.status == int(form)
    assert answer.json()["message"] in (
        "No static resource api/tasks/update-v2.",
        "Request method 'POST' is not supported",
    )


def test_it_listens_on_the_loopback_address_alone_unless_told(server):
    assert server.url.startswith("http://127.0.0.1:")
    assert server.url.endswith("/api")
    with DevServer(host="::1") as other:
        connection = http.client.HTTPConnection("::1", urlsplit(other.url).port, timeout=5)
        connection.request("GET", "/health")
        assert connection.getresponse().read()
        connection.close()


def test_a_port_in_use_is_an_error_and_leaves_nothing_behind(server):
    before = set(threading.enumerate())
    with pytest.raises(OSError, match="in use"):
        DevServer(urlsplit(server.url).port).start()
    assert set(threading.enumerate()) <= before  # what other tests left may end meanwhile
