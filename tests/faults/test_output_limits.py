"""Outputs at the edge of what JSON and a server hold: they arrive, or are refused before they are sent."""

import base64
import json
import logging
import math

import msgspec
import pytest
from hypothesis import example, given, settings, strategies as st

from conductor import TaskResult, TaskResultStatus, task_context
from conductor.testing import run_worker
from support.outputs import (
    CIRCLE,
    FINAL,
    Colour,
    Float64,
    Item,
    Order,
    Point,
    Text,
    one_bad_value,
    output_of,
    refusal_of,
    repeatably,
    sent,
)
from support.waiting import eventually

LARGEST = 10_485_760  # bytes


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, Float64("nan")])
def test_w8_nan_and_infinity_are_refused_wherever_they_are(number):
    for value, path in (
        (number, "output"),
        ({"items": [{}, {"rate": number}]}, "items[1].rate"),
        ({"o": Order([], when=number)}, "o.when"),
        ({"i": Item(number)}, "i.unit_price"),
        ([Point(1, number)], "[0][1]"),
    ):
        assert refusal_of(value) == f"{path}: NaN and infinity have no JSON form"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, Float64("nan")])
def test_w8_nan_and_infinity_are_refused_as_keys_too(number):
    assert refusal_of({"rates": [{"a": 1, number: 2}]}) == "rates[0]: a key that is NaN or infinite has no JSON form"
    assert output_of({"nan": 1, "-inf": 2, 0.5: 3}) == {"nan": 1, "-inf": 2, "0.5": 3}


@repeatably
@given(st.recursive(st.floats() | st.none() | st.just("NaN"), lambda inner: st.lists(inner) | st.tuples(inner, inner)))
def test_w8_no_nan_arrives_as_null(value):
    is_finite = "nan" not in repr(value) and "inf" not in repr(value)
    assert sent(value)["status"] == ("COMPLETED" if is_finite else FINAL)


def test_w9_a_circle_is_refused_where_it_closes():
    value = {"order": {"lines": []}}
    value["order"]["lines"].append(value["order"])
    assert refusal_of(value) == "order.lines[0]: circular"
    assert refusal_of(CIRCLE) == "[0]: circular"


@settings(repeatably, max_examples=30)  # each walks a thousand levels
@given(one_bad_value(bad=st.just(CIRCLE)))
def test_w9_a_circle_is_found_at_any_depth(value_and_path):
    value, path = value_and_path
    place = "[0]" if path == "output" else f"{path}[0]"
    assert refusal_of(value) == f"{place}: circular"


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@repeatably
@given(st.integers(950, 1050) | st.integers(1, 20_000))
@example(998)
@example(999)
def test_w10_nesting_is_refused_as_soon_as_the_server_cannot_read_the_request(levels):
    """It reads 1,000 levels, and the result and its output are two."""
    if levels <= 998:
        assert output_of({"deep": nested(levels)})["deep"]
    else:
        assert "nested over 1000 levels" in refusal_of({"deep": nested(levels)})


@repeatably
@given(st.integers(1, 1200), st.sampled_from([1, -1]))
@example(1000, 1)
@example(1001, 1)
def test_w10_a_number_is_refused_beyond_a_thousand_digits(digits, sign):
    number = sign * (10 ** (digits - 1))
    if digits <= 1000:
        assert output_of({"n": [number]}) == {"n": [number]}
    else:
        assert refusal_of({"n": [number]}) == "n[0]: a number of over 1000 digits"


def test_w10_digits_in_a_text_are_no_number():
    assert output_of({"digits": "9" * 2000, "n": 10**999}) == {"digits": "9" * 2000, "n": 10**999}


def test_w11_an_output_is_refused_beyond_ten_mebibytes_with_its_size():
    rest = len('{"a":""}')
    assert run_worker(lambda task: {"a": "x" * (LARGEST - rest)}).status == "COMPLETED"
    assert f"{LARGEST + 1} bytes" in refusal_of({"a": "x" * (LARGEST + 1 - rest)})
    assert f"{LARGEST + 2} bytes" in refusal_of({"a": "x" * (LARGEST - rest) + "ä"})


def test_w11_an_output_of_over_a_megabyte_is_a_warning_and_a_number(server, runner, counted, caplog):
    server.add_tasks("large", 2)
    runner.start_worker("large", lambda task: {"a": "x" * (900_000 if task.task_id == "t1" else 1_100_000)})
    eventually(lambda: server.accepted == {"t1": "COMPLETED", "t2": "COMPLETED"})
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "t2" in warning.getMessage()
    assert "1100008" in warning.getMessage()
    assert counted("task_result_size_bytes_sum", taskType="large") == 900_008 + 1_100_008


any_text = st.text(st.characters(exclude_categories=()))


@repeatably
@given(any_text, st.binary())
@example("\x00\x1f\x7f\ufeff\uffff", b"\x00\xff")
@example("\ud83d\ude00", b"")
def test_w12_text_and_bytes_arrive_whole_and_half_characters_are_refused(text, data):
    assert base64.b64decode(output_of([data])["result"][0]) == data
    if text.isprintable() or text == text.encode("utf-8", "ignore").decode():
        assert output_of({"a": text, "k" + text: 1}) == {"a": text, "k" + text: 1}
    else:
        assert refusal_of({"a": [text]}) == "a[0]: text that is not valid Unicode"
        assert refusal_of({"a": {text: 1}}) == "a: text that is not valid Unicode"


@repeatably
@given(any_text)
def test_w12_no_text_of_a_failure_keeps_it_from_being_sent(text):
    def worker(task):
        task_context().log(text)
        raise ValueError(text)

    def returning(task):
        result = TaskResult("t", "w", TaskResultStatus.FAILED, reason_for_incompletion=text)
        result.add_log(text)
        return result

    for function in (worker, returning):
        result = json.loads(msgspec.json.encode(run_worker(function)))
        assert result["status"] == "FAILED"
        assert result["logs"][0].get("log", "") == text.encode("utf-8", "replace").decode()


def test_w12_a_failure_with_half_a_character_is_accepted(server, runner, caplog):
    def worker(task):
        raise ValueError("bad \ud800")

    caplog.set_level(logging.CRITICAL, "conductor")  # pytest-xdist cannot hand on the traceback in the log
    server.add_task("t")
    runner.start_worker("t", worker)
    eventually(lambda: server.accepted == {"t1": "FAILED"})
    assert server.task("t1")["reasonForIncompletion"] == "ValueError: bad ?"


keys = st.integers(-20, 20) | st.integers(-20, 20).map(str) | st.sampled_from([Colour.RED, "red", Text("1")])


@repeatably
@given(st.dictionaries(keys, st.just(0)))
def test_w13_keys_that_are_the_same_text_are_refused_and_no_others(mapping):
    texts = [str(key.value if isinstance(key, Colour) else key) for key in mapping]
    if len(set(texts)) == len(texts):
        assert output_of({"a": mapping}) == {"a": dict.fromkeys(texts, 0)}
    else:
        assert refusal_of({"a": mapping}).startswith("a: two keys that are ")


structured = st.recursive(
    st.none() | st.booleans() | st.just(Order), lambda inner: st.tuples(inner) | st.frozensets(inner, min_size=1)
)


@repeatably
@given(structured)
def test_w13_structured_keys_are_refused_by_their_type(key):
    assert refusal_of({"a": [{"b": 1, key: 2}]}) == f"a[0]: a key of type {type(key).__name__} has no JSON form"


@repeatably
@given(st.text() | st.booleans() | st.integers(-(2**70), 2**70) | st.lists(st.integers()))
def test_w22_a_value_that_is_no_mapping_is_the_result(value):
    assert output_of(value) == {"result": value}


def test_w22_none_is_an_empty_output():
    assert output_of(None) == {}


@repeatably
@given(any_text, any_text, any_text, st.sampled_from(TaskResultStatus))
def test_w22_a_result_of_another_task_becomes_one_of_this_task(task_id, workflow_instance_id, worker_id, status):
    returned = TaskResult(task_id, workflow_instance_id, status, {"x": 1}, worker_id=worker_id)
    result = sent(returned)
    assert (result["taskId"], result["workflowInstanceId"], result["workerId"]) == (
        "task-1",
        "workflow-1",
        "test-worker",
    )
    assert (result["status"], result["outputData"]) == (status, {"x": 1})
    assert returned.task_id == task_id  # the function's own object is left alone


def test_w22_a_result_of_another_task_ends_this_one(server, runner):
    server.add_tasks("t", 2)
    returned = TaskResult("t2", "elsewhere", TaskResultStatus.COMPLETED, {"x": 1}, worker_id="else")
    runner.start_worker("t", lambda task: returned)
    eventually(lambda: server.accepted == {"t1": "COMPLETED", "t2": "COMPLETED"})
    assert [result["workflowInstanceId"] for result in server.results()] == ["w1", "w2"]
    assert {result["workerId"] for result in server.results()} == {"worker-1"}
