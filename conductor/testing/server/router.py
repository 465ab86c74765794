"""Finds the route of a request, reads its arguments and makes its answer, also for errors, as Spring does in 3.32.3."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote

from conductor.testing.engine import Engine, Refusal
from conductor.testing.engine.records.json_text import parse_json
from conductor.testing.server.binding import Binder, body_binder
from conductor.testing.server.chaos import AnswerLostError, Chaos
from conductor.testing.server.faults import Faults
from conductor.testing.server.http_wire import Request, Response
from conductor.testing.server.parameters import integer, text
from conductor.testing.server.responses import JSON, as_json_or_204, error
from conductor.testing.server.routes import NOT_SERVED, ROUTES
from conductor.testing.server.routes.route import Route
from conductor.testing.server.routes.tasks import BATCH_POLL, POLL, UPDATE_V2

logger = logging.getLogger(__name__)

LONGEST_POLL = 5000  # milliseconds


@dataclass(frozen=True, slots=True)
class Found:
    route: Route
    variables: dict[str, str]


class Router:
    """The routes of the table, and those that are not one call of the engine.

    update_v2: True, or "404", "405" or "500", the answers of servers that do not have update-v2.
    chaos: faults by a seed.
    """

    def __init__(self, engine: Engine, faults: Faults, update_v2: bool | str, chaos: Chaos | None = None) -> None:
        self._engine = engine
        self._faults = faults
        self._update_v2 = update_v2
        self._chaos = chaos
        self._by_length: dict[int, list[tuple[list[str | None], Route]]] = {}
        self._binders: dict[str, Binder] = {}
        for route in (*ROUTES, *NOT_SERVED, *self._own_routes()):
            self.add(route)

    def add(self, route: Route) -> None:
        """Add a route. If several routes fit a path, names count before variables."""
        segments = [None if each.startswith("{") else each for each in route.segments]
        same_length = self._by_length.setdefault(len(segments), [])
        same_length.append((segments, route))
        same_length.sort(key=lambda each: [segment is None for segment in each[0]])

    def find(self, method: str, path: str) -> Found | Response:
        """The route of a request, or the answer to a request without a route."""
        given = [segment.partition(";")[0] for segment in path.split("/")[1:]]
        wanted = "GET" if method == "HEAD" else method
        allowed = []
        for segments, route in self._by_length.get(len(given), ()):
            if all(part if fix is None else part == fix for fix, part in zip(segments, given, strict=True)):
                if route.method == wanted:
                    values = zip(route.segments, segments, given, strict=True)
                    return Found(route, {name.strip("{}"): _decoded(part) for name, fix, part in values if fix is None})
                allowed.append(route.method)
        if not allowed:
            return error(404, f"No static resource {unquote('/'.join(filter(None, given)))}.")
        if method == "OPTIONS":
            methods = ["HEAD"] if "GET" in allowed else []
            return Response(200, headers={"Allow": ",".join([*allowed, *methods, "OPTIONS"])})
        return error(405, f"Request method '{method}' is not supported")

    def answer(self, found: Found, request: Request) -> Response | None:
        """Call the engine. It never raises: a bug becomes a 500 with its text, and the log has the traceback.

        None: the connection must be closed in place of an answer.
        """
        route = found.route
        if route.operation == UPDATE_V2 and self._update_v2 is not True:
            return _without_v2(str(self._update_v2))
        try:
            arguments = list(self._arguments(found, request))
            call = partial(route.call, self._engine, *arguments)
            if self._chaos is None:
                return route.answer(call())
            return route.answer(self._chaos.call(self._engine, route.operation, call, arguments))
        except AnswerLostError:
            return None
        except Refusal as refusal:
            return error(
                refusal.status,
                refusal.message,
                retryable=refusal.retryable,
                validation_errors=refusal.validation_errors,
            )
        except Exception as bug:
            logger.exception("the dev server failed at %s", route.operation)
            return error(500, f"{type(bug).__name__}: {bug}")

    def _arguments(self, found: Found, request: Request) -> Iterator[Any]:
        """Read the arguments in the order of Spring, which decides about the error of a request with two mistakes."""
        query_text = request.target.partition("?")[2]
        query = parse_qs(query_text, keep_blank_values=True, errors="replace") if query_text else {}
        variables = dict(found.variables)
        for parameter in found.route.parameters:
            if parameter.name in variables:
                yield parameter.bind([variables.pop(parameter.name)])
            else:
                yield parameter.read(query)
        if found.route.body is not None:
            yield self._body(found.route, request)

    def _body(self, route: Route, request: Request) -> Any:
        kind = str(route.body)
        if kind == "text":
            value: Any = request.body.decode("utf-8", "replace") or None
        else:
            value = parse_json(request.body) if _is_json(request) else None
        if value is None:
            raise Refusal(500, f"Required request body is missing: {route.operation}")
        if kind == "text":
            return value
        binder = self._binders.get(kind)
        if binder is None:
            binder = self._binders[kind] = body_binder(kind)
        return binder(value)

    def _own_routes(self) -> Iterator[Route]:
        task_type, poller = text("tasktype"), (text("workerid"), text("domain"))
        yield Route(POLL, self._poll_one, (task_type, *poller), answer=as_json_or_204)
        yield Route(BATCH_POLL, self._poll, (task_type, *poller, integer("count", 1), integer("timeout", 100)))
        yield Route(UPDATE_V2, self._update_task_v2, body="TaskResult", answer=as_json_or_204)

    def _poll_one(self, engine: Engine, task_type: str, worker: str | None, domain: str | None) -> Any:
        tasks = self._poll(engine, task_type, worker, domain, 1, 100)
        return tasks[0] if tasks else None

    def _poll(  # noqa: PLR0917 - in the request's order
        self, engine: Engine, task_type: str, worker: str | None, domain: str | None, count: int, timeout: int
    ) -> list[Any]:
        if timeout > LONGEST_POLL:
            raise Refusal(400, "Long Poll Timeout value cannot be more than 5 seconds")
        copies = self._faults.copies(task_type, domain, count)
        return copies or self._faults.deliver(
            task_type, engine.queues.poll(task_type, worker, domain, count, timeout), count
        )

    def _update_task_v2(self, engine: Engine, result: dict[str, Any]) -> Any:
        task = engine.tasks.update_v2(result)
        if task is not None:
            self._faults.deliver(str(task.get("taskType")), [task], 1)
        return task


def _without_v2(form: str) -> Response:
    if form == "404":
        return error(404, "No static resource api/tasks/update-v2.")
    return error(int(form), "Request method 'POST' is not supported")


def _decoded(segment: str) -> str:
    return unquote(segment, errors="replace") if "%" in segment else segment


def _is_json(request: Request) -> bool:
    """Whether the body is JSON. False: there is none. Refusal: it has another media type."""
    media = request.headers.get("content-type", "")
    if media == JSON:
        return True
    if not media and not request.body:
        return False
    name = (media or "application/octet-stream").partition(";")[0].strip().lower()
    if "/" not in name:
        raise Refusal(500, f"Invalid mime type \"{media}\": does not contain '/'")
    if name == JSON or re.fullmatch(r"application/.+\+json", name):
        return True
    charset = ";charset=UTF-8" if name in ("text/plain", "application/x-www-form-urlencoded") else ""
    raise Refusal(500, f"Content-Type '{name}{charset}' is not supported")
