"""The error of a path."""


class PathError(Exception):
    """The text is no path, or there is nothing at its place. The server's expressions become null then."""
