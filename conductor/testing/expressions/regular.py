"""The regular expressions of filters, with a limit: Python cannot stop one, and nothing else runs meanwhile."""

from __future__ import annotations

import re
from math import prod

from conductor.testing.expressions.errors import PathError, PatternError

MOST_STEPS = 100_000_000
"""Steps of a match, at worst."""
SHORT = 50
"""The length of a text that a regular expression must be able to match."""
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE, "u": re.UNICODE}
_WHOLE = re.compile(r"/((?:[^/\\]|\\.)*)/([a-zA-Z]*)")
_SIGNS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_COMMENT = re.compile(r"\(\?(?:#|[a-zA-Z]*x)")
_EAGER = re.compile(r"([*+?}])[?+]")
_INNERMOST = re.compile(r"\(([^()]*)\)")


class Regular:
    """A regular expression between slashes, with flags behind. PathError if it is none, PatternError if it may take
    too long.
    """

    def __init__(self, text: str) -> None:
        found = _WHOLE.fullmatch(text)
        try:
            if found is None:
                raise PathError("no regular expression")
            flags = sum({_FLAGS.get(flag.lower(), re.NOFLAG) for flag in found[2]}, re.NOFLAG)
            self._pattern = re.compile(found[1], flags)
        except (re.error, OverflowError, RecursionError):
            raise PathError("no regular expression") from None
        bare = _SIGNS.sub(".", found[1])
        if self._pattern.flags & re.VERBOSE or _COMMENT.search(bare):
            raise PatternError(f"the regular expression {text} may hold comments, which this server does not read")
        if re.search(r"\)[*+{]", bare):
            raise PatternError(f"the regular expression {text} repeats a group, and so may take for ever")
        # No choice is made twice: what stays is their number.
        bare = re.sub(r"\{\d+\}", "", _EAGER.sub(r"\1", bare.replace("(?", "(")))
        self._repeated = len(re.findall(r"[*+{]", bare))
        self._ways = 2 ** bare.count("?") * _alternatives(bare)
        if self._steps(SHORT) > MOST_STEPS:
            raise PatternError(
                f"the regular expression {text} may take more than {MOST_STEPS} steps for a text of {SHORT} characters"
            )

    def matches(self, text: str) -> bool:
        """Whether it matches the whole text. PatternError: that may take too long."""
        if self._steps(len(text)) > MOST_STEPS:
            raise PatternError(f"a text of {len(text)} characters is too long for {self._pattern.pattern}")
        return self._pattern.fullmatch(text) is not None

    def _steps(self, length: int) -> int:
        return int(self._ways * length**self._repeated)


def _alternatives(bare: str) -> int:
    """In how many ways the alternatives of all groups can be combined."""
    ways = 1
    while groups := _INNERMOST.findall(bare):
        ways *= prod(group.count("|") + 1 for group in groups)
        bare = _INNERMOST.sub(".", bare)
    return ways * (bare.count("|") + 1)
