"""HTTP tasks on both servers, with an HTTP server of the test. No request leaves the machine."""

import gzip

import pytest

from conductor import ApiError, TaskDef, WorkflowDef, WorkflowTask
from support.remote import a_remote
from support.waiting import eventually

OWNER = "team@example.com"
FAILED = "FAILED"


@pytest.fixture
def remote():
    with a_remote() as server:
        yield server


def http(given, **members):
    return WorkflowTask("call", "h", type="HTTP", input_parameters=given, **members)


@pytest.fixture
def call(run, remote):
    """Runs a workflow of one HTTP task with the request. Returns the task."""

    def call(path="/", method="GET", **request):
        _, tasks = run(http({"http_request": {"uri": remote.url + path, "method": method, **request}}))
        return tasks["h"]

    return call


def test_the_answer_is_the_output(call, remote):
    remote.answers["/a"] = [(201, b'{"n": 1, "l": [true, null]}', {"X-More": "yes"})]
    task = call("/a?x=1")
    assert (task.status, task.task_type, task.poll_count) == ("COMPLETED", "HTTP", 1)
    response = task.output_data["response"]
    assert (response["headers"]["X-More"], response["headers"]["Content-Type"]) == (["yes"], ["application/json"])
    del response["headers"]
    assert response == {"statusCode": 201, "reasonPhrase": "Created", "body": {"n": 1, "l": [True, None]}}
    method, path, headers, body = remote.requests[0]
    assert (method, path, body) == ("GET", "/a?x=1", b"")
    assert (headers["accept"], headers["content-type"]) == ("application/json", "application/json")


def test_the_request_may_be_the_input_itself(run, remote):
    given = {"uri": remote.url + "/${workflow.input.p}", "method": "POST", "body": {"a": "${workflow.input.p}"}}
    _, tasks = run(http(given), p="x")
    assert (tasks["h"].status, tasks["h"].input_data["asyncComplete"]) == ("COMPLETED", False)
    method, path, _, body = remote.requests[0]
    assert (method, path) == ("POST", "/x")
    assert remote.json_of(body) == {"a": "x"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"body": {"a": None, "b": "é"}}, b'{"a":null,"b":"\xc3\xa9"}'),
        ({"body": [1, "a"]}, b'[1,"a"]'),
        ({"body": 5}, b"5"),
        ({"body": "text é"}, b"text \xc3\xa9"),
        ({"body": "text é", "contentType": "text/plain"}, b"text \xe9"),
        ({"body": "text é", "contentType": "text/plain;charset=utf-8"}, b"text \xc3\xa9"),
        ({"body": "a=1", "contentType": "application/x-www-form-urlencoded"}, b"a=1"),
        ({}, b""),
    ],
    ids=str,
)
def test_a_body_is_sent_as_its_type_says(call, remote, given, sent):
    assert call("/", "POST", **given).status == "COMPLETED"
    _, _, headers, body = remote.requests[0]
    assert body == sent
    assert headers["content-type"] == given.get("contentType", "application/json")


@pytest.mark.parametrize(
    ("given", "header", "value"),
    [
        ({"headers": {"X-A": 2, "X-B": None}}, "x-a", "2"),
        ({"headers": {"X-A": True}}, "x-a", "true"),
        ({"headers": {"X-A": ["a", {"b": 1}]}}, "x-a", "[a, {b=1}]"),
        ({"headers": {"User-Agent": "me"}}, "user-agent", "me"),
        ({"accept": "text/plain"}, "accept", "text/plain"),
        ({"accept": ["text/plain", "a/b"]}, "accept", "text/plain, a/b"),
        ({"accept": None}, "accept", "application/json"),
        ({"vipAddress": "v", "appName": "a", "encode": True}, "accept", "application/json"),
    ],
    ids=str,
)
def test_a_header_has_the_text_of_its_value(call, remote, given, header, value):
    assert call(**given).status == "COMPLETED"
    headers = remote.requests[0][2]
    assert headers[header] == value
    assert "x-b" not in headers


@pytest.mark.parametrize(
    ("content_type", "content", "body"),
    [
        ("text/plain", b"hello", "hello"),
        ("application/json", b'"q"', "q"),
        ("application/json", b"true", "true"),
        ("application/json", b"null", "null"),
        ("application/json", b"12", 12.0),
        ("text/plain", b"true story", "true"),
        ("text/plain", b"12 abc", 12.0),
        ("text/plain", b"12abc", "12abc"),
        ("application/json", b'{"a":1} x', {"a": 1}),
        ("application/json", b"{bad", "{bad"),
        ("application/json", b"NaN", "NaN"),
        ("application/json", b" ", ""),
        ("application/json", b"", None),
        ("text/plain", b"\xc3\xa9", "Ã©"),
        ("text/plain;charset=utf-8", b"\xc3\xa9", "é"),
        ("application/json", b'"\xc3\xa9"', "é"),
        ("application/json", b'{"a":1e400,"b":12345678901234567890}', {"a": "Infinity", "b": 12345678901234567890}),
    ],
)
def test_a_body_is_read_as_json_or_else_as_text(call, remote, content_type, content, body):
    remote.answers["/"] = [(200, content, {"Content-Type": content_type})]
    task = call()
    assert (task.status, task.output_data["response"]["body"]) == ("COMPLETED", body)


@pytest.mark.parametrize(("status", "phrase"), [(202, "Accepted"), (203, "Non-Authoritative Information"), (206, None)])
def test_every_status_of_success_completes_the_task(call, remote, status, phrase):
    remote.answers["/"] = [(status, b"1", {})]
    response = call().output_data["response"]
    assert (response["statusCode"], response["reasonPhrase"]) == (status, phrase or "Partial Content")


def test_a_packed_body_is_unpacked(call, remote):
    remote.answers["/"] = [(200, gzip.compress(b'{"z": 1}'), {"Content-Encoding": "gzip"})]
    response = call().output_data["response"]
    assert response["body"] == {"z": 1}
    assert {"Content-Encoding", "Content-Length"}.isdisjoint(response["headers"])


@pytest.mark.parametrize(
    ("status", "content", "text"),
    [
        (404, b'{"e":1}', '404 Not Found on GET request for "URL/e": "{"e":1}"'),
        (500, b"", '500 Internal Server Error on GET request for "URL/e": [no body]'),
        (418, b"a\nb\x01", '418 I\'m a Teapot on GET request for "URL/e": "a<EOL>b?"'),
    ],
)
def test_an_error_of_the_other_server_fails_the_task(call, remote, status, content, text):
    remote.answers["/e"] = [(status, content, {})]
    task = call("/e?secret=1")
    error = f"java.lang.Exception: {text.replace('URL', remote.url)}"
    assert (task.status, task.output_data) == (FAILED, {"response": error})
    assert task.reason_for_incompletion == f"Failed to invoke HTTP task due to: {error}"


def test_an_answer_that_is_neither_success_nor_error_fails_the_task(call, remote):
    remote.answers["/"] = [(304, b"", {})]
    task = call()
    assert (task.status, task.reason_for_incompletion) == (FAILED, "No response from the remote service")
    assert task.output_data["response"]["statusCode"] == 304


def test_a_status_that_has_no_name_fails_the_task(call, remote):
    remote.answers["/"] = [(299, b"", {})]
    assert call().output_data == {"response": "java.lang.IllegalArgumentException: No matching constant for [299]"}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"method": "get"}, "java.lang.IllegalArgumentException: Invalid HTTP method: get"),
        ({"contentType": "bad"}, 'Invalid mime type "bad": does not contain'),
        ({"contentType": None}, "Invalid mime type \"null\": 'mimeType' must not be empty"),
        ({"accept": "bad"}, 'Invalid mime type "bad": does not contain'),
        ({"headers": None}, 'because "input.headers" is null'),
        ({"body": {}, "contentType": "text/plain"}, 'LinkedHashMap and content type "text/plain"'),
        ({"uri": "/a/{x}"}, "Not enough variable values available to expand 'x'"),
        ({"uri": "relative"}, 'I/O error on GET request for "/relative": Target host is not specified'),
        ({"uri": "ftp://127.0.0.1/a"}, "Unroutable protocol scheme: ftp://127.0.0.1"),
        ({"uri": "http://u:p@127.0.0.1/a"}, "Request URI authority contains deprecated userinfo component"),
        ({"uri": "http://127.0.0.1:1/a?b=1"}, '"http://127.0.0.1:1/a": Connect to http://127.0.0.1:1 failed'),
        ({"connectionTimeOut": -1}, "Timeout must be a non-negative value"),
    ],
    ids=str,
)
def test_a_request_that_cannot_be_sent_fails_the_task(run, remote, given, error):
    _, tasks = run(http({"http_request": {"uri": remote.url, "method": "GET", **given}}))
    task = tasks["h"]
    assert (task.status, remote.requests) == (FAILED, [])
    assert task.reason_for_incompletion == f"Failed to invoke HTTP task due to: {task.output_data['response']}"
    assert error in task.output_data["response"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"method": "GET"}, "Missing HTTP URI.  See documentation for HttpTask for required input parameters"),
        ({"uri": "http://127.0.0.1:1"}, "No HTTP method specified"),
    ],
)
def test_a_request_without_an_address_or_a_method_fails_the_task(run, given, reason):
    _, tasks = run(http(given))
    assert (tasks["h"].status, tasks["h"].output_data) == (FAILED, {})
    assert tasks["h"].reason_for_incompletion == reason


def test_a_step_without_a_request_is_refused(workflows, name):
    with pytest.raises(ApiError, match="inputParameters.http_request or inputParameters.uri field is") as caught:
        workflows.register_workflow(WorkflowDef(name, [http({"body": 1})], owner_email=OWNER))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/a b?q=c d&e=f%20g&h=i=j+k&l&m=ü&n=a/b?c#frag", "/a%20b?q=c%20d&e=f%2520g&h=i%3Dj+k&l&m=%C3%BC&n=a/b?c"),
        ("/a%20b/ü;p=1/(y)", "/a%2520b/%C3%BC;p=1/(y)"),
        ("", "/"),
        ("?a=1", "/?a=1"),
        ('/a//b/../c?x=[1]|"<>', "/a/b/../c?x=%5B1%5D%7C%22%3C%3E"),
    ],
)
def test_the_address_is_encoded_once_more(call, remote, path, sent):
    assert call(path).status == "COMPLETED"
    assert remote.requests[0][1] == sent


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(302, "GET", "GET"), (301, "POST", "GET"), (303, "PUT", "GET"), (302, "PUT", "PUT"), (307, "POST", "POST")],
)
def test_redirects_are_followed(call, remote, status, method, then):
    remote.answers["/"] = [(status, b"", {"Location": "/there"})]
    body = {} if method == "GET" else {"body": "b"}
    assert call("/", method, **body).status == "COMPLETED"
    first, second = remote.requests
    assert (second[0], second[1]) == (then, "/there")
    assert second[3] == (b"" if then == "GET" else first[3])


@pytest.mark.parametrize(("status", "method"), [(503, "GET"), (429, "POST")])
def test_a_busy_server_is_asked_once_more(call, remote, status, method):
    remote.answers["/"] = [(status, b"", {"Retry-After": "0"}), (200, b"{}", {})]
    assert call("/", method).status == "COMPLETED"
    assert len(remote.requests) == 2


@pytest.mark.parametrize(("method", "tries"), [("GET", 2), ("POST", 1)])
def test_a_cut_connection_is_tried_again_if_that_is_safe(call, remote, method, tries):
    task = call("/cut", method)
    assert task.output_data["response"].endswith(f"{remote.url.removeprefix('http://')} failed to respond")
    assert len(remote.requests) == tries


def test_an_answer_that_comes_too_late_fails_the_task(call, remote):
    task = call("/slow", readTimeOut="150")
    assert task.output_data["response"].endswith(f'request for "{remote.url}/slow": Read timed out')


def test_a_failed_request_is_tried_again_as_its_definition_says(run, tasks, remote, name):
    template = {"http_request": {"uri": f"{remote.url}/t", "method": "GET"}}
    tasks.register_task_defs(
        TaskDef(name, owner_email=OWNER, retry_count=1, retry_delay_seconds=0, input_template=template)
    )
    remote.answers["/t"] = [(500, b"", {}), (200, b"[]", {})]
    workflow, _ = run(WorkflowTask(name, "h", type="HTTP"))
    assert [(task.status, task.retry_count) for task in workflow.tasks] == [(FAILED, 0), ("COMPLETED", 1)]


@pytest.mark.parametrize("deed", ["retry", "rerun"])
def test_a_failed_request_is_sent_again_by_an_operator(run, workflows, remote, ended, deed):
    remote.answers["/"] = [(500, b"", {}), (200, b"[]", {})]
    workflow, tasks = run(http({"uri": remote.url, "method": "GET"}))
    assert workflow.status == FAILED
    if deed == "retry":
        workflows.retry(workflow.workflow_id)
    else:
        workflows.rerun(workflow.workflow_id, task_id=tasks["h"].task_id)
    again, tasks = ended(workflow.workflow_id)
    assert (again.status, tasks["h"].output_data["response"]["body"]) == ("COMPLETED", [])


def test_an_optional_request_that_fails_lets_the_workflow_go_on(run, remote):
    remote.answers["/"] = [(500, b"", {})]
    step = http({"uri": remote.url, "method": "GET"}, optional=True)
    workflow, tasks = run(step, WorkflowTask("n", "n", type="NOOP"))
    assert (workflow.status, tasks["h"].status, tasks["n"].status) == (
        "COMPLETED",
        "COMPLETED_WITH_ERRORS",
        "COMPLETED",
    )


def test_an_asynchronous_request_waits_for_an_update(workflows, tasks, remote, name, ended):
    step = http({"uri": remote.url, "method": "GET"}, async_complete=True)
    workflows.register_workflow(WorkflowDef(name, [step], owner_email=OWNER))
    workflow_id = workflows.start_workflow(name)
    task = eventually(lambda: next(iter(in_progress(workflows, workflow_id)), None))
    assert task.output_data["response"]["statusCode"] == 200
    tasks.update_task(task.task_id, workflow_id, "COMPLETED", {"done": True})
    assert ended(workflow_id)[0].output == {"done": True}


def in_progress(workflows, workflow_id):
    return [task for task in workflows.get_workflow(workflow_id).tasks if task.status == "IN_PROGRESS"]


def test_a_task_whose_answer_is_awaited_is_scheduled_and_stops_nobody(workflows, remote, name, ended):
    step = http({"uri": f"{remote.url}/slow", "method": "GET", "readTimeOut": 20_000})
    workflows.register_workflow(WorkflowDef(name, [step], owner_email=OWNER))
    workflow_id = workflows.start_workflow(name)
    eventually(lambda: remote.requests)
    (task,) = workflows.get_workflow(workflow_id).tasks
    assert (task.status, task.poll_count) == ("SCHEDULED", 1)
    assert task.start_time > 0
    remote.release.set()
    assert ended(workflow_id)[0].status == "COMPLETED"


def test_a_forked_step_may_get_its_request_as_its_input(run, remote):
    """The step alone would be refused at a registration."""
    fork = WorkflowTask(
        *("fork", "fork"),
        type="FORK_JOIN_DYNAMIC",
        dynamic_fork_tasks_param="steps",
        dynamic_fork_tasks_input_param_name="inputs",
        input_parameters={"steps": "${workflow.input.steps}", "inputs": "${workflow.input.inputs}"},
    )
    workflow, tasks = run(
        fork,
        WorkflowTask("join", "join", type="JOIN"),
        steps=[{"name": "call", "taskReferenceName": "call", "type": "HTTP"}],
        inputs={"call": {"http_request": {"uri": remote.url + "/a", "method": "GET"}}},
    )
    assert (workflow.status, tasks["call"].status) == ("COMPLETED", "COMPLETED")
    assert [path for _, path, _, _ in remote.requests] == ["/a"]
