"""Types that list the texts of a closed set: they list what the package accepts."""

from typing import get_args

import pytest
from conductor_client.models.workflow_task_type import WorkflowTaskTypeText

from conductor import models
from conductor.testing import DevServer
from conductor.testing.server.faults import NAMES
from conductor.testing.server.operations import FaultKind, Operation
from conductor.testing.server.routes import OPERATIONS


def texts(union):
    """The texts of the Literal in a union with an enum."""
    (literal,) = (each for each in get_args(union) if get_args(each))
    return set(get_args(literal))


@pytest.mark.parametrize(
    ("union", "enum"), [(models.ResultStatus, models.TaskResultStatus), (models.Strategy, models.IdempotencyStrategy)]
)
def test_a_member_of_an_enum_may_be_given_as_text(union, enum):
    assert texts(union) == {str(member) for member in enum}


def test_each_type_of_a_step_may_be_given_as_text():
    assert set(get_args(WorkflowTaskTypeText)) == {str(member) for member in models.WorkflowTaskType}


def test_each_operation_of_the_embedded_server_has_its_place_in_the_type():
    paths = {operation.replace(" /api/", " /") for operation in OPERATIONS}
    assert set(get_args(Operation)) == NAMES.keys() | paths


def test_each_kind_of_fault_is_a_method():
    with DevServer() as server:
        assert all(callable(getattr(server.faults, kind)) for kind in get_args(FaultKind))
