"""``conductor-worker top``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from conductor.cli.output import console, folded_table, live, shown
from conductor.cli.session import Session, with_session
from conductor.cli.values import INTERRUPTED, Interval
from conductor.errors import ConductorError, ConfigurationError
from conductor.operating.scrape import metrics_url
from conductor.operating.top import Top, View, WorkersOfType
from conductor.settings import METRICS_PORT, MetricsSettings

_COLUMNS = ["task", "busy", "free", "started/s", "failed/s", "average", "poll errors/s", "update errors/s", "lost"]


class MetricsUrl(click.ParamType[str]):
    """The URL of a page of metrics."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return metrics_url(value)
        except ConfigurationError as error:
            self.fail(str(error).removeprefix("a metrics URL "), param, ctx)


@click.command("top")
@click.option(
    "--metrics",
    "urls",
    type=MetricsUrl(),
    multiple=True,
    help="A page of metrics. May be repeated.  [default: http://127.0.0.1:2112/metrics, or the port of"
    f" {METRICS_PORT}]",
)
@click.option("--interval", type=Interval(0.1), default=2.0, show_default=True, metavar="SECONDS")
@click.option("--once", is_flag=True, help="Print one table, after one interval, and end.")
@with_session
def command(session: Session, urls: tuple[str, ...], interval: float, *, once: bool) -> None:
    """Show the work of running workers. These are busy and free slots, rates, errors, and the tasks that wait.

    Ctrl-C ends it, with the exit status 0; with --once, which has then printed nothing, it is 130. With --json, each
    view is one line of JSON.
    """
    try:
        _follow(Top(session.client, urls or (_default_url(),)), session, interval, once=once)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED if once else 0) from None


def _follow(top: Top, session: Session, interval: float, *, once: bool) -> None:
    first, pause, screen = top.look(), threading.Event(), console()
    if once:
        pause.wait(interval)
        view = top.look()
        session.output.show(view, _shown(view))
        if not view.pages:
            raise ConductorError("no metrics could be read")
    elif session.output.as_json or not screen.is_terminal:
        while not pause.wait(interval):
            view = top.look()
            session.output.show(view, _shown(view))
    else:
        with live(screen, _shown(first)) as shown_now:
            while not pause.wait(interval):
                shown_now.update(_shown(top.look()), refresh=True)


def _default_url() -> str:
    port = MetricsSettings().port
    if port == 0:
        raise ConfigurationError(f"{METRICS_PORT} is 0, a free port: give the URL with --metrics")
    return f"http://127.0.0.1:{port}/metrics"


def _shown(view: View) -> RenderableType:
    problems = (Text.assemble(shown(each), style="red") for each in view.problems)
    rows = [row for workers in view.workers for row in (_row(workers), *_rows_of_domains(workers))]
    return Group(folded_table([*_COLUMNS, "queued"], rows), *problems)


def _row(workers: WorkersOfType) -> tuple[object, ...]:
    average = "" if workers.average_seconds is None else f"{workers.average_seconds:.3g} s"
    return (
        workers.task_type,
        workers.busy,
        workers.free,
        _rate(workers.started_per_second),
        _rate(workers.failed_per_second, is_error=True),
        average,
        _rate(workers.poll_errors_per_second, is_error=True),
        _rate(workers.update_errors_per_second, is_error=True),
        Text(str(workers.lost_results), "bold red" if workers.lost_results else ""),
        workers.queued,
    )


def _rows_of_domains(workers: WorkersOfType) -> Iterator[tuple[object, ...]]:
    """Rows below that of the task type. The metrics tell no rates by domain."""
    if not any(each.domain for each in workers.domains):
        return
    for each in workers.domains:
        name = f"  domain {each.domain}" if each.domain else "  no domain"
        yield (name, each.busy, each.free, *[None] * (len(_COLUMNS) - 3), each.queued)


def _rate(value: float | None, *, is_error: bool = False) -> Text:
    return Text("" if value is None else f"{value:.1f}", "bold red" if is_error and value else "")
