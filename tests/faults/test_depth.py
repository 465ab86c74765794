"""JSON that is nested nearly as deep as Python can follow, or deeper: no result is lost for it, and no other task."""

from dataclasses import replace

import pytest

from conductor import TaskResultStatus
from support.spelling import as_coroutine
from support.waiting import eventually

COMPLETED, FAILED = TaskResultStatus.COMPLETED, TaskResultStatus.FAILED
FINAL = TaskResultStatus.FAILED_WITH_TERMINAL_ERROR
LEVELS = range(900, 1010, 3)


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("spell", [lambda function: function, as_coroutine])
def test_w10_an_output_of_any_depth_arrives_or_is_refused_with_its_path(server, runner, lost, spell):
    ids = {server.add_task("t", inputData={"levels": levels}): levels for levels in LEVELS}
    runner.start_worker("t", spell(lambda task: {"deep": nested(task.input_data["levels"])}), batch_size=4)
    eventually(lambda: server.accepted.keys() == ids.keys())
    for task_id, levels in ids.items():
        if server.accepted[task_id] == FINAL:
            reason = server.task(task_id)["reasonForIncompletion"]
            assert levels > 900
            assert "deep[0][0]" in reason
            assert "nested over" in reason
    assert COMPLETED in server.accepted.values()
    assert lost == []


@pytest.mark.parametrize("levels", [999, 100_000])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_s19_a_task_that_is_nested_too_deep_to_be_read_fails_and_costs_no_other(server, runner, levels, batch_size):
    def deepen(exchange):
        answer = exchange.apply()
        exchange.send(replace(answer, body=answer.content.replace(b'"DEEP"', b"[" * levels + b"]" * levels)))

    server.fault("poll", deepen)
    server.fault("update_v2", deepen)
    ids = server.add_tasks("t", 1)
    deep = server.add_task("t", inputData={"a": 'not "the" [end}', "deep": "DEEP"})
    ids += server.add_tasks("t", 1)
    runner.start_worker("t", lambda task: None, batch_size=batch_size)
    eventually(lambda: server.accepted.keys() == {*ids, deep})
    ends = dict(server.accepted)
    if ends.pop(deep) == FAILED or levels > 1000:  # some Pythons can follow 999
        assert "the worker cannot read this task" in server.task(deep)["reasonForIncompletion"]
    assert ends == dict.fromkeys(ids, COMPLETED)
