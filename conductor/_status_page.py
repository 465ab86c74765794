"""The page at / of the metrics port: the health of a process for a person to look at.

It is one piece of HTML and CSS that loads nothing and runs no script. All text is escaped. Numbers are all that reaches
a style attribute.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from conductor.health import Health, OutboxHealth, Reason, RunningTask, WorkerHealth

REFRESH = 3
"""Seconds until the browser loads the page again."""
MOST_TASKS = 8
"""Tasks of a worker that are shown, the oldest first."""

_KINDS = {
    "polling": "good",
    "busy": "busy",
    "starting": "wait",
    "paused": "wait",
    "draining": "off",
    "ended": "off",
    "failing": "bad",
    "dead": "bad",
}


def render(health: Health) -> str:
    """The page."""
    verdicts = _chip(health.healthy, "healthy", "not healthy") + _chip(health.ready, "ready", "not ready")
    parts = [
        _HEAD,
        f"<header><h1>Conductor <small>workers</small></h1><ul class=chips>{verdicts}</ul>",
        f"<p class=clock>{health.at:%H:%M:%S} UTC</p></header><main>",
        _reasons(health.reasons, health.at),
        "".join(_worker(worker, health.at) for worker in health.workers),
        _outboxes(health.outboxes),
        "<p class=empty>The same as JSON: <a href=health.json>health.json</a></p></main></body></html>",
    ]
    return "".join(parts)


def _chip(is_good: bool, good: str, bad: str) -> str:
    return f"<li class={'good' if is_good else 'bad'}>{good if is_good else bad}</li>"


def _reasons(reasons: Sequence[Reason], now: datetime) -> str:
    if not reasons:
        return ""
    rows = "".join(f"<li>{escape(reason.text)} <small>{_since(reason.since, now)}</small></li>" for reason in reasons)
    return f"<section class=bad><h2>Reasons</h2><ul class=reasons>{rows}</ul></section>"


def _since(moment: datetime | None, now: datetime) -> str:
    return "" if moment is None else f"since {moment:%H:%M:%S} UTC, {_duration((now - moment).total_seconds())}"


def _worker(worker: WorkerHealth, now: datetime) -> str:
    domain = "" if worker.domain is None else f" <i>domain {escape(worker.domain)}</i>"
    return (
        f"<section class={_KINDS[worker.state]}><h3><span class=name>{escape(worker.task_name)}{domain}</span>"
        f"<span class=state>{worker.state}</span><code>{escape(worker.worker_id)}, process {worker.process_id}</code>"
        f"</h3>{_slots(worker)}<dl>{''.join(_facts(worker))}</dl>{_last_error(worker, now)}{_tasks(worker)}</section>"
    )


def _slots(worker: WorkerHealth) -> str:
    share = min(100.0, 100 * worker.in_hand / max(1, worker.batch_size))
    label = f"{worker.in_hand} of {worker.batch_size} slots have a task"
    return f'<div class=track title="{label}"><span style="width:{share:.1f}%"></span></div>'


def _facts(worker: WorkerHealth) -> Iterable[str]:
    yield _fact("free slots", f"{worker.free_slots} of {worker.batch_size}")
    yield _fact("last good poll", "none yet" if worker.poll_age is None else f"{_duration(worker.poll_age)} ago")
    rates = worker.rates
    if rates is not None:
        over = f" <small>over {_duration(rates.over)}</small>"
        yield _fact("tasks per second", f"{rates.executions:.1f}{over}")
        yield _fact("failures per second", f"{rates.failures:.1f}")
        yield _fact("polls per second", f"{rates.polls:.1f}")


def _fact(name: str, value: str) -> str:
    return f"<div><dt>{name}</dt><dd>{value}</dd></div>"


def _last_error(worker: WorkerHealth, now: datetime) -> str:
    error = worker.last_error
    if error is None:
        return ""
    of = {"poll": "Last error, of a poll", "task": "Last error, of a function", "update": "Last error, of a result"}
    ago = f"{_duration((now - error.at).total_seconds())} ago"
    return f"<p class=error><small>{of[error.kind]}, {ago}:</small> {escape(error.text)}</p>"


def _tasks(worker: WorkerHealth) -> str:
    if not worker.in_hand:
        return ""
    rows = "".join(_task(task) for task in worker.running[:MOST_TASKS])
    left = worker.in_hand - min(len(worker.running), MOST_TASKS)
    more = f"<p class=empty>and {left} more</p>" if left > 0 else ""
    head = "<thead><tr><th>task</th><th>workflow</th><th>phase</th><th>age</th></tr></thead>"
    return f"<table>{head}<tbody>{rows}</tbody></table>{more}"


def _task(task: RunningTask) -> str:
    ids = f"<td><code>{escape(task.task_id)}</code></td><td><code>{escape(task.workflow_instance_id)}</code></td>"
    return f"<tr>{ids}<td>{escape(task.phase)}</td><td class=age>{_duration(task.seconds)}</td></tr>"


def _outboxes(outboxes: Sequence[OutboxHealth]) -> str:
    if not outboxes:
        return ""
    rows = "".join(
        f"<li><code>{escape(each.path)}</code> {'cannot be read' if each.results is None else each.results}</li>"
        for each in outboxes
    )
    return f"<section class=wait><h2>Results in the outbox</h2><ul class=reasons>{rows}</ul></section>"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


_HEAD = f"""<!doctype html><html lang=en><head><meta charset=utf-8><title>Conductor workers</title>
<meta name=viewport content="width=device-width,initial-scale=1"><meta http-equiv=refresh content={REFRESH}>
<meta http-equiv=Content-Security-Policy content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel=icon href="data:,"><style>
:root{{color-scheme:light dark;--page:#f5f6f8;--card:#fff;--line:#dfe3e8;--text:#1c2330;--dim:#5d6878;--track:#eef0f3;
--good:#1a7f4b;--bad:#c22f35;--busy:#1f63c9;--wait:#6b7686;--off:#7a5a9e}}
@media(prefers-color-scheme:dark){{:root{{--page:#12161c;--card:#1b2129;--line:#2d3540;--text:#e4e8ee;--dim:#98a4b3;
--track:#252c36;--good:#4cc38a;--bad:#ff7b80;--busy:#6ea8ff;--wait:#8d99a8;--off:#b594dc}}}}
*{{box-sizing:border-box}}body{{margin:0;background:var(--page);color:var(--text);
font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}}
header{{display:flex;flex-wrap:wrap;align-items:center;gap:8px 16px;padding:14px 20px;background:var(--card);
border-bottom:1px solid var(--line)}}
h1{{font-size:18px;margin:0}}h1 small{{font-weight:400}}
h2{{font-size:13px;margin:0 0 8px;text-transform:uppercase;letter-spacing:.06em}}
.clock{{margin:0 0 0 auto;color:var(--dim);font-variant-numeric:tabular-nums}}
.chips{{display:flex;flex-wrap:wrap;gap:6px;list-style:none;margin:0;padding:0}}
.chips li{{padding:2px 10px;border-radius:99px;border:1px solid currentColor}}
main{{max-width:1100px;margin:0 auto;padding:16px 20px}}
section{{background:var(--card);border:1px solid var(--line);border-left:4px solid currentColor;border-radius:8px;
padding:12px 14px;margin-bottom:14px}}
h3{{display:flex;flex-wrap:wrap;align-items:baseline;gap:2px 12px;margin:0 0 8px;font-size:15px}}
.name{{color:var(--text);overflow-wrap:anywhere}}.state{{font-size:12px}}
code{{font:12px ui-monospace,"DejaVu Sans Mono",monospace;color:var(--dim);font-weight:400;overflow-wrap:anywhere}}
h3 code{{margin-left:auto}}
.track{{height:6px;border-radius:3px;background:var(--track);overflow:hidden}}
.track span{{display:block;height:100%;background:currentColor}}
dl{{display:flex;flex-wrap:wrap;gap:6px 28px;margin:10px 0 0}}
dt{{font-size:12px;color:var(--dim)}}dd{{margin:0;color:var(--text);font-variant-numeric:tabular-nums}}
.error{{margin:10px 0 0;color:var(--bad);overflow-wrap:anywhere}}
.reasons{{margin:0;padding:0;list-style:none;color:var(--text);overflow-wrap:anywhere}}
small,i{{font-style:normal;font-size:12px;color:var(--dim);font-weight:400}}
.good{{color:var(--good)}}.bad{{color:var(--bad)}}.busy{{color:var(--busy)}}.wait{{color:var(--wait)}}
.off{{color:var(--off)}}
table{{border-collapse:collapse;width:100%;margin-top:10px;color:var(--text)}}
th{{text-align:left;font-weight:600;font-size:12px;color:var(--dim)}}
td,th{{padding:4px 8px 4px 0;vertical-align:top;border-top:1px solid var(--line)}}thead th{{border:0}}
.age{{white-space:nowrap;font-variant-numeric:tabular-nums}}.empty{{color:var(--dim);margin:8px 0 0}}
a{{color:var(--busy)}}
@media(max-width:600px){{main{{padding:12px}}header{{padding:12px}}h3 code{{margin-left:0;flex-basis:100%}}
td:nth-child(2),th:nth-child(2){{display:none}}}}
</style></head><body>
"""
