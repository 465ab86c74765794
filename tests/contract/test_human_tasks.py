"""Tasks that end from outside: HUMAN, WAIT, and those of a worker type that no worker takes. docs/human-tasks.md."""

import sys
from pathlib import Path

import pytest

from conductor import TaskDef, WorkflowDef, WorkflowTask
from conductor.errors import ApiError, NotFoundError
from support.waiting import eventually

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import approval

sys.path.pop(0)

OWNER = "team@example.com"


@pytest.fixture(params=["WAIT", "HUMAN"])
def kind(request):
    return request.param


@pytest.fixture
def waiting(workflows, name):
    """Starts a workflow whose only task waits; returns the workflow's id."""

    def start(kind, definition=None, **of_workflow):
        step = WorkflowTask(definition or f"{name}_task", "approval", type=kind)
        workflows.register_workflow(WorkflowDef(name, [step], owner_email=OWNER, **of_workflow))
        workflow_id = workflows.start_workflow(name)
        awaited = "SCHEDULED" if kind == "SIMPLE" else "IN_PROGRESS"
        eventually(lambda: [task.status for task in workflows.get_workflow(workflow_id).tasks] == [awaited])
        return workflow_id

    return start


@pytest.fixture
def the_task(workflows):
    return lambda workflow_id: workflows.get_workflow(workflow_id).tasks[0]


def test_a_waiting_task_is_completed_by_its_reference_name(waiting, kind, tasks, ended):
    workflow_id = waiting(kind)
    tasks.update_task_by_ref_name("approval", workflow_id, "COMPLETED", {"by": "Ada"})
    workflow, of_ref = ended(workflow_id)
    assert (workflow.status, of_ref["approval"].output_data) == ("COMPLETED", {"by": "Ada"})
    with pytest.raises(NotFoundError, match="no task 'approval' is pending"):
        tasks.update_task_by_ref_name("approval", workflow_id, "COMPLETED", {"by": "Bob"})


def test_a_waiting_task_is_completed_by_its_id(waiting, kind, tasks, the_task, ended):
    workflow_id = waiting(kind)
    tasks.update_task(the_task(workflow_id).task_id, workflow_id, "COMPLETED", {"by": "Ada"})
    assert ended(workflow_id)[0].status == "COMPLETED"


def test_a_refusal_fails_the_workflow(waiting, kind, tasks, ended):
    workflow_id = waiting(kind)
    tasks.update_task_by_ref_name("approval", workflow_id, "FAILED_WITH_TERMINAL_ERROR", {"by": "Ada"})
    assert ended(workflow_id)[0].status == "FAILED"


def test_notes_on_the_way_stay_in_the_output(waiting, kind, tasks, the_task, ended):
    workflow_id = waiting(kind)
    tasks.update_task_by_ref_name("approval", workflow_id, "IN_PROGRESS", {"seen": True})
    assert (the_task(workflow_id).status, the_task(workflow_id).output_data) == ("IN_PROGRESS", {"seen": True})
    tasks.update_task_by_ref_name("approval", workflow_id, "COMPLETED", {"by": "Ada"})
    assert ended(workflow_id)[1]["approval"].output_data == {"seen": True, "by": "Ada"}


def test_a_signal_ends_wait_tasks_only(waiting, kind, tasks, the_task, ended):
    workflow_id = waiting(kind)
    tasks.signal(workflow_id, "COMPLETED", {"by": "Ada"})
    if kind == "WAIT":
        assert ended(workflow_id)[1]["approval"].output_data == {"by": "Ada"}
    else:
        assert the_task(workflow_id).status == "IN_PROGRESS"


def test_the_timeout_of_a_definition_ends_a_waiting_task(waiting, kind, tasks, workflows, name, ended):
    tasks.register_task_defs(TaskDef(name, timeout_seconds=1, response_timeout_seconds=1, owner_email=OWNER))
    workflow_id = waiting(kind, definition=name)

    def is_over():
        workflows.decide(workflow_id)
        return workflows.get_workflow_status(workflow_id).status != "RUNNING"

    eventually(is_over, 10)
    workflow, of_ref = ended(workflow_id)
    assert (workflow.status, of_ref["approval"].status) == ("TIMED_OUT", "TIMED_OUT")


@pytest.mark.parametrize("kind", ["HUMAN"], indirect=True)
def test_a_search_finds_the_human_tasks_that_wait(waiting, kind, tasks):
    """It does not find WAIT tasks: the index of 3.32.3 is not told of their start."""
    workflow_id = waiting(kind)

    def found():
        answer = tasks.search("taskType=HUMAN AND status=IN_PROGRESS", sort="startTime:DESC")
        return workflow_id in {each.workflow_id for each in answer.results}

    assert eventually(found)


def test_a_task_without_a_worker_is_completed_from_outside(waiting, tasks, ended):
    workflow_id = waiting("SIMPLE")
    tasks.update_task_by_ref_name("approval", workflow_id, "COMPLETED", {"by": "Ada"})
    assert ended(workflow_id)[1]["approval"].output_data == {"by": "Ada"}


def test_the_example_asks_a_person_and_takes_the_answer(server_url, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", server_url)
    workflow_id = approval.ask(50)
    eventually(lambda: answered(workflow_id))
    with approval.WorkflowExecutor() as workflows:
        workflow = workflows.get_workflow(workflow_id)
    assert (workflow.status, workflow.output) == ("COMPLETED", {"approved_by": "Ada"})


def answered(workflow_id):
    """Whether the answer was taken: the task may not wait yet."""
    try:
        approval.answer(workflow_id, "Ada", approved=True)
    except ApiError:
        return False
    return True
