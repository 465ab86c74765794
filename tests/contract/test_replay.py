"""A replay finds on each server what a worker has left there, and changes nothing."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from conductor import NonRetryableError, task_context
from conductor.replaying.recording import recording_of
from conductor.replaying.replay import Replayer
from conductor.testing import run_worker


def typical(task):
    task_context().log("a line")
    moment = datetime(2026, 1, 31, 10, tzinfo=UTC)
    return {
        "given": task.input_data["given"],
        "numbers": [1, 1.5, -0.0, 1e21, 2**53 + 1, Decimal("9.90")],
        "nothing": None,
        "nested": {"a b": [[], {}, "ü\u202e\n"], "at": moment},
        "ids": [task_context().task_id, task_context().workflow_instance_id],
    }


def fails(task):
    task_context().set_output({"half": True})
    raise ValueError("no stock" * 100)


def fails_for_good(task):
    raise NonRetryableError("no such order")


@pytest.mark.parametrize("function", [typical, fails, fails_for_good], ids=lambda function: function.__name__)
def test_the_same_function_has_the_recorded_result(function, runner, tasks, workflows, a_workflow, ended):
    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name, {"order": ["ü", 5, None, {"x": 1.5}]})
    runner.start_worker(f"{name}_a", function)
    task = ended(workflow_id)[1]["a"]
    before = tasks.get_task(task.task_id)
    recording = recording_of(tasks, task.task_id)
    replay = Replayer(function).replay(recording)
    assert replay.differences == []
    assert replay.is_same, replay
    assert replay.is_good is (function is typical)
    assert tasks.get_task(task.task_id) == before
    assert run_worker(function, **recording.case()).output_data == replay.here.output_data


def test_a_task_that_was_put_off_is_replayed_without_its_earlier_output(runner, tasks, workflows, a_workflow, ended):
    def asks_twice(task):
        return {"asked": 2} if task.output_data else task_context().in_progress(0, {"asked": 1})

    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    runner.start_worker(f"{name}_a", asks_twice)
    recording = recording_of(tasks, ended(workflow_id)[1]["a"].task_id)
    assert recording.lacks_earlier_output
    replay = Replayer(asks_twice).replay(recording)
    assert (replay.recorded.output_data, replay.here.output_data) == ({"asked": 2}, {"asked": 1})
