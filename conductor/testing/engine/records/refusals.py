"""The two ways in which a call or a workflow ends early."""

from __future__ import annotations

from collections.abc import Sequence

from conductor.testing.engine.records.records import TaskRecord, Wire


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of this program
    """A call that the server refuses. It becomes Conductor's error JSON."""

    def __init__(
        self, status: int, message: str, validation_errors: Sequence[Wire] = (), *, retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.validation_errors = list(validation_errors)
        self.retryable = retryable


class Termination(Exception):  # noqa: N818 - as above
    """Raised by the interpreter: the workflow ends now, without success."""

    def __init__(self, reason: str | None, status: str = "FAILED", task: TaskRecord | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.task = task


def refuse(problems: list[Wire]) -> None:
    """Raise the server's 400 if there is a problem."""
    if problems:
        raise Refusal(400, "Validation failed, check below errors for detail.", problems)


def problem(path: str, message: str, invalid: object = None) -> Wire:
    """An entry of validationErrors. invalid: the value, left out if it is null or an object."""
    found = {"path": path, "message": message}
    return found if invalid is None else {**found, "invalidValue": str(invalid)}
