"""``conductor-worker outbox``: the results that workers have kept in a file."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from conductor._log import printable
from conductor.cli.output import Output, shown, table
from conductor.cli.session import Session, with_session
from conductor.cli.values import Function, json_option
from conductor.cli.words import Commands
from conductor.delivery.outbox_file import KeptResult, OutboxFile
from conductor.operating.outbox import send_results
from conductor.operating.times import duration
from conductor.task_client import HttpTaskClient
from conductor.worker_settings import OUTBOX


def _file_argument(function: Function) -> Function:
    return click.argument("file", type=click.Path(), envvar=OUTBOX)(function)


@click.group("outbox", cls=Commands)
def command() -> None:
    """List, send or drop the results that workers keep in FILE.

    The variable CONDUCTOR_WORKER_OUTBOX may name FILE.
    """


@command.command("list")
@_file_argument
@json_option
def list_results(file: str, *, as_json: bool) -> None:
    """List the results, oldest first."""
    now = datetime.now(UTC)
    with OutboxFile(file) as outbox:
        found = outbox.results()
    ages = [each.age(now) for each in found]
    value = [{**_ids(each), "ageSeconds": age} for each, age in zip(found, ages, strict=True)]
    rows = [
        ("" if age is None else duration(age), each.task_name, each.task_id, each.status, each.server)
        for each, age in zip(found, ages, strict=True)
    ]
    text = table(["age", "type", "task", "status", "server"], rows) if found else shown("the outbox is empty")
    Output(as_json=as_json).show(value, text)


@command.command("send")
@_file_argument
@with_session
def send(session: Session, file: str) -> None:
    """Send the results that are for the server now.

    The exit status is 1 if a result for this server stays in the outbox.
    """
    client = HttpTaskClient(session.client)
    with OutboxFile(file) as outbox:
        fates = list(send_results(outbox, client))
    rows = [(each.fate, each.task_type, each.task_id, each.reason) for each in fates]
    text = table(["fate", "type", "task", "reason"], rows) if fates else shown("the outbox is empty")
    session.output.show(fates, text)
    if any(each.fate == "kept" and each.server == client.server for each in fates):
        raise click.exceptions.Exit(1)


@command.command("drop")
@_file_argument
@click.option("--task", "task_ids", metavar="TASK_ID", multiple=True, help="Only the result of this task. Repeatable.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def drop(file: str, task_ids: tuple[str, ...], *, yes: bool, as_json: bool) -> None:
    """Delete results without sending them. Their tasks time out at the server, which may retry them."""
    with OutboxFile(file) as outbox:
        chosen = [each for each in outbox.results() if not task_ids or each.task_id in task_ids]
        missing = set(task_ids) - {each.task_id for each in chosen}
        if missing:
            raise click.ClickException(f"the outbox has no result of task {printable(', '.join(sorted(missing)))}")
        if chosen and not yes:
            for each in chosen:
                click.echo(printable(f"{each.task_name} {each.task_id} {each.status} for {each.server}"), err=True)
            click.confirm(f"Delete {len(chosen)} result{'s' * (len(chosen) != 1)} for good?", abort=True, err=True)
        dropped = [each for each in chosen if outbox.delete(each)]
    rows = [(each.task_name, each.task_id, each.status, each.server) for each in dropped]
    text = table(["dropped", "task", "status", "server"], rows) if dropped else shown("nothing is dropped")
    Output(as_json=as_json).show([_ids(each) for each in dropped], text)


def _ids(kept: KeptResult) -> dict[str, object]:
    return {
        "taskId": kept.task_id,
        "workflowInstanceId": kept.workflow_instance_id,
        "taskType": kept.task_name,
        "status": kept.status,
        "server": kept.server,
    }
