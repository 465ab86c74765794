"""What a function tells while it runs, as the server shows it."""

import itertools
import time

from conductor import TaskStatus, process_pool, task_context
from support import process_functions
from support.waiting import eventually

LINES = [f"line {number}" for number in range(25)]


def lines_of(logs):
    return [line for entry in logs for line in entry.log.split("\n")]


def test_lines_are_visible_while_the_function_runs_and_all_are_there_in_order_at_its_end(
    runner, tasks, workflows, a_workflow, ended
):
    def worker(task):
        for line in LINES:
            task_context().log(line)
            time.sleep(0.1)

    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    runner.start_worker(f"{name}_a", worker)
    (task,) = workflows.get_workflow(workflow_id).tasks
    early = eventually(lambda: tasks.get_logs(task.task_id))
    assert tasks.get_task(task.task_id).status == TaskStatus.IN_PROGRESS
    assert lines_of(early) == LINES[: len(lines_of(early))]
    ended(workflow_id)
    eventually(lambda: len(lines_of(tasks.get_logs(task.task_id))) >= len(LINES))
    logs = tasks.get_logs(task.task_id)
    assert lines_of(logs) == LINES
    assert all(earlier.created_time <= later.created_time for earlier, later in itertools.pairwise(logs))


def test_lines_of_a_process_are_visible_while_its_function_runs(runner, tasks, workflows, a_workflow, ended):
    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name, {"do": "tell_slowly", "with": 25})
    runner.start_worker(f"{name}_a", process_functions.work_as_given, executor=process_pool(1))
    (task,) = workflows.get_workflow(workflow_id).tasks
    eventually(lambda: tasks.get_logs(task.task_id))
    assert tasks.get_task(task.task_id).status == TaskStatus.IN_PROGRESS
    ended(workflow_id)
    eventually(lambda: lines_of(tasks.get_logs(task.task_id)) == LINES)


def test_a_task_that_is_put_off_comes_back_with_its_output(runner, workflows, a_workflow, ended):
    def worker(task):
        done = task.output_data.get("done", 0)
        if done < 2:
            task_context().in_progress(0.5, {"done": done + 1})
            return None
        return {"done": done, "polls": task_context().poll_count}

    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    runner.start_worker(f"{name}_a", worker)
    _, by_ref = ended(workflow_id)
    assert by_ref["a"].output_data == {"done": 2, "polls": 3}


def test_a_set_output_is_shown_with_a_failure(runner, workflows, a_workflow, ended):
    def worker(task):
        task_context().set_output({"done": 2})
        raise ValueError("no")

    name = a_workflow("a")
    workflow_id = workflows.start_workflow(name)
    runner.start_worker(f"{name}_a", worker)
    workflow, by_ref = ended(workflow_id)
    assert (workflow.status, by_ref["a"].output_data) == ("FAILED", {"done": 2})


def test_the_deadline_is_the_time_at_which_the_server_gives_the_task_up(runner, workflows, a_workflow, ended):
    """The task's own time limit counts from its first delivery, also by the dates that the server sends."""
    seen = []

    def worker(task):
        seen.append(task_context().seconds_left())
        if len(seen) == 1:
            task_context().in_progress(2)

    name = a_workflow("a", response_timeout_seconds=60, timeout_seconds=60)
    workflow_id = workflows.start_workflow(name)
    runner.start_worker(f"{name}_a", worker)
    ended(workflow_id)
    first, second = seen
    assert 58 < first <= 60
    assert 55 < second <= 58.1
