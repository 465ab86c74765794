"""The errors of paths."""


class PathError(Exception):
    """The text is no path, or there is nothing at its place. The server's expressions become null then."""


class PatternError(PathError):
    """A regular expression that may take too long. The text names it."""
