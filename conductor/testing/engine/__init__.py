"""The engine of the embedded server: Conductor's state machine without HTTP."""

from conductor.testing.engine.engine import Engine
from conductor.testing.engine.records.refusals import Refusal

__all__ = ["Engine", "Refusal"]
