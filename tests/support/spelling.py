"""Worker functions as ``def`` and as ``async def``: a runner treats them the same."""

import pytest


def as_coroutine(function):
    """An ``async def`` that does what the function does."""

    async def worker(task):
        return function(task)

    return worker


either_spelling = pytest.mark.parametrize("spell", [lambda function: function, as_coroutine], ids=["def", "async def"])
"""For a test that gives the runner ``spell(function)``."""
