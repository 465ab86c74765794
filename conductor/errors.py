"""Every error that leaves this package: one tree, rooted in ConductorError.

Texts name the method, the path and the status of a failed call, never a header, a secret or a payload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class ConductorError(Exception):
    """The root: ``except ConductorError`` catches whatever this package raises on purpose."""


class ConfigurationError(ConductorError, ValueError):
    """An argument or an environment variable that cannot work; the text names it and its value."""


class NonRetryableError(ConductorError):
    """Raised by a worker function: the task fails for good (FAILED_WITH_TERMINAL_ERROR), the server does not retry it.

    It counts wherever it stands in the chain of causes, so ``raise MyError from NonRetryableError(...)`` is one too.
    """


class TransportError(ConductorError):
    """No usable answer came: refused, reset, timed out, cut short, or the server's certificate was not accepted.

    Also when the function that gives the headers of HttpSettings gave none.
    """


class DecodeError(ConductorError):
    """A success status with a body that is not what the server's document promises: a login page, broken JSON."""


class AnswerTooLargeError(DecodeError):
    """A success status with a body of 32 MiB or more. beginning: the first 64 KiB of it."""

    def __init__(self, text: str, beginning: bytes = b"") -> None:
        super().__init__(text)
        self.beginning = beginning


class ApiError(ConductorError):
    """The server answered with an error status.

    status: HTTP status code. method, path_template: the call, as in the OpenAPI document.
    path: the path that was called, with its values, at most 200 characters; path_template where it is not known.
    message: Conductor's own message with the findings of a validation, or the reason phrase where the body was not
        Conductor's JSON; 200 characters. summary: the same without the findings.
    retryable: Conductor's flag; it is true for nothing but its TransientException (server 3.32.3).
    error_code: the body's ``error``, e.g. "EXPIRED_TOKEN"; "" where there is none. Orkes sends it.
    validation_errors: Conductor's list of ``{path, message, invalidValue}``, empty for most errors; 100 of them.
    conductor: whether the body was Conductor's error JSON, and not a gateway's page.
    retry_after: seconds that the Retry-After header asked to wait, however many; None without a usable one.
    hint: where to look for the mistake, in words of this package; "" for most errors.

    ``str()`` has a line for each of validation_errors.
    """

    def __init__(  # noqa: PLR0917 - the agreed interface
        self,
        status: int,
        method: str,
        path_template: str,
        message: str,
        retryable: bool = False,
        validation_errors: Sequence[Any] = (),
        *,
        conductor: bool = False,
        retry_after: float | None = None,
        error_code: str = "",
        path: str = "",
        summary: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(status, method, path_template, message)
        self.status = status
        self.method = method
        self.path_template = path_template
        self.message = message
        self.retryable = retryable
        self.validation_errors = list(validation_errors)
        self.conductor = conductor
        self.retry_after = retry_after
        self.error_code = error_code
        self.path = path or path_template
        self.summary = summary or message
        self.hint = hint

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        found = "".join(map(_line, self.validation_errors))
        return f"{self.method} {self.path} answered {self.status}: {self.summary}{hint}{found}"


def _line(finding: object) -> str:
    if not isinstance(finding, Mapping) or not finding.get("message"):
        return ""
    return "\n  " + ": ".join(str(finding[name]) for name in ("path", "message") if finding.get(name))


class AuthenticationError(ApiError):
    """401 or 403: the key, the token or the permission was refused.

    Also any other 4xx (but 429) of the call that gets the token, whose path_template says so: no call without one.
    """


class NotFoundError(ApiError):
    """404: no such task, workflow, definition or route."""


class ConflictError(ApiError):
    """409: it exists already, or the workflow has ended."""


class RateLimitedError(ApiError):
    """429: too many requests."""


class ServerError(ApiError):
    """5xx. Conductor answers unparsable requests with 500 too, so a retry does not always help."""


_BY_STATUS = {404: NotFoundError, 409: ConflictError, 429: RateLimitedError}


def api_error_class(status: int) -> type[ApiError]:
    """The class for an error status: ServerError from 500 on, ApiError where there is no other."""
    if status in (401, 403):
        return AuthenticationError
    return ServerError if status >= 500 else _BY_STATUS.get(status, ApiError)
