"""From an outcome to the result that is sent: total, whatever a function did."""

import math
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, strategies as st

from conductor import NonRetryableError, Task, TaskExecLog, TaskResult, TaskResultStatus, models
from conductor.task_result import CallOutcome, hand_back_result, log_entry, prepare_result
from conductor.testing import run_worker

TASK = Task("t", "w", worker_id="an earlier poller", output_data={"old": 1})


def sent(outcome):
    """What the server would get."""
    result = prepare_result(TASK, outcome, "worker-1").result
    return msgspec.json.decode(msgspec.json.encode(result))


def raised(error):
    """The outcome of a function that raises the error, with a real traceback."""

    def function():
        raise error

    try:
        function()
    except BaseException as caught:
        return CallOutcome(error=caught)


def test_status_and_worker_id_always_go_out():
    assert sent(CallOutcome()) == {
        "taskId": "t",
        "workflowInstanceId": "w",
        "status": "COMPLETED",
        "workerId": "worker-1",
    }
    assert msgspec.json.decode(msgspec.json.encode(TaskResult("t", "w"))) == {
        "taskId": "t",
        "workflowInstanceId": "w",
        "status": "COMPLETED",
        "workerId": "",
    }


def test_from_task_takes_the_ids():
    result = TaskResult.from_task(TASK)
    assert (result.task_id, result.workflow_instance_id, result.worker_id) == ("t", "w", "an earlier poller")
    assert result.status is TaskResultStatus.COMPLETED


def test_the_size_is_that_of_the_outputs_json():
    assert prepare_result(TASK, CallOutcome({"a": "ä"}), "w").size == len('{"a":"ä"}'.encode())
    assert prepare_result(TASK, CallOutcome(None), "w").size == 2


def test_a_returned_result_is_sent_as_it_is_but_for_the_ids():
    result = TaskResult(
        "other",
        "other",
        TaskResultStatus.IN_PROGRESS,
        {"done": {1, 2}},
        callback_after_seconds=timedelta(minutes=1),
        reason_for_incompletion="waiting",
    )
    result.add_log("line")
    assert sent(CallOutcome(result)) | {"logs": None} == {
        "taskId": "t",
        "workflowInstanceId": "w",
        "workerId": "worker-1",
        "status": "IN_PROGRESS",
        "outputData": {"done": [1, 2]},
        "callbackAfterSeconds": 60,
        "reasonForIncompletion": "waiting",
        "logs": None,
    }
    assert result.task_id == "other"


def test_a_callback_is_rounded_up_to_whole_seconds():
    result = TaskResult("t", "w", TaskResultStatus.IN_PROGRESS, callback_after_seconds=1.2)
    assert sent(CallOutcome(result))["callbackAfterSeconds"] == 2


@pytest.mark.parametrize(
    "bad",
    [
        {"status": "SCHEDULED"},
        {"status": None},
        {"callback_after_seconds": math.nan},
        {"callback_after_seconds": "soon"},
        {"output_data": {"x": object()}},
        {"logs": ["text"]},
        {"sub_workflow_id": object()},
    ],
)
def test_a_returned_result_that_cannot_be_sent_fails_for_good(bad):
    result = sent(CallOutcome(msgspec.structs.replace(TaskResult("t", "w"), **bad)))
    assert result["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert result["reasonForIncompletion"].startswith("the result cannot be sent: ")


def test_a_plain_string_is_a_status_too():
    assert sent(CallOutcome(TaskResult("t", "w", "FAILED")))["status"] == "FAILED"


def test_an_exception_gives_type_message_and_traceback_from_the_users_frame_on():
    result = sent(raised(KeyError("order")))
    assert result["status"] == "FAILED"
    assert result["reasonForIncompletion"] == "KeyError: 'order'"
    (entry,) = result["logs"]
    assert entry["taskId"] == "t"
    assert entry["log"].count("File ") == 1
    assert "in function" in entry["log"]


def fail(order):
    raise KeyError(order)


def fail_with_task(task):
    raise KeyError(task.task_id)


async def fail_later(order):
    raise KeyError(order)


@pytest.mark.parametrize("function", [fail, fail_with_task, fail_later])
def test_the_traceback_begins_with_the_function_however_it_gets_its_arguments(function):
    (entry,) = run_worker(function, {"order": "a-1"}).logs
    assert entry.log.count("File ") == 1
    assert f"in {function.__name__}" in entry.log


def test_a_call_that_has_no_frame_of_the_user_keeps_the_frame_of_the_call():
    (entry,) = run_worker(len).logs
    assert entry.log.count("File ") == 1


def test_a_reason_is_cut_where_the_server_cuts_it():
    assert len(sent(raised(ValueError("x" * 600)))["reasonForIncompletion"]) == 500


def test_an_exception_without_a_text_is_its_type():
    assert sent(raised(TimeoutError()))["reasonForIncompletion"] == "TimeoutError"


def test_an_exception_whose_text_cannot_be_made_is_reported_all_the_same():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    assert sent(raised(Mute()))["reasonForIncompletion"] == "Mute: <its text could not be made>"


def test_an_exception_whose_traceback_cannot_be_made_is_reported_all_the_same():
    class Unreadable(NonRetryableError):
        @property
        def __traceback__(self):
            raise SystemExit

    result = sent(raised(SyntaxError("bad", ("file", "line", "column", 3))))  # as no compiler would make it
    assert (result["status"], result["reasonForIncompletion"]) == ("FAILED", "SyntaxError: bad (file)")
    assert result["logs"][0]["log"].startswith("its traceback could not be made: AttributeError: ")
    result = sent(CallOutcome(error=Unreadable("no")))
    assert result["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert result["reasonForIncompletion"] == "Unreadable: no"
    assert result["logs"][0]["log"] == "its traceback could not be made: SystemExit"


def test_an_exception_with_a_text_of_its_own_kind_is_reported_all_the_same():
    class Odd(str):
        __slots__ = ()

        def __bool__(self):
            raise RuntimeError

    class Speaking(Exception):
        def __str__(self):
            return Odd("text")

    assert sent(raised(Speaking()))["reasonForIncompletion"] == "Speaking: <its text could not be made>"


def test_text_that_is_not_unicode_is_sent_with_question_marks():
    result = sent(CallOutcome(error=ValueError("bad \ud800"), logs=[log_entry("t", "log \udfff")]))
    assert result["reasonForIncompletion"] == "ValueError: bad ?"
    assert result["logs"][0]["log"] == "log ?"


def test_a_huge_traceback_keeps_its_end():
    def deep(levels):
        if levels % 2:
            return deep(levels - 1)
        if levels:
            return deep(levels - 1) + 0
        raise ValueError("the end")

    try:
        deep(500)
    except ValueError as error:
        (entry,) = sent(CallOutcome(error=error))["logs"]
    assert len(entry["log"]) <= 16_000
    assert entry["log"].endswith("ValueError: the end\n")


def test_a_non_retryable_error_counts_as_a_cause_but_not_as_a_mere_context():
    def chained(explicit):
        try:
            raise NonRetryableError("inner")
        except NonRetryableError as inner:
            if explicit:
                raise OSError("outer") from inner
            raise OSError("outer")

    statuses = []
    for explicit in (True, False):
        try:
            chained(explicit)
        except OSError as error:
            statuses.append(sent(CallOutcome(error=error))["status"])
    assert statuses == ["FAILED_WITH_TERMINAL_ERROR", "FAILED"]


def test_a_non_retryable_error_counts_in_a_group():
    group = ExceptionGroup("of a TaskGroup", [ValueError("a"), NonRetryableError("b")])
    assert sent(CallOutcome(error=group))["status"] == "FAILED_WITH_TERMINAL_ERROR"


def test_a_coroutine_that_nobody_awaits_is_a_clear_failure():
    async def function():
        pass

    result = sent(CallOutcome(function()))
    assert result["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert "returned a coroutine" in result["reasonForIncompletion"]


def test_a_result_beside_an_error_as_in_go_is_a_clear_failure():
    returned = TaskResult.from_task(TASK)
    for value, kind in (((returned, None), "tuple"), ((None, returned), "tuple"), ([returned], "list")):
        result = run_worker(lambda task, value=value: value)
        text = f"the result cannot be sent: return the TaskResult alone: the function returned a {kind} with one in it"
        assert (result.status, result.reason_for_incompletion) == ("FAILED_WITH_TERMINAL_ERROR", text)


def test_a_returned_result_is_never_a_mere_lease_extension():
    assert "extendLease" not in sent(CallOutcome(TaskResult("t", "w", extend_lease=True)))


def test_a_circle_of_causes_ends():
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert sent(CallOutcome(error=first))["status"] == "FAILED"


def test_a_non_retryable_error_counts_at_the_end_of_a_long_chain():
    error = NonRetryableError("the first")
    for number in range(3_000):
        following = ValueError(number)
        following.__cause__ = error
        error = following
    result = sent(CallOutcome(error=error))
    assert result["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert result["reasonForIncompletion"] == "ValueError: 2999"
    assert result["logs"][0]["log"].endswith("ValueError: 2999\n")


def compares_as_nothing(self, other):
    raise ZeroDivisionError


@pytest.mark.parametrize("compares", [lambda self, other: True, compares_as_nothing], ids=["equal", "not at all"])
def test_a_non_retryable_error_counts_however_the_errors_on_the_way_to_it_compare(compares):
    kind = type("Comparing", (Exception,), {"__eq__": compares, "__hash__": None})
    outer, inner = kind("outer"), kind("inner")
    outer.__cause__, inner.__cause__ = inner, NonRetryableError("no")
    assert sent(CallOutcome(error=inner.__cause__))["status"] == "FAILED_WITH_TERMINAL_ERROR"
    result = sent(CallOutcome(error=outer))
    assert (result["status"], result["reasonForIncompletion"]) == ("FAILED_WITH_TERMINAL_ERROR", "Comparing: outer")


def test_logs_of_the_context_come_before_the_results_and_the_traceback_last():
    lines = [log_entry("t", f"line {number}") for number in range(14)]
    logs = sent(CallOutcome(error=raised(OSError("x")).error, logs=lines))["logs"]
    assert len(logs) == 10
    assert logs[0]["log"] == "\n".join(f"line {number}" for number in range(6))
    assert [entry["log"] for entry in logs[1:9]] == [f"line {number}" for number in range(6, 14)]
    assert "OSError: x" in logs[9]["log"]


def test_a_log_entry_carries_milliseconds():
    entry = log_entry("t", "line")
    assert isinstance(entry, TaskExecLog)
    assert entry.created_time > 1.6e12


def test_a_hand_back_keeps_the_tasks_output():
    result = hand_back_result(TASK)
    assert (result.status, result.output_data, result.callback_after_seconds) == ("IN_PROGRESS", {"old": 1}, 0)


@given(st.recursive(st.none() | st.floats() | st.text() | st.binary() | st.builds(object), st.lists))
def test_any_value_becomes_a_result_that_can_be_sent(value):
    assert sent(CallOutcome(value))["status"] in ("COMPLETED", "FAILED_WITH_TERMINAL_ERROR")


def test_a_result_of_the_generated_class_is_a_result_too():
    given = models.TaskResult(
        "?", "?", "FAILED", {"a": 1}, reason_for_incompletion="broken", logs=[TaskExecLog("said")]
    )
    expected = {
        "status": "FAILED",
        "outputData": {"a": 1},
        "reasonForIncompletion": "broken",
        "logs": [{"log": "said"}],
    }
    assert sent(CallOutcome(given)) == {"taskId": "t", "workflowInstanceId": "w", "workerId": "worker-1", **expected}


@pytest.mark.parametrize("logs", ["half done", ["half done"], 5, {"log": "half done"}])
def test_logs_of_another_type_are_named(logs):
    result = prepare_result(TASK, CallOutcome(TaskResult("t", "w", logs=logs)), "me").result
    assert result.status == "FAILED_WITH_TERMINAL_ERROR"
    assert result.reason_for_incompletion == f"the result cannot be sent: logs must be TaskExecLogs, not {logs!r}"


def test_no_list_of_logs_is_an_empty_one():
    assert prepare_result(TASK, CallOutcome(TaskResult("t", "w", logs=None)), "me").result.status == "COMPLETED"
