"""The generated client by itself: what it sends, what it makes of answers."""

import contextlib

import msgspec
import pytest
from conductor_client import Client
from conductor_client.api import task_resource as tasks, workflow_resource as workflows
from conductor_client.errors import CallError, ExchangeError, NoAnswer, TooLarge, UndecodableResponse, UnexpectedStatus
from conductor_client.models import Task, TaskResult, TaskResultStatus

from support.exchanges import ScriptedExchange


def giving(content=b"", status=200, content_type="application/json", **more):
    """An exchange that gives this answer to all requests."""
    exchange = ScriptedExchange()
    exchange.will_answer(content, status, content_type, **more)
    return exchange


def test_a_request_is_never_repeated_or_redirected():
    for status in (200, 301, 302, 307, 308, 503):
        exchange = giving(b"[]", status)
        with contextlib.suppress(UnexpectedStatus):
            tasks.batch_poll_tasks.sync(Client(exchange), "a b/c", count=2)
        (call,) = exchange.calls
        assert (call.method, call.target, call.body) == ("GET", "/tasks/poll/batch/a%20b%2Fc?count=2", None)


def test_query_parameters_repeat_lists_spell_booleans_and_leave_out_none():
    exchange = giving(b"{}")
    workflows.get_workflow.sync(Client(exchange), "w", include_tasks=False)
    assert exchange.call.target == "/workflow/w?includeTasks=false"
    tasks.get_poll_data.sync(Client(giving(b"[]")), task_type="a&b")
    tasks.get_queue_size.sync(Client(exchange := giving(b"1")), task_type=["a", "b c"])
    assert exchange.call.target == "/tasks/queue/size?taskType=a&taskType=b+c"


def test_a_body_is_json_and_a_log_line_is_not():
    exchange = giving(b"id", content_type="text/plain;charset=UTF-8")
    result = TaskResult("t", "w", TaskResultStatus.COMPLETED, {"a": None})
    assert tasks.update_task.sync(Client(exchange), result) == "id"
    assert exchange.call.body == b'{"taskId":"t","workflowInstanceId":"w","status":"COMPLETED","outputData":{"a":null}}'
    tasks.add_task_log.sync(Client(exchange), "t", 'say "ä"')
    assert exchange.call.body == 'say "ä"'.encode()


BLANK = [b"", b"\n", b" \r\n", b"null", b"null\n"]


@pytest.mark.parametrize("content_type", ["application/json", "text/html; charset=utf-8"])
@pytest.mark.parametrize(("status", "data"), [(204, b""), *((200, data) for data in BLANK)])
def test_an_empty_answer_is_no_task_and_no_log(status, data, content_type):
    client = Client(giving(data, status, content_type))
    assert tasks.batch_poll_tasks.sync(client, "t") == []
    assert tasks.poll_task.sync(client, "t") is None
    assert tasks.update_task_v2.sync(client, TaskResult("t", "w", TaskResultStatus.COMPLETED)) is None
    assert tasks.get_task_logs.sync(client, "t") == []


def test_delivered_tasks_are_left_for_the_caller_to_decode():
    raw = tasks.batch_poll_tasks.sync(Client(giving(b'[{"taskId":1}, 5]')), "t")
    assert [bytes(each) for each in raw] == [b'{"taskId":1}', b"5"]


@pytest.mark.parametrize("status", [302, 400, 404, 499, 500, 599])
def test_an_error_status_is_raised_with_what_a_caller_needs_and_no_body_in_its_text(status):
    exchange = giving(b"the body", status, "text/plain")
    with pytest.raises(UnexpectedStatus) as caught:
        tasks.get_task.sync(Client(exchange), "secret-id")
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
        tasks.batch_poll_tasks.sync(Client(giving(data)), "t")


def test_a_delivered_task_that_is_odd_costs_the_others_nothing():
    odd = [b'{"n": "\\ud800"}', b'{"n": "\\uDC00]"}', b'{"n": NaN}', b'{"n": "\x01, \\\\"}', b"{'n': 1}", b'"\xff"']
    raw = tasks.batch_poll_tasks.sync(Client(giving(b'\n[{"n": 1},%b]\n' % b",".join(odd))), "t")
    assert [bytes(each) for each in raw] == [b'{"n": 1}', *odd]
    for each in odd[:-1]:
        assert bytes(tasks.poll_task.sync(Client(giving(each)), "t")) == each


@pytest.mark.parametrize("end", [b"", b"\\", b"\\\n"])
def test_a_text_that_never_ends_is_noticed_at_its_first_reading(end):
    """And not by reading it again from each of its quotes, which would take days."""
    with pytest.raises(UndecodableResponse):
        tasks.batch_poll_tasks.sync(Client(giving(b"[" * 2_000 + b'"' + b'\\"' * 2_500_000 + end)), "t")


@pytest.mark.parametrize("data", [b"", b"{", b"5", b'{"taskId": "t"}', b"\xff"])
def test_an_answer_of_another_shape_is_undecodable(data):
    with pytest.raises(UndecodableResponse, match=r"GET /tasks/\{task_id\}: status 200") as caught:
        tasks.get_task.sync(Client(giving(data)), "t")
    assert isinstance(caught.value, CallError)


def test_a_text_that_is_not_utf8_is_undecodable():
    with pytest.raises(UndecodableResponse, match="not UTF-8"):
        workflows.start_workflow.sync(Client(giving(b"\xff", content_type="text/plain")), {"name": "x"})


def test_a_text_that_is_not_utf8_costs_its_member_and_no_other():
    data = b'{"taskId":"t","workflowInstanceId":"w","pollCount":null,"seq":3,"outputData":{"n":"\xff"}}'
    assert tasks.get_task.sync(Client(giving(data)), "t") == Task("t", "w", seq=3)


@pytest.mark.parametrize("data", [b"<html>", b"\r\n <!DOCTYPE html>", b"\xef\xbb\xbf\n<html>"])
def test_a_page_is_undecodable_even_where_nothing_is_decoded(data):
    with pytest.raises(UndecodableResponse, match="an HTML page"):
        workflows.decide_workflow.sync(Client(giving(data, content_type="text/html; charset=utf-8")), "w")


def test_a_type_that_a_server_gives_to_all_its_answers_makes_no_page():
    """Flask's default is text/html."""
    assert get_text(giving(b"id", content_type="text/html; charset=utf-8")) == "id"
    assert get_text(giving(content_type="text/html")) == ""
    assert workflows.decide_workflow.sync(Client(giving(b"", 204, "text/html")), "w") is None


def test_no_answer_names_the_operation_and_keeps_the_cause():
    cause = ExchangeError("closed")
    with pytest.raises(NoAnswer, match=r"GET /tasks/\{task_id\}: no answer") as caught:
        tasks.get_task.sync(Client(ScriptedExchange(cause)), "t")
    assert caught.value.__cause__ is cause


def test_each_exchange_is_observed_also_one_without_an_answer():
    seen = []

    def observe(method, template, status, seconds):
        seen.append((method, template, status))
        assert seconds >= 0

    tasks.batch_poll_tasks.sync(Client(giving(b"", 204), observe=observe), "t")
    with pytest.raises(NoAnswer):
        tasks.batch_poll_tasks.sync(Client(ScriptedExchange(OSError()), observe=observe), "t")
    with pytest.raises(UnexpectedStatus):
        tasks.batch_poll_tasks.sync(Client(giving(b"", 503), observe=observe), "t")
    template = "/tasks/poll/batch/{tasktype}"
    assert seen == [("GET", template, 204), ("GET", template, 0), ("GET", template, 503)]


def test_a_struct_of_the_package_is_what_a_list_of_tasks_decodes_to():
    found = tasks.search_tasks_v2.sync(
        Client(giving(b'{"totalHits":1,"results":[{"taskId":"t","workflowInstanceId":"w"}]}'))
    )
    assert found.results == [Task("t", "w")]
    assert isinstance(found.results[0], msgspec.Struct)


def get_text(exchange):
    """An operation that takes any text as its answer."""
    return tasks.update_task.sync(Client(exchange), TaskResult("t", "w", TaskResultStatus.COMPLETED))


def test_a_body_that_the_exchange_could_not_read_is_undecodable_and_its_flaw_is_named():
    with pytest.raises(UndecodableResponse, match="status 200, a body that cannot be decompressed") as caught:
        get_text(giving(flaw="a body that cannot be decompressed"))
    assert not isinstance(caught.value, TooLarge)


def test_an_error_about_a_body_that_is_too_large_holds_its_beginning():
    with pytest.raises(TooLarge, match="status 200, a large body") as caught:
        get_text(giving(b"the beginn", flaw="a large body", is_too_large=True))
    assert caught.value.beginning == b"the beginn"


@pytest.mark.parametrize("is_too_large", [False, True])
def test_an_error_status_is_raised_whatever_its_body_is(is_too_large):
    with pytest.raises(UnexpectedStatus) as caught:
        get_text(giving(b"x", 503, flaw="odd", is_too_large=is_too_large))
    assert (caught.value.status, caught.value.content) == (503, b"")
