"""WAIT: waits for a time, or for a signal."""

from __future__ import annotations

from conductor.testing.engine.records.records import FOREVER, TaskRecord, Wire
from conductor.testing.engine.tasks.durations import parse_duration, parse_until
from conductor.testing.engine.tasks.kind import EngineTask, Making, Run
from conductor.testing.engine.tasks.outcome import FAILED_FOR_GOOD, complete, fail


class Wait(EngineTask):
    """With ``duration`` or ``until`` it ends by itself."""

    def problems(self, step: Wire, where: str) -> list[str]:  # noqa: ARG002 - of the protocol
        duration, until = _times(step["inputParameters"])
        if duration and until:
            return ["Both 'duration' and 'until' specified. Please provide only one input"]
        try:
            if duration and not duration.startswith("${"):
                parse_duration(duration)
        except ValueError:
            return ["Either date or duration is passed as null "]
        try:
            if until and not until.startswith("${"):
                parse_until(until)
        except ValueError:
            return ["Unable to parse date "]
        return []

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        (task,) = super().make(making, step, retry_count)
        duration, until = _times(task.wire["inputData"])
        try:
            if duration:
                task.wire["callbackAfterSeconds"] = parse_duration(duration)
                task.wait_until = making.now_ms + 1000 * task.wire["callbackAfterSeconds"]
            elif until:
                task.wait_until = parse_until(until)
                task.wire["callbackAfterSeconds"] = max(0, (task.wait_until - making.now_ms) // 1000)
            else:
                task.wire["callbackAfterSeconds"] = FOREVER
        except ValueError:
            text = f"Invalid/Unsupported Wait Until format.  Provided: {duration or until}"
            fail(task, text, FAILED_FOR_GOOD)
        return [task]

    def execute(self, run: Run, task: TaskRecord) -> bool:
        """A task of a retry begins when its time has come. Its timer is that of the first try, as on the server.

        A date before 1970 has passed. The first moment of 1970 counts as no date (3.32.3).
        """
        now_ms = run.making.now_ms
        if task.status != "SCHEDULED":
            return task.wait_until != 0 and task.wait_until <= now_ms and complete(task)
        if now_ms < task.begins_at:
            return False
        task.wire.update(status="IN_PROGRESS", startTime=now_ms)
        return True


def _times(given: Wire) -> tuple[str, str]:
    return str(given.get("duration") or "").strip(), str(given.get("until") or "").strip()
