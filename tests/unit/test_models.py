"""The types that users meet."""

import typing

import conductor_client.models
import msgspec
import pytest
from conductor_client.base import Definition

import conductor
from conductor import TaskResult, TaskResultStatus

DEFINITIONS = [
    each
    for each in vars(conductor_client.models).values()
    if isinstance(each, type) and issubclass(each, Definition) and each is not Definition
]


def types_in(hint):
    """The classes that a type hint names."""
    return {hint} if isinstance(hint, type) else set().union(*map(types_in, typing.get_args(hint)))


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_whatever_a_definition_needs_is_exported(definition):
    needed = {definition}.union(*map(types_in, typing.get_type_hints(definition).values()))
    for each in (each for each in needed if each.__module__.startswith("conductor_client.models")):
        assert getattr(conductor, each.__name__) is getattr(conductor.models, each.__name__) is each
        assert each.__name__ in conductor.__all__


def test_a_result_takes_its_first_members_by_position_and_no_others():
    result = TaskResult("t", "w", TaskResultStatus.FAILED, {"a": 1}, callback_after_seconds=5)
    assert (result.task_id, result.workflow_instance_id, result.status, result.output_data) == (
        "t",
        "w",
        "FAILED",
        {"a": 1},
    )
    with pytest.raises(TypeError, match="positional"):
        TaskResult("t", "w", TaskResultStatus.FAILED, {}, 5)


def test_a_results_repr_shows_no_output():
    result = TaskResult("t", "w", output_data={"card": "4111"}, worker_id="me")
    assert repr(result) == (
        "TaskResult(task_id='t', workflow_instance_id='w', "
        "status=<TaskResultStatus.COMPLETED: 'COMPLETED'>, worker_id='me')"
    )
    assert msgspec.json.decode(msgspec.json.encode(result))["outputData"] == {"card": "4111"}
