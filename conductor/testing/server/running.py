"""A server between its start and its stop: answers requests, does what becomes due, and waits for the work to end."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from conductor.testing.engine import Engine
from conductor.testing.engine.tasks.strict_inputs import BEGIN, is_unresolved
from conductor.testing.server.faults import NOTHING, Faults, Plan
from conductor.testing.server.guard import Guard
from conductor.testing.server.http_server import HttpServer
from conductor.testing.server.http_wire import Request, Response
from conductor.testing.server.open_tasks import text_about
from conductor.testing.server.responses import error
from conductor.testing.server.router import Found, Router

logger = logging.getLogger(__name__)

TICK = 0.02  # seconds: under load the sweeper runs no more often
REST = 4  # times the length of a sweep: a workflow without an end must leave time for the others
STOP_WITHIN = 2.0  # seconds for the sweep that runs when the server stops
FAILED = "status IN (FAILED,FAILED_WITH_TERMINAL_ERROR,TIMED_OUT)"
LONGEST_SLEEP = 3600.0  # seconds, well below the longest wait of the system


class TaskFailed(Exception):  # noqa: N818 - the agreed name
    """A task ended FAILED, FAILED_WITH_TERMINAL_ERROR or TIMED_OUT, and no retry follows."""

    def __init__(self, task: dict[str, Any], log: list[str]) -> None:
        self.task = task
        """The task as ``GET /tasks/{taskId}`` gives it."""
        self.reason: str = task.get("reasonForIncompletion") or ""
        self.log = log
        name, task_id = task.get("taskDefName"), task.get("taskId")
        lines = [f"{name} ended {task.get('status')}: {self.reason or 'no reason given'} (task_id={task_id!r})", *log]
        super().__init__("\n".join(lines))


class UnresolvedInput(Exception):  # noqa: N818 - as above
    """An expression in the input of a task had no value, under ``DevServer(strict_inputs=True)``."""

    def __init__(self, workflow: dict[str, Any]) -> None:
        self.workflow_id: str = workflow["workflowId"]
        self.reason: str = workflow["reasonForIncompletion"]
        """It names the task, the parameter, the expression and the values that there were."""
        super().__init__(f"{self.reason} (workflow_id={self.workflow_id!r})")


class Running:
    """The parts of a server that exist between start and stop."""

    def __init__(self, engine: Engine, faults: Faults, router: Router, guard: Guard, address: tuple[str, int]) -> None:
        self._engine = engine
        self._clock = engine.clock
        self._faults = faults
        self._router = router
        self._guard = guard
        self._stopping = threading.Event()
        self._busy = threading.Event()  # set if something may have changed since the last sweep
        self._looked = threading.Condition()  # notified after each sweep; guards _reported
        self._reported: set[str] = set()
        self._started = self._clock.now() * 1000
        self.http = HttpServer(*address, self._handle, "conductor-dev-server")
        engine.storage.listens_at(origin_of(*self.http.address))
        self._sweeper = threading.Thread(target=self._sweep_until_stopped, name="conductor-dev-sweeper", daemon=True)
        engine.listen(self._busy.set)
        self._clock.listen(self._busy.set)  # after a jump, the engine itself does all that is due
        self._sweeper.start()
        self.http.start()

    def close(self) -> None:
        self._clock.unlisten(self._busy.set)
        self._stopping.set()
        self._busy.set()
        self._sweeper.join(STOP_WITHIN)
        self.http.refuse()
        self._engine.close()
        self.http.stop()

    def join(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            with self._looked:
                open_work = self._engine.queues.open_work()
                left = deadline - time.monotonic()
                if not open_work or left <= 0 or self._stopping.is_set():
                    break
                self._looked.wait(left)
        if self._engine.strict_inputs:
            self._raise_unresolved()
        self._raise_failure()
        if open_work:
            text = text_about(open_work, self._engine.queues.poll_data(), self._clock.now(), self._engine.tasks.get)
            raise TimeoutError(f"still open after {timeout:g} s ({len(open_work)}): {text}")

    def _raise_unresolved(self) -> None:
        with self._looked:
            failed = self._engine.searches.workflows("status=FAILED", BEGIN.strip(), 0, 10**6, "startTime:ASC")
            found = [
                each for each in failed["results"] if each["workflowId"] not in self._reported and is_unresolved(each)
            ]
            self._reported.update(each["workflowId"] for each in found)
            if found:  # the cause before its consequences in parents
                raise UnresolvedInput(min(found, key=lambda each: not each["reasonForIncompletion"].startswith(BEGIN)))

    def _raise_failure(self) -> None:
        with self._looked:
            new = [self._engine.tasks.get(task_id) for task_id in self._failed() if task_id not in self._reported]
            found = [task for task in new if not task.get("retried") and task.get("endTime", 0) >= self._started]
            if found:
                task = min(found, key=lambda each: "subWorkflowId" in each)  # the cause before its consequences
                self._reported.add(task["taskId"])
                raise TaskFailed(task, [entry["log"] for entry in self._engine.tasks.logs(task["taskId"])])

    def _failed(self) -> list[str]:
        """Every failed task, the oldest first. A retry of it may still follow."""
        found = self._engine.searches.tasks(FAILED, "*", 0, 10**6, "updateTime:ASC")
        return [summary["taskId"] for summary in found["results"]]

    def _handle(self, request: Request) -> Response | None:
        if self._faults.out():
            return None
        foreign = self._guard.refusal_of_source(request)
        if foreign is not None:
            return foreign
        found = self._router.find(request.method, request.target.partition("?")[0])
        if isinstance(found, Response):
            return self._guard.refusal_of_token(request, None) or found
        plan = self._faults.plan(found.route.operation)
        if plan is not NOTHING and not self._goes_on(plan):
            return _injected(plan)
        operation = found.route.operation
        refusal = self._guard.refusal_of_action(request, operation) or self._guard.refusal_of_token(request, operation)
        response = refusal or self._answer(found, request)
        return None if plan.drop_after else response

    def _answer(self, found: Found, request: Request) -> Response | None:
        response = self._router.answer(found, request)
        if not self._busy.is_set():
            self._busy.set()
        return response

    def _goes_on(self, plan: Plan) -> bool:
        if plan.seconds:
            self._stopping.wait(plan.seconds)
        return not plan.drop_before and plan.answer is None

    def _sweep_until_stopped(self) -> None:
        while not self._stopping.is_set():
            self._busy.clear()
            started = time.monotonic()
            self._sweep()
            with self._looked:
                self._looked.notify_all()
            rest = max(TICK, REST * (time.monotonic() - started))
            if self._busy.wait(self._seconds_until_due(rest)):
                self._stopping.wait(rest)
        with self._looked:
            self._looked.notify_all()

    def _seconds_until_due(self, at_least: float) -> float:
        due = self._engine.next_due()
        wait = None if due is None else self._clock.real_seconds_until(due)
        return LONGEST_SLEEP if wait is None else min(max(wait, at_least), LONGEST_SLEEP)

    def _sweep(self) -> None:
        try:
            self._engine.sweep()
        except Exception:
            logger.exception("the dev server's sweep failed")


def origin_of(host: str, port: int) -> str:
    """The start of the URLs of a server."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is compared, not served
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}"


def _injected(plan: Plan) -> Response | None:
    if plan.answer is None:
        return None
    status, body, headers = plan.answer
    if body is None:
        response = error(status, "injected by server.faults")
        response.headers = headers
        return response
    media_type = "application/json" if body[:1] in (b"{", b"[") else "text/html;charset=UTF-8"
    return Response(status, body, media_type, headers)
