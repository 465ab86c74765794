"""``conductor-worker queue``."""

from __future__ import annotations

import click
from rich.text import Text

from conductor.cli.output import table
from conductor.cli.session import Session, with_session
from conductor.cli.values import Interval
from conductor.operating.queues import RECENTLY, Queue, queues
from conductor.operating.times import duration


@click.command("queue")
@click.argument("task_names", metavar="[TASK]...", nargs=-1)
@click.option(
    "--recently",
    type=Interval(0),
    metavar="SECONDS",
    default=RECENTLY,
    show_default=True,
    help="A queue is attended if somebody has polled within this time.",
)
@with_session
def command(session: Session, task_names: tuple[str, ...], recently: float) -> None:
    """Show the sizes of the queues, and who polls them.

    A queue with tasks that nobody has polled recently is marked. TASK: only the queues of these task types.
    """
    found = queues(session.client, task_names, recently=recently)
    columns = ["task", "domain", "size", "last poll", "by", ""]
    session.output.show(found, table(columns, map(_row, found)))


def _row(queue: Queue) -> tuple[object, ...]:
    since = queue.seconds_since_poll
    poll = "never" if since is None else f"{duration(since)} ago"
    mark = Text("nobody polls", "bold red") if queue.is_unattended else ""
    return queue.task_name, queue.domain, queue.size, poll, queue.worker_id, mark
