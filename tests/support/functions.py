"""Functions for tests of types."""


def taking(annotation):
    """A function with one parameter ``x`` of the type. It returns the text of its value."""

    def work(x):
        return repr(x)

    work.__annotations__ = {"x": annotation}
    return work
