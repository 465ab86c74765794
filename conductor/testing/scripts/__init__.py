"""Scripts in workflows: JavaScript and JQ. They need the extra ``dev-server``."""

from conductor.testing.scripts.engines import EngineMissingError, javascript_engine, jq_engine
from conductor.testing.scripts.errors import ScriptError, TimeLimitError
from conductor.testing.scripts.javascript import Answer, check_syntax, evaluate
from conductor.testing.scripts.jq import transform

__all__ = [
    "Answer",
    "EngineMissingError",
    "ScriptError",
    "TimeLimitError",
    "check_syntax",
    "evaluate",
    "javascript_engine",
    "jq_engine",
    "transform",
]
