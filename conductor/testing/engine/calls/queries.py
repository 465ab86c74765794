"""The ``query`` of a search, such as ``status=RUNNING AND startTime>1700000000000``.

The server (3.32.3) ignores members that it does not know, and what stands before a member. It takes all that comes
after a sign for the value, also ``OR status=FAILED``. Nobody who writes such a query wants its answer, so it is refused
here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple, TypeVar

from conductor.testing.engine.records.records import Wire
from conductor.testing.engine.records.refusals import Refusal

OF_TASKS = ("taskId", "taskType", "taskDefName", "status", "workflowType", "startTime", "updateTime", "endTime")
OF_WORKFLOWS = (
    *("workflowId", "workflowType", "status", "correlationId", "parentWorkflowId", "classifier"),
    *("startTime", "updateTime", "endTime"),
)
_CLAUSE = re.compile(r"[\s(]*+([A-Za-z]++)(?:\s?([=<>])|\s(IN)\b)\s?(.*)", re.DOTALL)
_QUOTED = re.compile(r"'[^']*+'|\"[^\"]*+\"")
_MORE = re.compile(r"[=<>!&|]|(?<![^\s()])(?:AND|OR|NOT|IN)(?![^\s()])", re.IGNORECASE)
V = TypeVar("V", int, str)
_NUMBER = re.compile(r"-?[0-9]{1,18}")


class Clause(NamedTuple):
    """A member of the summaries, a sign, and the values beside it: one, or those of IN."""

    member: str
    sign: str
    values: list[str]

    def holds(self, summary: Wire) -> bool:
        """Whether it is true for a summary. A time that is missing is 1970."""
        if self.member.endswith("Time"):
            return _compare(_milliseconds(summary.get(self.member)), self.sign, int(self.values[0]))
        value = str(summary.get(self.member, ""))
        if self.sign in {"=", "IN"} and len(self.values) == 1 and "*" in self.values[0]:
            return is_like(value, self.values[0])
        return value in self.values if self.sign == "IN" else _compare(value, self.sign, self.values[0])


def read_query(query: str, members: Collection[str]) -> list[Clause]:
    """The clauses of a query, all of which must hold. Refusal 400: one cannot be read, or not whole."""
    return list(_clauses(query, members)) if query else []


def _clauses(query: str, members: Collection[str]) -> Iterator[Clause]:
    for text in query.split(" AND "):
        match = _CLAUSE.fullmatch(text)
        if match is None:
            raise Refusal(400, f"Incorrectly formatted query string: {text}")
        member, sign, value = match[1], match[2] or match[3], match[4]
        if member not in members:
            raise _refusal(text, f"{member} is none of {', '.join(members)}")
        if _MORE.search(_QUOTED.sub("", value)):
            raise _refusal(text, "clauses are joined by AND, and a value with other signs or words is in quotes")
        values = re.sub(r"[\"'()]", "", value).split(",")
        if any(each != each.strip() for each in values):
            raise _refusal(text, "the server takes the blanks around a value for a part of it")
        if sign != "IN" and len(values) > 1:
            raise _refusal(text, "several values need IN")
        if member.endswith("Time") and (sign == "IN" or not _NUMBER.fullmatch(values[0])):
            raise _refusal(text, "a time is one number of milliseconds after =, < or >")
        yield Clause(member, sign, values)


def _refusal(text: str, reason: str) -> Refusal:
    return Refusal(400, f"the query cannot be read: {text.strip()[:200]!r}: {reason}")


def _milliseconds(time: str | None) -> int:
    return 0 if time is None else round(datetime.fromisoformat(time).timestamp() * 1000)


def is_like(value: str, pattern: str) -> bool:
    """By LIKE of SQL, as the server compares with a star (3.32.3)."""
    first, *others = re.split(r"[*%]+", pattern)
    if len(first) + sum(map(len, others)) > len(value):
        return False
    if not others:
        return _part(first).fullmatch(value) is not None
    *middle, last = others
    found = _part(first).match(value)
    for part in middle:
        if found is None:
            return False
        # Of the places where a part stands, the first is as good as another: no other is tried.
        found = _part(part).search(value, found.end())
    rest = len(value) - len(last)
    return found is not None and rest >= found.end() and _part(last).match(value, rest) is not None


def _part(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace("_", "."), re.IGNORECASE | re.DOTALL)


def _compare(value: V, sign: str, wanted: V) -> bool:
    if sign == "=":
        return value == wanted
    return value < wanted if sign == "<" else value > wanted
