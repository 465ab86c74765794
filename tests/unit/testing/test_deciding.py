"""Deciding has no effects, and the types of tasks are independent of each other."""

import copy

import pytest

from conductor.testing.engine.deciding.decider import decide
from conductor.testing.engine.definitions.blueprints import Blueprints
from conductor.testing.engine.definitions.definitions import Definitions
from conductor.testing.engine.tasks.kind import Making
from conductor.testing.engine.tasks.registry import KINDS, Kinds
from conductor.testing.engine.tasks.stubs import Stubs


@pytest.fixture
def deciding(world):
    """The decision about a workflow some seconds from now, and the workflow before and after it."""

    def deciding(workflow_id, seconds=0):
        kinds = Kinds(Stubs())
        state = world.engine._state
        workflow = state.workflow(workflow_id)
        blueprints = Blueprints(state.store, kinds, Definitions(state.store), strict_inputs=False)
        before = snapshot(workflow)
        decision = decide(Making(workflow, state.now_ms + 1000 * seconds, kinds, blueprints, state.scripts))
        return decision, before, snapshot(workflow)

    return deciding


def snapshot(workflow):
    tasks = [(copy.deepcopy(task.wire), task.visible_at, task.wait_until) for task in workflow.tasks]
    return copy.deepcopy(workflow.wire), tasks, workflow.timer


def test_deciding_changes_nothing_when_tasks_time_out_and_are_tried_again(world, build, deciding):
    world.task_def("a", responseTimeoutSeconds=10, retryCount=1)
    workflow_id = world.start(build.simple("a"), build.simple("b"))
    world.take("a")
    decision, before, after = deciding(workflow_id, 20)
    assert [change.draft.status for change in decision.changes] == ["TIMED_OUT"]
    assert [(task.ref, task.wire["retryCount"]) for task in decision.scheduled.values()] == [("a", 1)]
    assert before == after


def test_deciding_changes_nothing_when_the_workflow_is_to_end(world, build, deciding):
    world.task_def("a", timeoutSeconds=10, responseTimeoutSeconds=10, timeoutPolicy="TIME_OUT_WF")
    workflow_id = world.start(build.simple("a"))
    world.take("a")
    decision, before, after = deciding(workflow_id, 20)
    assert (decision.termination.status, decision.termination.task.ref) == ("TIMED_OUT", "a")
    assert decision.termination.task is decision.changes[0].task
    assert before == after
    assert world.status(workflow_id) == "RUNNING"


def test_nothing_is_to_be_done_while_a_worker_has_the_task(world, build, deciding):
    workflow_id = world.start(build.simple("a"))
    world.take("a")
    decision, before, after = deciding(workflow_id)
    assert (decision.changes, decision.scheduled, decision.is_complete) == ([], {}, False)
    assert before == after


def test_workers_get_simple_tasks_and_those_of_unknown_types_alone():
    kinds = Kinds(Stubs())
    assert [name for name in KINDS if kinds.of_step({"type": name}).for_workers] == ["SIMPLE"]
    assert kinds.of_step({"type": "OWN"}).for_workers
