"""The courses through which each workflow is led."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from comparison.run import Policy, Run
from comparison.steps import Json, walk
from comparison.values import NOTHING, NUMBERS, TEXTS, Variant


class Course(NamedTuple):
    name: str
    lead: Callable[[Run, Json, int], None]
    """A function of the run, of the definition, and of the number of tasks that the worker ends if all complete."""
    variant: Variant = TEXTS


def fails(number: int, status: str = "FAILED_WITH_TERMINAL_ERROR") -> Policy:
    """The task of this number fails."""
    return lambda _, ended: status if ended == number else "COMPLETED"


def fails_at_first(task: Json, _number: int) -> str:
    return "COMPLETED" if task.get("retryCount") else "FAILED"


def always_fails(_task: Json, _number: int) -> str:
    return "FAILED"


def all_complete(run: Run, _definition: Json, _count: int) -> None:
    run.lead()


def first_attempts_fail(run: Run, _definition: Json, _count: int) -> None:
    run.lead(fails_at_first)


def fail_then_retry(run: Run, number: int) -> None:
    run.lead(fails(number), moment="failed")
    run.act("retried", "POST", f"{run.workflow_id}/retry")
    run.lead()


def first_fails_then_retry(run: Run, _definition: Json, _count: int) -> None:
    fail_then_retry(run, 0)


def middle_fails_then_retry(run: Run, _definition: Json, count: int) -> None:
    fail_then_retry(run, count // 2)


def last_fails_then_retry(run: Run, _definition: Json, count: int) -> None:
    fail_then_retry(run, max(count - 1, 0))


def all_fail_then_restart(run: Run, _definition: Json, _count: int) -> None:
    run.lead(always_fails, moment="failed")
    run.act("restarted", "POST", f"{run.workflow_id}/restart")
    run.lead()


def restart(run: Run, _definition: Json, _count: int) -> None:
    run.lead(moment="first end")
    run.act("restarted", "POST", f"{run.workflow_id}/restart")
    run.lead()


def rerun_from_middle(run: Run, _definition: Json, _count: int) -> None:
    run.lead(moment="first end")
    tasks = run.look()[0].workflow["tasks"]
    rerun_from(run, tasks[len(tasks) // 2]["taskId"] if tasks else "")


def rerun_from_a_workers_task(run: Run, _definition: Json, _count: int) -> None:
    """It may be a task of a sub-workflow."""
    run.lead(moment="first end")
    ended = run.ended_tasks
    rerun_from(run, ended[len(ended) // 2] if ended else "")


def rerun_after_failure(run: Run, _definition: Json, count: int) -> None:
    run.lead(fails(count // 2), moment="failed")
    rerun_from(run, run.ended_tasks[0] if run.ended_tasks else "")


def rerun_from(run: Run, task_id: str) -> None:
    body = {"reRunFromWorkflowId": run.workflow_id, "reRunFromTaskId": task_id}
    run.act("rerun", "POST", f"{run.workflow_id}/rerun", body)
    run.lead()


def terminate_then_retry(run: Run, _definition: Json, count: int) -> None:
    run.lead(answers=count // 2, moment="before")
    run.act("terminated", "DELETE", run.workflow_id, reason="enough")
    run.act("retried", "POST", f"{run.workflow_id}/retry")
    run.lead()


def pause_and_resume(run: Run, _definition: Json, count: int) -> None:
    run.lead(answers=count // 2, moment="before")
    run.act("paused", "PUT", f"{run.workflow_id}/pause")
    run.lead(answers=1, moment="one more task")
    run.act("resumed", "PUT", f"{run.workflow_id}/resume")
    run.lead()


def skip_second(run: Run, definition: Json, _count: int) -> None:
    skip(run, [task["taskReferenceName"] for task in definition["tasks"]][1:2])


def skip_last_of_all(run: Run, definition: Json, _count: int) -> None:
    """It may be in a branch, a loop or a fork."""
    skip(run, [task["taskReferenceName"] for task in walk(definition["tasks"])][-1:])


def skip(run: Run, refs: list[str]) -> None:
    run.mark("started")  # a server may run the first tasks after its answer
    for ref in refs:
        run.act("skipped", "PUT", f"{run.workflow_id}/skiptask/{ref}", {})
    run.lead()


def child_fails_then_its_retry(run: Run, _definition: Json, _count: int) -> None:
    """The first task in a sub-workflow fails, and then that sub-workflow is retried."""
    failed: list[str] = []

    def in_a_child(task: Json, _number: int) -> str:
        if failed or task["workflowInstanceId"] == run.workflow_id:
            return "COMPLETED"
        failed.append(task["workflowInstanceId"])
        return "FAILED_WITH_TERMINAL_ERROR"

    run.lead(in_a_child, moment="failed")
    for workflow_id in failed:
        run.act("retried", "POST", f"{workflow_id}/retry")
    run.lead()


def _courses() -> Iterator[Course]:
    yield Course("all complete", all_complete)
    yield Course("all complete, with numbers and other cases", all_complete, NUMBERS)
    yield Course("all complete, without values", all_complete, NOTHING)
    yield Course("first attempts fail", first_attempts_fail)
    yield Course("first task fails, retry", first_fails_then_retry)
    yield Course("middle task fails, retry", middle_fails_then_retry)
    yield Course("last task fails, retry", last_fails_then_retry)
    yield Course("all fail, restart", all_fail_then_restart)
    yield Course("restart", restart)
    yield Course("rerun from the middle", rerun_from_middle)
    yield Course("rerun from a worker's task", rerun_from_a_workers_task)
    yield Course("middle task fails, rerun from the first", rerun_after_failure)
    yield Course("terminate, retry", terminate_then_retry)
    yield Course("pause, resume", pause_and_resume)
    yield Course("skip the second step", skip_second)
    yield Course("skip the last step of all", skip_last_of_all)
    yield Course("a sub-workflow fails, its retry", child_fails_then_its_retry)


COURSES = tuple(_courses())
