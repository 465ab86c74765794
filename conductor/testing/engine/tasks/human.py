"""HUMAN: waits until somebody updates it."""

from __future__ import annotations

from conductor.testing.engine.tasks.kind import EngineTask


class Human(EngineTask):
    """No worker can poll it."""
