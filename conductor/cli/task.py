"""``conductor-worker task``: looks at tasks, and changes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from rich.console import Group
from rich.text import Text

from conductor.cli.output import details, pretty_json, shown, table
from conductor.cli.session import Session, with_session
from conductor.cli.values import JsonObject, OneOf
from conductor.cli.words import Commands
from conductor.executor import TaskExecutor
from conductor.models import TaskExecLog, TaskResultStatus, TaskStatus
from conductor.operating.tasks import logs_of, search_query, task_id_needed, update_open_task
from conductor.operating.times import moment


@click.group("task", cls=Commands)
def command() -> None:
    """Look at tasks, and change them."""


@command.command("get")
@click.argument("task_id")
@with_session
def get(session: Session, task_id: str) -> None:
    """Show a task with its input and its output."""
    with task_id_needed(session.client, task_id):
        task = TaskExecutor(session.client).get_task(task_id)
    members = details(
        [
            ("task", task.task_id),
            ("type", task.task_type),
            ("status", task.status),
            ("reason", task.reason_for_incompletion),
            ("workflow", f"{task.workflow_instance_id} ({task.workflow_type})"),
            ("reference name", task.reference_task_name),
            ("domain", task.domain),
            ("worker", task.worker_id),
            ("retries", task.retry_count),
            ("polls", task.poll_count),
            ("scheduled", moment(task.scheduled_time)),
            ("started", moment(task.start_time)),
            ("updated", moment(task.update_time)),
            ("ended", moment(task.end_time)),
            ("input stored at", task.external_input_payload_storage_path),
            ("output stored at", task.external_output_payload_storage_path),
        ]
    )
    texts = Group(members, "input", pretty_json(task.input_data), "output", pretty_json(task.output_data))
    session.output.show(task, texts)


@command.command("update")
@click.argument("task_id")
@click.option("--status", type=OneOf(TaskResultStatus), required=True)
@click.option(
    "--output", type=JsonObject(), help="A JSON object, @FILE, or - for stdin. By default the output stays as it is."
)
@click.option("--reason", metavar="TEXT", help="The reason of a failure.")
@click.option("--callback", metavar="SECONDS", type=float, help="With IN_PROGRESS: deliver the task again after it.")
@with_session
def update(
    session: Session,
    *,
    task_id: str,
    status: Any,
    output: dict[str, Any] | None,
    reason: str | None,
    callback: float | None,
) -> None:
    """Send a task's result."""
    executor = TaskExecutor(session.client)
    with task_id_needed(session.client, task_id):
        task = update_open_task(executor, task_id, status, output, reason=reason, callback_after=callback)
    sent = {"taskId": task_id, "workflowInstanceId": task.workflow_instance_id, "status": status}
    session.output.show(sent, shown(f"{task.task_type} {task_id}: {status} is sent"))


@command.command("logs")
@click.argument("task_id")
@with_session
def logs(session: Session, task_id: str) -> None:
    """Show the log of a task, oldest entry first."""
    with task_id_needed(session.client, task_id):
        found = logs_of(TaskExecutor(session.client), task_id)
    session.output.show(found, Text("\n").join(line for each in found for line in _lines(each)))


def _lines(entry: TaskExecLog) -> Iterator[Text]:
    """The lines of a log's entry, of which the first one has the time."""
    time = f"{moment(entry.created_time)}  "
    for line in (entry.log or "").splitlines() or [""]:
        yield shown(time + line)
        time = " " * len(time)


@command.command("search")
@click.argument("query", default="")
@click.option("--task", "task_type", metavar="NAME", help="Only tasks of this type.")
@click.option("--status", type=OneOf(TaskStatus), help="Only tasks of this status.")
@click.option("--text", default="*", show_default=True, help="Words that the server's index looks for.")
@click.option("--size", type=click.IntRange(1), default=20, show_default=True, help="The most tasks to show.")
@click.option("--sort", default="startTime:DESC", show_default=True, metavar="MEMBER:ASC|DESC")
@with_session
def search(
    session: Session, *, query: str, task_type: str | None, status: str | None, text: str, size: int, sort: str
) -> None:
    """Search the server's index of tasks.

    QUERY: conditions such as "workflowType=order AND status=FAILED".
    """
    conditions = search_query(query, taskType=task_type, status=status)
    found = TaskExecutor(session.client).search(conditions, free_text=text, size=size, sort=sort)
    columns = ["task", "type", "status", "workflow", "updated", "reason"]
    rows = [
        (each.task_id, each.task_type, each.status, each.workflow_id, each.update_time, each.reason_for_incompletion)
        for each in found.results
    ]
    session.output.show(found, Group(table(columns, rows), f"{len(rows)} of {found.total_hits or 0}"))


@command.command("requeue")
@click.argument("task_name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_session
def requeue(session: Session, task_name: str, *, yes: bool) -> None:
    """Put all open tasks of a type into its queue again.

    This includes tasks that a worker executes now: they are then executed twice.
    """
    if not yes:
        click.confirm(f"Put all open tasks {task_name!r} into the queue again, running ones too?", abort=True, err=True)
    count = TaskExecutor(session.client).requeue(task_name)
    session.output.show({"taskType": task_name, "requeued": count}, shown(f"{count} tasks are in the queue again"))
