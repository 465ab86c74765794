"""The kind of a workflow, by which searches select."""

from __future__ import annotations

from conductor.testing.engine.records.records import Wire


def classifier_of(definition: Wire) -> str:
    """The kind of a workflow: named in its metadata, or ``agent`` for what an SDK of agents makes."""
    metadata = definition["metadata"]
    given = metadata.get("classifier")
    if isinstance(given, str) and given.strip():
        return given
    is_agent = metadata.get("agent_sdk") is not None or metadata.get("agentDef") is not None
    return "agent" if is_agent else "workflow"
