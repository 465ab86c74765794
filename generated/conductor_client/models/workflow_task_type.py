from enum import Enum, StrEnum
from typing import Literal

from ..base import LONGEST_NAME


class WorkflowTaskType(StrEnum):
    """A value that this package does not know becomes a member without a place among the others, equal to its text."""

    AGENT = "AGENT"
    CALL_MCP_TOOL = "CALL_MCP_TOOL"
    CANCEL_AGENT = "CANCEL_AGENT"
    DECISION = "DECISION"
    DO_WHILE = "DO_WHILE"
    DYNAMIC = "DYNAMIC"
    EVENT = "EVENT"
    EXCLUSIVE_JOIN = "EXCLUSIVE_JOIN"
    FORK_JOIN = "FORK_JOIN"
    FORK_JOIN_DYNAMIC = "FORK_JOIN_DYNAMIC"
    GET_AGENT_CARD = "GET_AGENT_CARD"
    HTTP = "HTTP"
    HUMAN = "HUMAN"
    INLINE = "INLINE"
    JOIN = "JOIN"
    JSON_JQ_TRANSFORM = "JSON_JQ_TRANSFORM"
    KAFKA_PUBLISH = "KAFKA_PUBLISH"
    LAMBDA = "LAMBDA"
    LIST_MCP_TOOLS = "LIST_MCP_TOOLS"
    LLM_CHAT_COMPLETE = "LLM_CHAT_COMPLETE"
    LLM_GENERATE_EMBEDDINGS = "LLM_GENERATE_EMBEDDINGS"
    LLM_GET_EMBEDDINGS = "LLM_GET_EMBEDDINGS"
    LLM_INDEX_TEXT = "LLM_INDEX_TEXT"
    LLM_SEARCH_INDEX = "LLM_SEARCH_INDEX"
    LLM_STORE_EMBEDDINGS = "LLM_STORE_EMBEDDINGS"
    LLM_TEXT_COMPLETE = "LLM_TEXT_COMPLETE"
    NOOP = "NOOP"
    PULL_WORKFLOW_MESSAGES = "PULL_WORKFLOW_MESSAGES"
    SET_VARIABLE = "SET_VARIABLE"
    SIMPLE = "SIMPLE"
    START_WORKFLOW = "START_WORKFLOW"
    SUB_WORKFLOW = "SUB_WORKFLOW"
    SWITCH = "SWITCH"
    TERMINATE = "TERMINATE"
    USER_DEFINED = "USER_DEFINED"
    WAIT = "WAIT"

    @classmethod
    def _missing_(cls, value: object) -> Enum | None:
        if not isinstance(value, str) or len(value) > LONGEST_NAME:
            return None
        member = str.__new__(cls, value)  # not kept here: a server may invent any number of them
        member._name_ = member._value_ = value
        return member


WorkflowTaskTypeText = Literal[
    "AGENT",
    "CALL_MCP_TOOL",
    "CANCEL_AGENT",
    "DECISION",
    "DO_WHILE",
    "DYNAMIC",
    "EVENT",
    "EXCLUSIVE_JOIN",
    "FORK_JOIN",
    "FORK_JOIN_DYNAMIC",
    "GET_AGENT_CARD",
    "HTTP",
    "HUMAN",
    "INLINE",
    "JOIN",
    "JSON_JQ_TRANSFORM",
    "KAFKA_PUBLISH",
    "LAMBDA",
    "LIST_MCP_TOOLS",
    "LLM_CHAT_COMPLETE",
    "LLM_GENERATE_EMBEDDINGS",
    "LLM_GET_EMBEDDINGS",
    "LLM_INDEX_TEXT",
    "LLM_SEARCH_INDEX",
    "LLM_STORE_EMBEDDINGS",
    "LLM_TEXT_COMPLETE",
    "NOOP",
    "PULL_WORKFLOW_MESSAGES",
    "SET_VARIABLE",
    "SIMPLE",
    "START_WORKFLOW",
    "SUB_WORKFLOW",
    "SWITCH",
    "TERMINATE",
    "USER_DEFINED",
    "WAIT",
]
"""The texts of its members, for type checkers."""
