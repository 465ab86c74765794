"""The page at /, which shows the state of the engine. It is one piece of HTML and CSS, and loads nothing.

Texts from workflows and workers are escaped. Only numbers get into style attributes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

REFRESH = 2  # seconds
MOST_ERRORS = 15
MOST_TASKS = 60  # rows in the timeline of a workflow; further tasks are counted
NARROWEST = 0.4  # percent of the timeline's width, so that a task without duration can be seen

Wire = Mapping[str, Any]

_KINDS = {
    "COMPLETED": "good",
    "COMPLETED_WITH_ERRORS": "fair",
    "FAILED": "bad",
    "FAILED_WITH_TERMINAL_ERROR": "bad",
    "TIMED_OUT": "bad",
    "TERMINATED": "off",
    "CANCELED": "off",
    "SKIPPED": "off",
    "PAUSED": "off",
    "IN_PROGRESS": "busy",
    "RUNNING": "busy",
    "SCHEDULED": "wait",
}


def render(overview: Wire) -> str:
    """The page. overview: of the engine."""
    now = int(overview.get("now") or time.time() * 1000)
    workflows = overview.get("workflows") or []
    parts = [
        _HEAD,
        f"<header><h1>Conductor <small>dev server</small></h1>{_counts(workflows)}",
        f"<p class=clock>server time {_clock_time(now)} UTC</p></header>",
        "<main><section class=wide><h2>Workflows</h2>",
        "".join(_workflow(each, now) for each in workflows)
        or "<p class=empty>None yet. Start one with POST /api/workflow, and it is shown here.</p>",
        "</section><aside>",
        _section("Queues", ("task type", "waiting"), _queue_rows(overview), "Nothing is queued."),
        _section(
            "Pollers", ("task type", "worker", "last poll"), _poller_rows(overview, now), "Nobody has polled yet."
        ),
        _section("Last errors", (), _error_rows(overview, now), "None."),
        "</aside></main></body></html>",
    ]
    return "".join(parts)


def _counts(workflows: Iterable[Wire]) -> str:
    """The numbers of the workflows on the page, by status."""
    counts = Counter(str(workflow.get("status")) for workflow in workflows)
    chips = "".join(f"<li class={_kind(name)}><b>{n}</b> {_text(name).lower()}</li>" for name, n in counts.items())
    return f"<ul class=chips>{chips}</ul>"


def _workflow(workflow: Wire, now: int) -> str:
    """One workflow as a card, with a bar for each task. The first task is on top."""
    status = str(workflow.get("status"))
    tasks: Sequence[Wire] = workflow.get("tasks") or []
    start = int(workflow.get("startTime") or workflow.get("createTime") or now)
    end = int(workflow.get("endTime") or now)
    spans = [_span(task, now) for task in tasks]
    start = min([start, *(queued for queued, _, _ in spans)])
    end = max([end, start + 1, *(ended for _, _, ended in spans)])
    reason = workflow.get("reasonForIncompletion")
    rows = "".join(_task(task, span, start, end) for task, span in zip(tasks[:MOST_TASKS], spans, strict=False))
    more = f"<p class=empty>… and {len(tasks) - MOST_TASKS} more tasks</p>" if len(tasks) > MOST_TASKS else ""
    name = _text(workflow.get("workflowName") or workflow.get("workflowType"))
    return (
        f"<article class={_kind(status)}><h3><span class=name>{name}</span>"
        f"<span class=status>{_text(status)}</span><code>{_text(workflow.get('workflowId'))}</code>"
        f"<span class=took>{_clock_time(start)} · {_duration(end - start)}</span></h3>"
        + (f"<p class=reason>{_text(reason)}</p>" if reason else "")
        + f"<div class=tasks>{rows}</div>{more}</article>"
    )


def _task(task: Wire, span: tuple[int, int, int], start: int, end: int) -> str:
    """The name and the bar of a task: thin for the time in the queue, full for the time in which it ran."""
    queued, started, ended = span
    status = str(task.get("status"))
    scale = 100 / (end - start)
    hint = f"{task.get('taskDefName') or task.get('taskType')}\n{status}\ntask {task.get('taskId')}"
    hint += f"\nqueued {_duration(started - queued)}, ran {_duration(ended - started)}"
    for label, member in (("worker", "workerId"), ("reason", "reasonForIncompletion")):
        if task.get(member):
            hint += f"\n{label}: {task[member]}"
    name = task.get("referenceTaskName") or task.get("taskDefName")
    retry = f" <i>retry {int(task['retryCount'])}</i>" if task.get("retryCount") else ""
    left, middle = (queued - start) * scale, (started - start) * scale
    return (
        f'<div class="task {_kind(status)}" title="{_text(hint)}"><span class=ref>{_text(name)}{retry}</span>'
        f"<span class=track>{_bar('queued', left, middle - left)}"
        f"{_bar('ran', middle, (ended - started) * scale) if task.get('startTime') else ''}</span>"
        f"<span class=took>{_duration(ended - queued)}</span></div>"
    )


def _span(task: Wire, now: int) -> tuple[int, int, int]:
    """The times at which it was queued, started and ended, in milliseconds, always in this order."""
    ended = int(task.get("endTime") or now)
    queued = min(int(task.get("scheduledTime") or ended), ended)
    started = min(max(int(task.get("startTime") or ended), queued), ended)
    return queued, started, ended


def _bar(kind: str, left: float, width: float) -> str:
    left, width = min(max(left, 0.0), 100.0 - NARROWEST), max(width, NARROWEST if kind == "ran" else 0.0)
    return f'<span class={kind} style="left:{left:.2f}%;width:{min(width, 100.0 - left):.2f}%"></span>'


def _queue_rows(overview: Wire) -> Iterable[tuple[str, ...]]:
    for name, size in sorted((overview.get("queues") or {}).items()):
        if name.startswith("_"):  # the server's own queues
            continue
        yield _text(name), f"<b>{int(size)}</b>"


def _poller_rows(overview: Wire, now: int) -> Iterable[tuple[str, ...]]:
    for poller in overview.get("polls") or []:
        domain = poller.get("domain")
        where = f" <i>{_text(domain)}</i>" if domain and domain != "DEFAULT" else ""
        ago = _duration(now - int(poller.get("lastPollTime") or now))
        yield _text(poller.get("queueName")) + where, _text(poller.get("workerId")), f"{ago} ago"


def _error_rows(overview: Wire, now: int) -> Iterable[tuple[str, ...]]:
    """Failed tasks and refused calls, the newest first."""
    errors = [
        (
            int(task.get("endTime") or 0),
            str(task.get("status")),
            task.get("taskDefName"),
            task.get("reasonForIncompletion"),
        )
        for workflow in overview.get("workflows") or []
        for task in workflow.get("tasks") or []
        if _kind(str(task.get("status"))) == "bad"
    ]
    errors += [
        (int(refused.get("time") or 0), str(refused.get("status")), "call refused", refused.get("message"))
        for refused in overview.get("errors") or []
    ]
    for moment, status, what, reason in sorted(errors, key=lambda each: -each[0])[:MOST_ERRORS]:
        ago = f"{_duration(now - moment)} ago"
        status_text = f"<span class={_KINDS.get(status, 'fair')}>{_text(status)}</span>"
        yield (f"{_text(what)} <small>{status_text} {ago}</small><br>{_text(reason or 'no reason given')}",)


def _section(title: str, heads: Sequence[str], rows: Iterable[tuple[str, ...]], empty: str) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return f"<section><h2>{title}</h2><p class=empty>{empty}</p></section>"
    head = f"<thead><tr>{''.join(f'<th>{name}</th>' for name in heads)}</tr></thead>" if heads else ""
    return f"<section><h2>{title}</h2><table>{head}<tbody>{body}</tbody></table></section>"


def _kind(status: str) -> str:
    return _KINDS.get(status, "wait")


def _text(value: object) -> str:
    return escape("" if value is None else str(value))


def _clock_time(ms: int) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(ms / 1000))


def _duration(ms: int) -> str:
    if ms < 1000:
        return f"{max(ms, 0)} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


_HEAD = f"""<!doctype html><html lang=en><head><meta charset=utf-8><title>Conductor dev server</title>
<meta name=viewport content="width=device-width,initial-scale=1"><meta http-equiv=refresh content={REFRESH}>
<meta http-equiv=Content-Security-Policy content="default-src 'none'; style-src 'unsafe-inline'">
<link rel=icon href="data:,"><style>
:root{{color-scheme:light dark;--page:#f5f6f8;--card:#fff;--line:#dfe3e8;--text:#1c2330;--dim:#5d6878;--track:#eef0f3;
--good:#1a7f4b;--fair:#8a6d00;--bad:#c22f35;--busy:#1f63c9;--wait:#7b8796;--off:#7a5a9e}}
@media(prefers-color-scheme:dark){{:root{{--page:#12161c;--card:#1b2129;--line:#2d3540;--text:#e4e8ee;--dim:#98a4b3;
--track:#252c36;--good:#4cc38a;--fair:#e0b83f;--bad:#ff7b80;--busy:#6ea8ff;--wait:#8d99a8;--off:#b594dc}}}}
*{{box-sizing:border-box}}body{{margin:0;background:var(--page);color:var(--text);
font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}}
header{{display:flex;flex-wrap:wrap;align-items:center;gap:8px 20px;padding:14px 24px;background:var(--card);
border-bottom:1px solid var(--line)}}
h1{{font-size:18px;margin:0}}h1 small{{font-weight:400;color:var(--dim)}}h2{{font-size:13px;margin:0 0 10px;
text-transform:uppercase;letter-spacing:.06em;color:var(--dim)}}
.clock{{margin:0 0 0 auto;color:var(--dim);font-variant-numeric:tabular-nums}}
.chips{{display:flex;flex-wrap:wrap;gap:6px;list-style:none;margin:0;padding:0}}
.chips li{{padding:2px 10px;border-radius:99px;border:1px solid currentColor}}
main{{display:grid;grid-template-columns:minmax(0,1fr) 380px;gap:24px;padding:20px 24px}}
@media(max-width:980px){{main{{grid-template-columns:minmax(0,1fr)}}}}
aside section{{margin-bottom:20px;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px}}
article{{background:var(--card);border:1px solid var(--line);border-left:4px solid currentColor;border-radius:8px;
padding:12px 14px;margin-bottom:14px}}
h3{{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 12px;margin:0 0 8px;font-size:15px}}
.name{{color:var(--text);overflow-wrap:anywhere}}.status{{font-size:12px}}
code{{font:12px ui-monospace,"DejaVu Sans Mono",monospace;color:var(--dim);font-weight:400}}
.took{{margin-left:auto;color:var(--dim);font-size:12px;font-weight:400;text-align:right;
font-variant-numeric:tabular-nums;white-space:nowrap}}
.reason{{margin:0 0 8px;color:var(--bad);overflow-wrap:anywhere}}
.task{{display:grid;grid-template-columns:minmax(90px,190px) minmax(0,1fr) 74px;gap:10px;
align-items:center;height:24px}}
.ref{{color:var(--text);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}}
i{{font-style:normal;font-size:12px;color:var(--dim)}}small{{color:var(--dim)}}
.track{{position:relative;height:14px;border-radius:3px;background:var(--track)}}
.track span{{position:absolute;border-radius:3px;background:currentColor}}
.ran{{top:0;bottom:0}}.queued{{top:5px;bottom:5px;opacity:.45}}
.good{{color:var(--good)}}.fair{{color:var(--fair)}}.bad{{color:var(--bad)}}.busy{{color:var(--busy)}}
.wait{{color:var(--wait)}}.off{{color:var(--off)}}
table{{border-collapse:collapse;width:100%}}th{{text-align:left;font-weight:600;font-size:12px;color:var(--dim)}}
td,th{{padding:4px 8px 4px 0;vertical-align:top;border-top:1px solid var(--line);overflow-wrap:anywhere}}
thead th{{border:0}}td b{{font-variant-numeric:tabular-nums}}.empty{{color:var(--dim);margin:0}}
</style></head><body>
"""
