"""The errors of scripts. Their texts are the server's reasons (3.32.3)."""


class ScriptError(Exception):
    """The script cannot be read, or has raised an error. Another try has the same end."""


class TimeLimitError(Exception):
    """The script was still running at the end of its time."""
