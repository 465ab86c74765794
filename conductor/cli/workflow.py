"""``conductor-worker workflow``: starts workflows, looks at them, and changes them."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Group, RenderableType

from conductor.cli.output import console, details, folded_table, live, pretty_json, shown, table
from conductor.cli.session import Session, with_session
from conductor.cli.values import INTERRUPTED, Interval, JsonObject
from conductor.cli.words import Commands
from conductor.errors import ConfigurationError
from conductor.models import Task, Workflow, WorkflowStatus
from conductor.operating.times import moment
from conductor.operating.workflow_watch import Change, WorkflowWatch
from conductor.workflow_executor import WorkflowExecutor


@click.group("workflow", cls=Commands)
def command() -> None:
    """Start workflows, look at them, and change them."""


@command.command("start")
@click.argument("name")
@click.option("--input", "input_data", type=JsonObject(), default="{}", help="A JSON object, @FILE, or - for stdin.")
@click.option("--version", type=click.IntRange(0), help="The version of the definition. By default the latest one.")
@click.option("--correlation-id", metavar="TEXT")
@click.option(
    "--domain", "domains", metavar="TASK=DOMAIN", multiple=True, help="The domain of a task. May be repeated."
)
@click.option("--priority", type=click.IntRange(0, 99), default=0, show_default=True)
@with_session
def start(
    session: Session,
    *,
    name: str,
    input_data: dict[str, Any],
    version: int | None,
    correlation_id: str | None,
    domains: tuple[str, ...],
    priority: int,
) -> None:
    """Start a workflow, and print its id."""
    workflow_id = WorkflowExecutor(session.client).start_workflow(
        name,
        input_data,
        version=version,
        correlation_id=correlation_id,
        task_to_domain=dict(map(_domain, domains)),
        priority=priority,
    )
    session.output.show({"workflowId": workflow_id}, shown(workflow_id))


def _domain(text: str) -> tuple[str, str]:
    task_name, equals, domain = text.partition("=")
    if not (task_name and equals and domain):
        raise ConfigurationError(f"--domain must be TASK=DOMAIN, not {text!r}")
    return task_name, domain


@command.command("get")
@click.argument("workflow_id")
@with_session
def get(session: Session, workflow_id: str) -> None:
    """Show a workflow with its tasks, its input and its output."""
    workflow = WorkflowExecutor(session.client).get_workflow(workflow_id)
    input_and_output = "input", pretty_json(workflow.input), "output", pretty_json(workflow.output)
    session.output.show(workflow, Group(_overview(workflow), *input_and_output))


@command.command("watch")
@click.argument("workflow_id")
@click.option("--interval", type=Interval(0.1), default=1.0, show_default=True, metavar="SECONDS")
@with_session
def watch(session: Session, workflow_id: str, interval: float) -> None:
    """Follow a workflow until it ends.

    The exit status is 0 if it ends as COMPLETED, and 1 if it ends otherwise. Ctrl-C ends the watch, not the workflow,
    with 130. With --json, each change is one line of JSON.
    """
    screen = console()
    try:
        watched = WorkflowWatch(session.client, workflow_id)
        if session.output.as_json or not screen.is_terminal:
            for changes in watched.follow(interval):
                for change in changes:
                    session.output.show(change, shown(_line(change)))
        else:
            with live(screen, _live_overview(watched)) as shown_now:
                for _ in watched.follow(interval):
                    shown_now.update(_live_overview(watched), refresh=True)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
    if watched.workflow.status != WorkflowStatus.COMPLETED:
        raise click.exceptions.Exit(1)


@command.command("retry")
@click.argument("workflow_id")
@click.option(
    "--resume-subworkflows", is_flag=True, help="Continue failed sub-workflows instead of starting them again."
)
@with_session
def retry(session: Session, workflow_id: str, *, resume_subworkflows: bool) -> None:
    """Continue a failed workflow from its last failed task."""
    WorkflowExecutor(session.client).retry(workflow_id, resume_subworkflow_tasks=resume_subworkflows)
    session.output.show({"workflowId": workflow_id}, shown(f"workflow {workflow_id} continues"))


@command.command("terminate")
@click.argument("workflow_id")
@click.option("--reason", metavar="TEXT", help="The reason that the workflow shows.")
@with_session
def terminate(session: Session, workflow_id: str, reason: str | None) -> None:
    """End a workflow as TERMINATED. Its open tasks are cancelled."""
    WorkflowExecutor(session.client).terminate(workflow_id, reason)
    session.output.show({"workflowId": workflow_id}, shown(f"workflow {workflow_id} is terminated"))


def _overview(workflow: Workflow) -> RenderableType:
    columns = ["reference", "task", "status", "retries", "worker", "id", "reason"]
    rows = [(*_of_task(each), each.worker_id, each.task_id, each.reason_for_incompletion) for each in workflow.tasks]
    return Group(_members(workflow), table(columns, rows))


def _live_overview(watched: WorkflowWatch) -> RenderableType:
    """An overview without ids. With them, many terminals would be too narrow, and have too few lines."""
    workflow = watched.workflow
    columns = ["reference", "task", "status", "retries", "worker", "reason"]
    rows = [(*_of_task(each), each.worker_id, each.reason_for_incompletion) for each in workflow.tasks]
    return Group(_members(workflow, watched.problem), folded_table(columns, rows))


def _of_task(task: Task) -> tuple[object, ...]:
    return task.reference_task_name, task.task_type, task.status, task.retry_count


def _members(workflow: Workflow, problem: str = "") -> RenderableType:
    return details(
        [
            ("workflow", workflow.workflow_id),
            ("name", f"{workflow.workflow_name}, version {workflow.workflow_version}"),
            ("status", workflow.status),
            ("reason", workflow.reason_for_incompletion),
            ("correlation id", workflow.correlation_id),
            ("started", moment(workflow.create_time)),
            ("ended", moment(workflow.end_time)),
            ("problem", problem),
        ]
    )


def _line(change: Change) -> str:
    if change.problem:
        return f"{change.time} {change.problem}"
    subject = f"{change.reference_task_name} ({change.task_type})" if change.task_id else "workflow"
    reason = f": {change.reason_for_incompletion}" if change.reason_for_incompletion else ""
    return f"{change.time} {subject} {change.status}{reason}"
