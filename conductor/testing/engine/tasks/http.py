"""HTTP: sends a request. The output is the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conductor.testing.engine.records.records import TaskRecord, Wire
from conductor.testing.engine.tasks.http_answer import error_text, response_of
from conductor.testing.engine.tasks.http_exchange import Answer, Exchange, ExchangeError, Sent
from conductor.testing.engine.tasks.http_request import (
    MissingError,
    RequestError,
    encoded_uri,
    read_request,
    sent_body,
    sent_headers,
)
from conductor.testing.engine.tasks.kind import EngineTask, Making, Run, has_input
from conductor.testing.engine.tasks.outcome import FAILED, FAILED_FOR_GOOD, Outcome

PARAMETER = "http_request"
ERROR = 400
_NO_ANSWER = "No response from the remote service"


class Http(EngineTask):
    """The request is sent in the background, because the engine must not wait for its answer."""

    def problems(self, step: Wire, where: str) -> list[str]:
        if has_input(step, PARAMETER) or {"uri", "method"} & step["inputParameters"].keys():
            return []
        return [f"inputParameters.http_request or inputParameters.uri field is required for {where}"]

    def make(self, making: Making, step: Wire, retry_count: int) -> list[TaskRecord]:
        task = making.delayed(step, retry_count)
        task.wire["inputData"]["asyncComplete"] = step["asyncComplete"]
        return [task]

    def execute(self, run: Run, task: TaskRecord) -> bool:
        if task.status != "SCHEDULED" or run.making.now_ms < task.begins_at:
            return False
        if not run.in_background(task, HttpWork(task.input)):
            return False
        task.wire.update(startTime=run.making.now_ms, pollCount=task.wire["pollCount"] + 1)
        return True


class HttpWork:
    """The request of one task."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._exchange = Exchange()

    def stop(self) -> None:
        self._exchange.stop()

    def run(self) -> Outcome:
        """Send the request, and wait for the answer."""
        try:
            sent = _sent(self._given)
        except MissingError as error:
            return Outcome(FAILED, {}, str(error))
        except RequestError as error:
            return _failure(str(error))
        except TypeError as error:
            return Outcome(FAILED_FOR_GOOD, {}, f"The input of the HTTP task cannot be read: {error}")
        try:
            return self._outcome(sent, self._exchange.run(sent))
        except ExchangeError as error:
            place = sent.uri.partition("?")[0]
            return _failure(f'java.lang.Exception: I/O error on {sent.method} request for "{place}": {error}')

    def _outcome(self, sent: Sent, answer: Answer) -> Outcome:
        if answer.status >= ERROR:
            return _failure(f"java.lang.Exception: {error_text(sent.method, sent.uri, answer)}")
        try:
            response = response_of(answer)
        except ValueError:
            return _failure(f"java.lang.IllegalArgumentException: No matching constant for [{answer.status}]")
        if not 200 <= answer.status < 300:
            return Outcome(FAILED, {"response": response}, _NO_ANSWER)
        status = "IN_PROGRESS" if self._given.get("asyncComplete") is True else "COMPLETED"
        return Outcome(status, {"response": response})


def _sent(given: Mapping[str, Any]) -> Sent:
    """The request as it goes out. MissingError, RequestError and TypeError as for ``read_request``."""
    inner = given.get(PARAMETER)
    request = read_request(given if inner is None else inner)
    return Sent(
        request.method,
        encoded_uri(request.uri),
        sent_headers(request),
        sent_body(request),
        request.connection_timeout,
        request.read_timeout,
    )


def _failure(text: str) -> Outcome:
    return Outcome(FAILED, {"response": text}, f"Failed to invoke HTTP task due to: {text}")
