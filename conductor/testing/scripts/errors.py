"""The errors of scripts. Their texts are the server's reasons (3.32.3)."""


class ScriptError(Exception):
    """The script cannot be read, or has raised an error. Another try has the same end."""


class TimeLimitError(Exception):
    """The script was still running at the end of its time. seconds: the time that it had."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Script not evaluated within {round(seconds, 1):g} seconds, interrupted.")
