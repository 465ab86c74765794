"""What a worker finds out about the definition of its task type, and what the server does where there is none."""

import logging

import pytest

from conductor import TaskDef, WorkflowDef, WorkflowTask
from support.waiting import eventually

OWNER = "team@example.com"


@pytest.fixture
def said(caplog):
    """A function: (level, text) of what was said of definitions so far."""
    caplog.set_level(logging.DEBUG, "conductor.runner.definitions")
    name = "conductor.runner.definitions"
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records if record.name == name]


def start_and_wait(runner, name, **options):
    """A worker, until its definition has been looked at. Returns what came to it."""
    found = []
    runner.start_worker(name, found.append, **options)
    definitions = runner._setup.definitions
    eventually(lambda: (name, None) in definitions._seen and not definitions._is_running)
    return found


def test_a_missing_definition_is_said_and_its_tasks_have_a_lease_of_an_hour(runner, workflows, name, said):
    found = start_and_wait(runner, name)
    ((level, text),) = said()
    assert level == "WARNING"
    assert text.startswith(f"no task definition is named {name}: is the name right?")
    workflows.register_workflow(WorkflowDef(name, [WorkflowTask(name, "a")], owner_email=OWNER))
    workflows.start_workflow(name)
    eventually(lambda: found)
    assert found[0].response_timeout_seconds == 3600


@pytest.mark.parametrize(
    ("lease", "lease_extension", "is_said"),
    [(None, False, True), (3600, False, True), (7200, False, True), (3600, True, False), (60, False, False)],
)
def test_a_lease_of_an_hour_is_said_unless_it_is_extended(runner, tasks, name, said, lease, lease_extension, is_said):
    tasks.register_task_defs(TaskDef(name, owner_email=OWNER, response_timeout_seconds=lease))
    start_and_wait(runner, name, lease_extension=lease_extension)
    found = said()
    assert [level for level, _ in found] == ["INFO"] * is_said
    assert all(f"{name}: a task whose worker dies comes back after {lease or 3600} s" in text for _, text in found)
