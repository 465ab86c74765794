"""Scripts in workflows: JavaScript and JQ. They need the extra ``dev-server``."""

from conductor.testing.scripts.engines import EngineMissingError, javascript_engine, jq_engine
from conductor.testing.scripts.errors import ScriptError, TimeLimitError
from conductor.testing.scripts.javascript import Answer, check_syntax
from conductor.testing.scripts.scripts import Scripts

__all__ = [
    "Answer",
    "EngineMissingError",
    "ScriptError",
    "Scripts",
    "TimeLimitError",
    "check_syntax",
    "javascript_engine",
    "jq_engine",
]
