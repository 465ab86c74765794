"""Operations that the real server serves and this one does not. The answer says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from conductor.testing.engine import Refusal
from conductor.testing.server.routes.route import Route

ABSENT = {
    "POST /api/workflow/bulk/search": "GET /api/workflow/{workflowId} reads one workflow",
    "GET /api/admin/config": "its answer is about a process of Java",
}


def absent() -> Iterator[Route]:
    for operation, reason in ABSENT.items():
        yield Route(operation, _refusal(f"the embedded server does not serve {operation}: {reason}"))


def _refusal(message: str) -> Callable[..., Any]:
    def refuse(_engine: object) -> Any:
        raise Refusal(501, message)

    return refuse
