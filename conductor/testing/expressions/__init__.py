"""``${workflow.input.x}``, ``${ref.output.rows[0].z}``: the input of a task is made from data that exists already."""

from conductor.testing.expressions.checks import patterns_in, problems_in
from conductor.testing.expressions.java_text import as_text
from conductor.testing.expressions.template import expressions_in, fill
from conductor.testing.expressions.unresolved import unresolved_in

__all__ = ["as_text", "expressions_in", "fill", "patterns_in", "problems_in", "unresolved_in"]
