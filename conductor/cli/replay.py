"""``conductor-worker replay``."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from conductor.cli.log_setup import log_to_stderr
from conductor.cli.modules import errors_of, object_named, object_of_option, own_output_to_stderr
from conductor.cli.output import json_text, shown, table
from conductor.cli.session import Session, with_session
from conductor.cli.values import interceptor_option, lifespan_option
from conductor.executor import TaskExecutor
from conductor.operating.tasks import task_id_needed
from conductor.replaying.recording import Outcome, recording_of
from conductor.replaying.replay import Replay, Replayer
from conductor.replaying.saved_case import save_case
from conductor.worker_program.program import interceptor_of

MOST_DIFFERENCES = 50
"""Rows of the table. JSON has all differences."""
LACKS_EARLIER_OUTPUT = (
    "The task was delivered more than once. The server has not kept the output between, so that task.output_data is"
    " empty here."
)


class SavedCase(click.Path):
    """A file that can be written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.absolute().parent.is_dir():
            self.fail(f"there is no folder for {path.name}", param, ctx)
        return path


@click.command("replay")
@click.argument("worker", metavar="MODULE:NAME")
@click.argument("task_id", metavar="TASK_ID")
@lifespan_option
@interceptor_option
@click.option("--pdb", "stop_at_error", is_flag=True, help="Start the debugger where the function raises an error.")
@click.option("--break", "stop_at_start", is_flag=True, help="Stop in the debugger at the first line of the function.")
@click.option(
    "--save", type=SavedCase(dir_okay=False, writable=True), metavar="FILE", help="Write a test case as JSON."
)
@with_session
def command(
    session: Session,
    *,
    worker: str,
    task_id: str,
    lifespan: str | None,
    interceptors: tuple[str, ...],
    save: Path | None,
    stop_at_error: bool,
    stop_at_start: bool,
) -> None:
    """Run the function of a worker here, on the input that a task had.

    The task may have run anywhere. Its result here is shown beside the recorded one. Nothing is sent to the server, but
    the function has all its effects: it may write to databases and call other services.

    The exit status is 0 if the result is the recorded one, and 1 if it is another one or a failure.
    """
    log_to_stderr()
    with own_output_to_stderr() if session.output.as_json else nullcontext():
        with errors_of(worker):
            replayer = Replayer(
                object_named(worker),
                None if lifespan is None else object_of_option("--lifespan", lifespan),
                [interceptor_of(object_of_option("--interceptor", name)) for name in interceptors],
                stop_at_start=stop_at_start,
                stop_at_error=stop_at_error,
            )
        with task_id_needed(session.client, task_id):
            recording = recording_of(TaskExecutor(session.client), task_id)
        if recording.lacks_earlier_output:
            click.echo(LACKS_EARLIER_OUTPUT, err=True)
        replay = replayer.replay(recording)
    try:
        if save is not None:
            save_case(recording, save)
    finally:  # the function has run, also if the disk is full
        session.output.show(replay, _text(replay))
    if not replay.is_good:
        raise click.exceptions.Exit(1)


def _text(replay: Replay) -> RenderableType:
    recorded, here = replay.recorded, replay.here
    rows = [
        ("status", *_cells(recorded, here, lambda each: each.status)),
        ("reason", *_cells(recorded, here, lambda each: each.reason_for_incompletion)),
        ("seconds", *_cells(recorded, here, lambda each: None if each.seconds is None else f"{each.seconds:.3f}")),
    ]
    title = f"task {replay.task_id} of {replay.task_name}, in workflow {replay.workflow_instance_id}"
    return Group(
        shown(title), table(("", "recorded", "here"), rows), *_outputs(replay), *_logs(replay), _verdict(replay)
    )


def _cells(recorded: Outcome | None, here: Outcome, member: Any) -> tuple[object, object]:
    return None if recorded is None else member(recorded), member(here)


def _outputs(replay: Replay) -> list[RenderableType]:
    if replay.recorded is None or not replay.differences:
        return [Text("output", "bold"), shown(_json(replay.here.output_data))]
    rows = [(each.path, _json(each.recorded), _json(each.here)) for each in replay.differences[:MOST_DIFFERENCES]]
    more = len(replay.differences) - len(rows)
    return [
        table(("output", "recorded", "here"), rows),
        *([Text(f"… {more} more differences: --json")] if more else []),
    ]


def _json(value: Any) -> str:
    return "" if value is msgspec.UNSET else json_text(value)


def _logs(replay: Replay) -> list[RenderableType]:
    """The lines of both logs, as far as there are any."""
    found: list[RenderableType] = []
    for title, outcome in (("log, recorded", replay.recorded), ("log, here", replay.here)):
        if outcome is not None and outcome.logs:
            lines = [line for entry in outcome.logs for line in entry.splitlines()]
            found += [Text(title, "bold"), *(shown(f"  {line}") for line in lines)]
    return found


def _verdict(replay: Replay) -> Text:
    if replay.is_same is None:
        return Text("The task has not ended, so that there is no recorded result.", "yellow")
    if not replay.is_same:
        return Text("The result differs from the recorded one.", "red")
    if replay.is_good:
        return Text("The result is the recorded one.", "green")
    return Text("The result is the recorded one, a failure.", "yellow")
