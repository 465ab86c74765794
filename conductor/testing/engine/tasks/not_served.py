"""Types of tasks that the real server runs and this one does not."""

from __future__ import annotations

from conductor.testing.engine.records.records import Wire
from conductor.testing.engine.tasks.kind import EngineTask

NOT_SERVED = (
    *("KAFKA_PUBLISH", "LLM_TEXT_COMPLETE", "LLM_CHAT_COMPLETE"),
    *("LLM_INDEX_TEXT", "LLM_SEARCH_INDEX", "LLM_GENERATE_EMBEDDINGS", "LLM_STORE_EMBEDDINGS"),
    *("LLM_GET_EMBEDDINGS", "LIST_MCP_TOOLS", "CALL_MCP_TOOL", "PULL_WORKFLOW_MESSAGES", "AGENT"),
    *("GET_AGENT_CARD", "CANCEL_AGENT"),
)


class NotServed(EngineTask):
    """A definition with it is refused. A stub may take its place."""

    def problems(self, step: Wire, where: str) -> list[str]:  # noqa: ARG002 - of the protocol
        return [f"the embedded server does not support {where}"]
