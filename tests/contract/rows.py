"""What a worker meets on a Conductor server, row by row; each row is named by at least one scenario (``@row(...)``).

Numbers: 1-n an endpoint, v2-n what update-v2 does, 4.n-m semantics (poll, update, time, limits), e-n errors, s-n facts.
"""

import pytest

ROWS = {
    "1-1": "GET poll: a task, or 204",
    "1-2": "GET poll/batch: tasks or []; a timeout over 5 s is 400",
    "1-3": "POST update: the task id as text; 400, 404, 500",
    "1-4": "POST update-v2: the next task, or 204; an invalid body is 500",
    "1-5": "POST update by reference name: id, or an empty 200; a bad status is 500",
    "1-6": "the same, sync: the workflow, or 404",
    "1-7": "POST signal: WAIT tasks; 404 for an unknown workflow",
    "1-8": "POST signal sync: a SignalResponse, or 404",
    "1-9": "POST log: raw text, no check that the task exists",
    "1-10": "GET log: entries, or 204",
    "1-11": "GET task: the task, or 404",
    "1-13": "GET queue size",
    "1-14": "GET all queue sizes",
    "1-15": "GET queue details: queue, shard, size and uacked",
    "1-16": "GET poll data of a type: the last poller by queue and domain",
    "1-17": "GET poll data of all",
    "1-18": "POST requeue: counts queued and running tasks",
    "1-19": "GET search: summaries",
    "1-20": "GET search-v2: tasks",
    "1-21": "GET external storage location: a path; 400 on a bad enum",
    "v2-1": "the update's decide has run before it polls",
    "v2-2": "204 after a non-terminal update",
    "v2-3": "it polls the same type and domain, and the task is leased to the caller",
    "v2-4": "an update of an ended task polls too",
    "4.1-1": "an empty domain is a domain that nobody feeds",
    "4.1-3": "a poll marks IN_PROGRESS, counts, names the worker, and takes the task out of the queue",
    "4.1-4": "the order of delivery: priority first",
    "4.2-1": "an unknown workflow or task: 404",
    "4.2-2": "an update of an ended task is ignored with 200",
    "4.2-3": "an update of a task whose workflow has ended is ignored with 200",
    "4.2-4": "a paused workflow stores the update and schedules nothing until it is resumed",
    "4.2-5": "a terminal update advances the workflow within the request",
    "4.2-6": "IN_PROGRESS hands back: queued after the callback, output replaced and kept",
    "4.2-7": "extendLease touches nothing a reader sees but the lease",
    "4.3-1": "a task that is not answered times out after responseTimeoutSeconds",
    "4.3-2": "a retry is a new task that names the old one",
    "4.3-3": "retries used up: the workflow has failed",
    "4.3-4": "FAILED_WITH_TERMINAL_ERROR is not retried",
    "4.3-5": "an optional task's failure lets the workflow go on",
    "4.3-6": "timeoutSeconds ends the workflow with TIME_OUT_WF",
    "4.4-1": "concurrentExecLimit holds tasks back",
    "4.4-2": "taskToDomain sends a task to its domain's queue",
    "e-400": "validation: 400 with validationErrors",
    "e-404": "an unknown path: 404",
    "e-405": "a wrong method: 405",
    "e-409": "a definition that exists: 409",
    "e-500": "what cannot be parsed: 500",
    "s-1": "a bad enum or broken JSON is 500, JSON parse error",
    "s-2": "missing ids are 400 on update, 500 on update-v2",
    "s-3": "a missing status is 500",
    "s-4": "CANCELED ends the workflow as TERMINATED",
    "s-5": "a reason is cut at 500 characters, a result's logs at 10",
    "s-6": "logs: null is taken",
    "s-7": "an output over 10 MB fails the task with 200",
    "s-8": "an output over 3 MB goes to external storage",
    "s-9": "count=0 gives nothing, count=-1 all there are",
    "s-10": "a slash in a task type is refused with 400 HTML",
    "s-11": "a task definition whose response timeout is over its timeout is 400",
    "s-12": "an unknown workflow cannot be started: 404",
}


def row(*names):
    """Marks a scenario with the rows that it shows."""
    unknown = set(names) - ROWS.keys()
    assert not unknown, f"no such row: {unknown}"
    return pytest.mark.row(*names)
