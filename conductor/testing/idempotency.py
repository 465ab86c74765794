"""Finds out whether a worker function may run twice on one task, as a server that delivers at least once makes it."""

from __future__ import annotations

import asyncio
import copy
import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pprint import pformat
from typing import Any

from conductor._arguments import function_name
from conductor.errors import ConfigurationError
from conductor.models import TaskResultStatus
from conductor.task_result import TaskResult
from conductor.testing.fakes import NO_STATE, arun_worker, loop_runs, run_worker
from conductor.worker import Execute, Worker

MOST_LINES = 40
"""Lines of a difference in the text of an error."""

Probe = Callable[[], Any]


def check_idempotent(
    execute: Execute,
    input_data: Any = None,
    *,
    probe: Probe | None = None,
    as_retry: bool = False,
    state: Any = NO_STATE,
    **members: Any,
) -> TaskResult:
    """Run a worker function twice on one task. AssertionError: the second run made a difference.

    The outputs of both runs must be equal, and so must the values of the probe after the first and after the second
    run. Both runs must complete. Returns the first result.

    execute, input_data, state, members: as for ``run_worker``. Both runs of an ``async def`` function share one event
        loop. In a program with a running event loop, use ``await acheck_idempotent(…)``.
    probe: a function without arguments that returns the effects of the function as values: the rows of a table, the
        messages that were sent.
    as_retry: the second run is the retry of a task whose lease has run out. Then the task id differs, and retry_count
        is larger by one. By default the same task is delivered again, with the same task id.
    """
    if Worker("test", execute).is_async:
        if loop_runs():
            text = "an event loop runs on this thread: `await acheck_idempotent(...)` instead of check_idempotent"
            raise ConfigurationError(text)
        return asyncio.run(
            acheck_idempotent(execute, input_data, probe=probe, as_retry=as_retry, state=state, **members)
        )
    first = _Run(run_worker(execute, input_data, state=state, **members), _shown(probe))
    _expect_completed(execute, first, "first")
    result = run_worker(execute, input_data, state=state, **_again(members, as_retry))
    _compare(execute, first, _Run(result, _shown(probe)))
    return first.result


async def acheck_idempotent(
    execute: Execute,
    input_data: Any = None,
    *,
    probe: Probe | None = None,
    as_retry: bool = False,
    state: Any = NO_STATE,
    **members: Any,
) -> TaskResult:
    """``check_idempotent`` for tests that are coroutines. The probe may be an ``async def`` function too."""
    first = _Run(await arun_worker(execute, input_data, state=state, **members), await _awaited(probe))
    _expect_completed(execute, first, "first")
    result = await arun_worker(execute, input_data, state=state, **_again(members, as_retry))
    _compare(execute, first, _Run(result, await _awaited(probe)))
    return first.result


@dataclass(frozen=True)
class _Run:
    result: TaskResult
    shown: Any


def _again(members: dict[str, Any], as_retry: bool) -> dict[str, Any]:
    """The members of the task at its second delivery."""
    if not as_retry:
        return members | {"poll_count": members.get("poll_count", 1) + 1}
    task_id = members.get("task_id", "task-1")
    retry = {"task_id": f"{task_id}-retry", "retried_task_id": task_id}
    return members | retry | {"retry_count": members.get("retry_count", 0) + 1}


def _shown(probe: Probe | None) -> Any:
    value = probe() if probe is not None else None
    if inspect.iscoroutine(value):
        value.close()
        raise ConfigurationError("probe is an async function: `await acheck_idempotent(...)` instead")
    return _copied(value)


async def _awaited(probe: Probe | None) -> Any:
    value = probe() if probe is not None else None
    return _copied(await value if inspect.isawaitable(value) else value)


def _copied(value: Any) -> Any:
    """A copy, because a list that the probe returns may grow in the second run."""
    try:
        return copy.deepcopy(value)
    except Exception as error:
        text = f"probe must return values that can be copied, such as a list of rows: {error}"
        raise ConfigurationError(text) from error


def _expect_completed(execute: Execute, run: _Run, which: str) -> None:
    result = run.result
    if result.status != TaskResultStatus.COMPLETED:
        log = "".join(f"\n{entry.log}" for entry in result.logs)
        reason = result.reason_for_incompletion or "no reason given"
        raise AssertionError(f"{function_name(execute)}: its {which} run ended {result.status}: {reason}{log}")


def _compare(execute: Execute, first: _Run, second: _Run) -> None:
    _expect_completed(execute, second, "second")
    for changed, before, after in (
        ("returned another output", first.result.output_data, second.result.output_data),
        ("changed the value of the probe", first.shown, second.shown),
    ):
        if before != after:
            text = f"{function_name(execute)} is not idempotent: its second run {changed}"
            raise AssertionError(f"{text}\n{_difference(before, after)}")


def _difference(before: Any, after: Any) -> str:
    old, new = (pformat(value, width=100).splitlines() for value in (before, after))
    lines = list(difflib.unified_diff(old, new, "after the first run", "after the second run", lineterm=""))
    more = len(lines) - MOST_LINES
    return "\n".join([*lines[:MOST_LINES], *([f"… and {more} more lines"] if more > 0 else [])])
