"""What can go wrong with a call. No text holds anything of an answer's body."""

from collections.abc import Mapping


class ExchangeError(Exception):
    """Raised by an exchange that brought no answer, or none that is whole. Its text holds nothing of what came."""


class CallError(Exception):
    """method and template (the path with names for its values) say which operation it was, path where it was sent."""

    def __init__(self, method: str, template: str, path: str, text: str) -> None:
        super().__init__(f"{method} {template}: {text}")
        self.method = method
        self.template = template
        self.path = path


class NoAnswer(CallError):
    """Nothing, or only a part, came back; ``__cause__`` is the exchange's exception."""

    def __init__(self, method: str, template: str, path: str) -> None:
        super().__init__(method, template, path, "no answer")


class UnexpectedStatus(CallError):
    """The status of the answer is not a success."""

    def __init__(
        self, method: str, template: str, path: str, status: int, headers: Mapping[str, str], content: bytes
    ) -> None:
        super().__init__(method, template, path, f"status {status}")
        self.status = status
        self.headers = headers
        self.content = content


class UndecodableResponse(CallError):
    """A success whose body is not what the document promises."""

    def __init__(self, method: str, template: str, path: str, status: int, reason: str) -> None:
        super().__init__(method, template, path, f"status {status}, {reason}")
        self.status = status
        self.reason = reason


class TooLarge(UndecodableResponse):
    """A success with a body that is larger than what is read. beginning: of that body, as far as it was kept."""

    def __init__(self, method: str, template: str, path: str, status: int, reason: str, beginning: bytes) -> None:
        super().__init__(method, template, path, status, reason)
        self.beginning = beginning
