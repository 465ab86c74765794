"""The generated client by itself: what it sends, what it makes of answers."""

import gzip
import io
import zlib
from types import SimpleNamespace

import msgspec
import pytest
import urllib3
from conductor_client import Client
from conductor_client.api import task_resource as tasks, workflow_resource as workflows
from conductor_client.errors import CallError, NoAnswer, TooLarge, UndecodableResponse, UnexpectedStatus
from conductor_client.models import Task, TaskResult, TaskResultStatus


class Pool:
    """A urllib3 pool that keeps what it was asked and gives one answer."""

    def __init__(self, status=200, data=b"", content_type="application/json", error=None, **headers):
        self.data = data
        self.status = status
        self.headers = {"Content-Type": content_type} | {k.replace("_", "-"): v for k, v in headers.items()}
        self.error = error
        self.asked = None
        self.answer = None

    def request(self, method, url, **arguments):
        self.asked = SimpleNamespace(method=method, url=url, **arguments)
        if self.error:
            raise self.error
        body = io.BytesIO(self.data)
        self.answer = urllib3.HTTPResponse(body, self.headers, self.status, preload_content=False)
        return self.answer


def test_a_request_is_never_repeated_or_redirected():
    pool = Pool(data=b"[]")
    tasks.batch_poll_tasks.sync(Client("http://host/api", pool, headers={"X-A": "b"}, timeout=3), "a b/c", count=2)
    assert pool.asked.method == "GET"
    assert pool.asked.url == "http://host/api/tasks/poll/batch/a%20b%2Fc?count=2"
    assert (pool.asked.retries, pool.asked.redirect, pool.asked.timeout) == (False, False, 3)
    assert not pool.asked.preload_content
    assert pool.asked.headers["X-A"] == "b"
    assert pool.asked.body is None


def test_query_parameters_repeat_lists_spell_booleans_and_leave_out_none():
    pool = Pool(data=b"{}")
    workflows.get_workflow.sync(Client("", pool), "w", include_tasks=False)
    assert pool.asked.url == "/workflow/w?includeTasks=false"
    tasks.get_poll_data.sync(Client("", Pool(data=b"[]")), task_type="a&b")
    tasks.get_queue_size.sync(Client("", pool := Pool(data=b"1")), task_type=["a", "b c"])
    assert pool.asked.url == "/tasks/queue/size?taskType=a&taskType=b+c"


def test_a_body_is_json_and_a_log_line_is_not():
    pool = Pool(data=b"id", content_type="text/plain;charset=UTF-8")
    result = TaskResult("t", "w", TaskResultStatus.COMPLETED, {"a": None})
    assert tasks.update_task.sync(Client("", pool), result) == "id"
    assert pool.asked.body == b'{"taskId":"t","workflowInstanceId":"w","status":"COMPLETED","outputData":{"a":null}}'
    assert pool.asked.headers["Content-Type"] == "application/json"
    tasks.add_task_log.sync(Client("", pool), "t", 'say "ä"')
    assert pool.asked.body == 'say "ä"'.encode()


BLANK = [b"", b"\n", b" \r\n", b"null", b"null\n"]


@pytest.mark.parametrize("content_type", ["application/json", "text/html; charset=utf-8"])
@pytest.mark.parametrize(("status", "data"), [(204, b""), *((200, data) for data in BLANK)])
def test_an_empty_answer_is_no_task_and_no_log(status, data, content_type):
    client = Client("", Pool(status, data, content_type))
    assert tasks.batch_poll_tasks.sync(client, "t") == []
    assert tasks.poll_task.sync(client, "t") is None
    assert tasks.update_task_v2.sync(client, TaskResult("t", "w", TaskResultStatus.COMPLETED)) is None
    assert tasks.get_task_logs.sync(client, "t") == []


def test_delivered_tasks_are_left_for_the_caller_to_decode():
    raw = tasks.batch_poll_tasks.sync(Client("", Pool(data=b'[{"taskId":1}, 5]')), "t")
    assert [bytes(each) for each in raw] == [b'{"taskId":1}', b"5"]


@pytest.mark.parametrize("status", [302, 400, 404, 499, 500, 599])
def test_an_error_status_is_raised_with_what_a_caller_needs_and_no_body_in_its_text(status):
    pool = Pool(status, b"the body", "text/plain")
    with pytest.raises(UnexpectedStatus) as caught:
        tasks.get_task.sync(Client("", pool), "secret-id")
    error = caught.value
    assert (error.method, error.template, error.status, error.content) == (
        "GET",
        "/tasks/{task_id}",
        status,
        b"the body",
    )
    assert str(error) == f"GET /tasks/{{task_id}}: status {status}"


@pytest.mark.parametrize(
    "data",
    [
        b"[[1, {2}, 3]",
        b"[1], [2]",
        b"[1]]",
        b"[1}",
        b"a[1]",
        b"please log in",
        b"{]",
        b'{"tasks": "\\ud800"}',
        b'{"tasks": "\\ud800", "error": null}',
        b"\xef\xbb\xbf[]",
    ],
)
def test_delivered_tasks_that_are_no_list_from_end_to_end_are_undecodable(data):
    with pytest.raises(UndecodableResponse, match=r"GET /tasks/poll/batch/\{tasktype\}: status 200"):
        tasks.batch_poll_tasks.sync(Client("", Pool(data=data)), "t")


def test_a_delivered_task_that_is_odd_costs_the_others_nothing():
    odd = [b'{"n": "\\ud800"}', b'{"n": "\\uDC00]"}', b'{"n": NaN}', b'{"n": "\x01, \\\\"}', b"{'n': 1}", b'"\xff"']
    raw = tasks.batch_poll_tasks.sync(Client("", Pool(data=b'\n[{"n": 1},%b]\n' % b",".join(odd))), "t")
    assert [bytes(each) for each in raw] == [b'{"n": 1}', *odd]
    for each in odd[:-1]:
        assert bytes(tasks.poll_task.sync(Client("", Pool(data=each)), "t")) == each


@pytest.mark.parametrize("end", [b"", b"\\", b"\\\n"])
def test_a_text_that_never_ends_is_noticed_at_its_first_reading(end):
    """And not by reading it again from each of its quotes, which would take days."""
    with pytest.raises(UndecodableResponse):
        tasks.batch_poll_tasks.sync(Client("", Pool(data=b"[" * 2_000 + b'"' + b'\\"' * 2_500_000 + end)), "t")


@pytest.mark.parametrize("data", [b"", b"{", b"5", b'{"taskId": "t"}', b"\xff"])
def test_an_answer_of_another_shape_is_undecodable(data):
    with pytest.raises(UndecodableResponse, match=r"GET /tasks/\{task_id\}: status 200") as caught:
        tasks.get_task.sync(Client("", Pool(data=data)), "t")
    assert isinstance(caught.value, CallError)


def test_a_text_that_is_not_utf8_is_undecodable():
    with pytest.raises(UndecodableResponse, match="not UTF-8"):
        workflows.start_workflow.sync(Client("", Pool(data=b"\xff", content_type="text/plain")), {"name": "x"})


def test_a_text_that_is_not_utf8_costs_its_member_and_no_other():
    data = b'{"taskId":"t","workflowInstanceId":"w","pollCount":null,"seq":3,"outputData":{"n":"\xff"}}'
    assert tasks.get_task.sync(Client("", Pool(data=data)), "t") == Task("t", "w", seq=3)


@pytest.mark.parametrize("data", [b"<html>", b"\r\n <!DOCTYPE html>", b"\xef\xbb\xbf\n<html>"])
def test_a_page_is_undecodable_even_where_nothing_is_decoded(data):
    with pytest.raises(UndecodableResponse, match="an HTML page"):
        workflows.decide_workflow.sync(Client("", Pool(data=data, content_type="text/html; charset=utf-8")), "w")


def test_a_type_that_a_server_gives_to_all_its_answers_makes_no_page():
    """Flask's default is text/html."""
    assert get_text(Pool(data=b"id", content_type="text/html; charset=utf-8")) == "id"
    assert get_text(Pool(content_type="text/html")) == ""
    assert workflows.decide_workflow.sync(Client("", Pool(204, content_type="text/html")), "w") is None


def test_no_answer_names_the_operation_and_keeps_the_cause():
    cause = urllib3.exceptions.ProtocolError("closed")
    with pytest.raises(NoAnswer, match=r"GET /tasks/\{task_id\}: no answer") as caught:
        tasks.get_task.sync(Client("", Pool(error=cause)), "t")
    assert caught.value.__cause__ is cause


def test_each_exchange_is_observed_also_one_without_an_answer():
    seen = []

    def observe(method, template, status, seconds):
        seen.append((method, template, status))
        assert seconds >= 0

    tasks.batch_poll_tasks.sync(Client("", Pool(204), observe=observe), "t")
    with pytest.raises(NoAnswer):
        tasks.batch_poll_tasks.sync(Client("", Pool(error=OSError()), observe=observe), "t")
    with pytest.raises(UnexpectedStatus):
        tasks.batch_poll_tasks.sync(Client("", Pool(503), observe=observe), "t")
    template = "/tasks/poll/batch/{tasktype}"
    assert seen == [("GET", template, 204), ("GET", template, 0), ("GET", template, 503)]


def test_a_struct_of_the_package_is_what_a_list_of_tasks_decodes_to():
    found = tasks.search_tasks_v2.sync(
        Client("", Pool(data=b'{"totalHits":1,"results":[{"taskId":"t","workflowInstanceId":"w"}]}'))
    )
    assert found.results == [Task("t", "w")]
    assert isinstance(found.results[0], msgspec.Struct)


LIMIT = 32 * 2**20


def get_text(pool):
    """An operation that takes any text as its answer."""
    return tasks.update_task.sync(Client("", pool), TaskResult("t", "w", TaskResultStatus.COMPLETED))


@pytest.mark.parametrize("size", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 3 * 2**16, LIMIT - 1])
def test_a_body_of_less_than_32_mebibytes_is_read_whole(size):
    text = "x" * (size - 1) + "y" * bool(size)
    assert get_text(Pool(data=text.encode())) == text
    assert get_text(Pool(data=text.encode(), Content_Length=str(size))) == text
    assert get_text(Pool(data=gzip.compress(text.encode(), 1), Content_Encoding="gzip")) == text


@pytest.mark.parametrize("compress", [None, gzip.compress, zlib.compress])
def test_a_larger_one_is_undecodable_and_not_read_to_its_end(compress):
    data = b"x" * (LIMIT + 1)
    pool = Pool(data=data)
    if compress:
        pool = Pool(data=compress(data), Content_Encoding="gzip" if compress is gzip.compress else "deflate")
    with pytest.raises(UndecodableResponse, match="a body of 32 MiB or more"):
        get_text(pool)
    assert pool.answer.tell() <= LIMIT


def test_a_body_that_is_encoded_more_than_once_is_undecodable_and_not_read():
    pool = Pool(data=gzip.compress(gzip.compress(b"x")), Content_Encoding="gzip, gzip")
    with pytest.raises(UndecodableResponse, match="encoded more than once"):
        get_text(pool)
    assert pool.answer.tell() == 0


def test_an_error_about_a_body_that_is_too_large_holds_its_beginning():
    with pytest.raises(TooLarge, match="MiB or more") as caught:
        get_text(Pool(data=b"a" + b"x" * LIMIT))
    assert caught.value.beginning == b"a" + b"x" * (2**16 - 1)


def test_a_body_that_cannot_be_decompressed_is_undecodable():
    with pytest.raises(UndecodableResponse, match="cannot be decompressed"):
        get_text(Pool(data=b"x" * 100, Content_Encoding="gzip"))


def test_an_error_status_is_raised_whatever_its_body_is():
    for pool in (Pool(503, b"x" * LIMIT), Pool(503, b"x", Content_Encoding="gzip"), Pool(503, Content_Encoding="a, b")):
        with pytest.raises(UnexpectedStatus) as caught:
            get_text(pool)
        assert (caught.value.status, caught.value.content) == (503, b"")


@pytest.mark.parametrize("size", [0, 5, 2**16])
def test_a_body_shorter_than_its_length_is_no_answer(size):
    with pytest.raises(NoAnswer) as caught:
        get_text(Pool(data=b"x" * size, Content_Length=str(size + 1)))
    assert isinstance(caught.value.__cause__, urllib3.exceptions.ProtocolError)
