"""The errors of this package. Their base class is ConductorError.

Texts name the method, the path and the status of a failed call, never a header, a secret or a payload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_REASON = 500
"""Characters of a reason in an error's text. A server keeps as many of a task's reason."""


class ConductorError(Exception):
    """The base class of all errors that this package raises on purpose."""


class ConfigurationError(ConductorError, ValueError):
    """An argument or an environment variable cannot work. The text names it and its value."""


class NonRetryableError(ConductorError):
    """Raised by a worker function: the task is FAILED_WITH_TERMINAL_ERROR, and the server does not retry it.

    It may stand anywhere in the chain of causes, as in ``raise MyError from NonRetryableError(...)``.
    """


class InvalidInputError(NonRetryableError):
    """The input of a task does not fit the parameters of the worker function, or the type given to ``Task.input_as``.

    In the first case the function was not called.

    The text gives the path of each wrong value, the type that is expected and the type of the value, never the value.
    """


class WorkflowNotCompletedError(ConductorError):
    """There is no output, because the workflow still runs or has ended in another way.

    workflow_id, status: of the workflow; status is a text such as ``FAILED`` or ``RUNNING``.
    reason: the server's own words about the failure, or the tasks that no worker has taken; "" if neither is known.
    """

    def __init__(self, workflow_id: str, status: str, reason: str = "") -> None:
        super().__init__(workflow_id, status, reason)
        self.workflow_id = workflow_id
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        because = f": {self.reason[:LONGEST_REASON]}" if self.reason else ""
        return f"workflow {self.workflow_id} is {self.status}, not COMPLETED{because}"


class TransportError(ConductorError):
    """No usable answer came: refused, reset, timed out, cut short, or a certificate that was not accepted.

    Also raised if the headers function of HttpSettings has failed. may_have_arrived: False if the server cannot have
    received the request, because there was no connection.
    """

    may_have_arrived = True


class DecodeError(ConductorError):
    """The answer has a success status, and a body that cannot be read, such as a login page or broken JSON."""


class AnswerTooLargeError(DecodeError):
    """A success status with a body of 32 MiB or more. beginning: the first 64 KiB of it."""

    def __init__(self, text: str, beginning: bytes = b"") -> None:
        super().__init__(text)
        self.beginning = beginning


class PayloadError(ConductorError):
    """A payload could not be read from the server's external storage, or written to it. The text names the host.

    It shows no more of an address, because the rest may be signed.
    """


class UnusablePayloadError(PayloadError, NonRetryableError):
    """A payload or its address cannot be used, so another try would not help."""


class PayloadElsewhereError(UnusablePayloadError):
    """A payload lies in the server's external storage, and the server gives no address of it."""


class ApiError(ConductorError):
    """The server answered with an error status.

    status: HTTP status code. method, path_template: the call, as in the OpenAPI document.
    path: the path with its values, at most 200 characters; path_template if it is not known.
    message: Conductor's own message with the findings of a validation, or the reason phrase if the body was not
        Conductor's JSON; 200 characters. summary: the same without the findings.
    retryable: Conductor's flag. It is true only for a TransientException of the server (3.32.3).
    error_code: the body's ``error``, e.g. "EXPIRED_TOKEN"; "" if there is none. Orkes sends it.
    validation_errors: Conductor's list of ``{path, message, invalidValue}``, empty for most errors; 100 of them.
    conductor: whether the body was Conductor's error JSON, and not a gateway's page.
    retry_after: the seconds of the Retry-After header; None without a usable one.
    hint: a likely cause, in words of this package; "" for most errors.

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

    Also any other 4xx, except 429, of the token call, because no call works without a token.
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
    """The class for an error status: ServerError from 500 on, and ApiError if no other class fits."""
    if status in (401, 403):
        return AuthenticationError
    return ServerError if status >= 500 else _BY_STATUS.get(status, ApiError)
