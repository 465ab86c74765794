"""Workflow definitions as data: their steps, the expressions in them, and a copy that is fit for a comparison."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

OWNER = "team@example.com"
GENERIC_TASK = "generic_task"
GENERIC_WORKFLOW = "generic_workflow"
EXPRESSION = re.compile(r"\$\{([^{}]+)\}")
ADDRESS = re.compile(r"https?://[^\s\"'/?#\\$<>]+")

SYSTEM_TYPES = frozenset(
    {
        *("DYNAMIC", "FORK_JOIN", "FORK_JOIN_DYNAMIC", "FORK", "JOIN", "EXCLUSIVE_JOIN", "DECISION", "SWITCH"),
        *("DO_WHILE", "SUB_WORKFLOW", "START_WORKFLOW", "EVENT", "WAIT", "HUMAN", "HTTP", "LAMBDA", "INLINE"),
        *("TERMINATE", "KAFKA_PUBLISH", "JSON_JQ_TRANSFORM", "SET_VARIABLE", "NOOP"),
    }
)
"""Types of tasks that a server runs itself, or that people and events end."""

STUBBED_TYPES = frozenset(
    {
        *("LLM_TEXT_COMPLETE", "LLM_CHAT_COMPLETE", "LLM_INDEX_TEXT", "LLM_SEARCH_INDEX", "LLM_GENERATE_EMBEDDINGS"),
        *("LLM_STORE_EMBEDDINGS", "LLM_GET_EMBEDDINGS", "LIST_MCP_TOOLS", "CALL_MCP_TOOL", "AGENT", "GET_AGENT_CARD"),
        *("CANCEL_AGENT", "KAFKA_PUBLISH", "PULL_WORKFLOW_MESSAGES"),
    }
)
"""Types that need a service elsewhere. Stubs answer for them on an embedded server. A server that has been started
without these services takes the types of AI for tasks of workers."""


def read_definitions(paths: list[Path]) -> Iterator[tuple[str, Json]]:
    """The definitions in files and in the files of folders, with the names of their files, in the order of names."""
    files = [file for path in paths for file in (sorted(path.glob("*.json*")) if path.is_dir() else [path])]
    for file in files:
        content = json.loads(file.read_text("utf-8"))
        found = content if isinstance(content, list) else [content]
        for number, definition in enumerate(found):
            yield (file.name if len(found) == 1 else f"{file.name}[{number}]"), definition


def walk(tasks: list[Json] | None) -> Iterator[Json]:
    """The steps and the steps in their branches, loops and sub-workflows."""
    for task in tasks or ():
        yield task
        inline = (task.get("subWorkflowParam") or {}).get("workflowDefinition")
        for inner in (
            *(task.get("decisionCases") or {}).values(),
            task.get("defaultCase"),
            *(task.get("forkTasks") or ()),
            task.get("loopOver"),
            inline.get("tasks") if isinstance(inline, dict) else None,
        ):
            yield from walk(inner)


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def expressions_in(value: Any) -> Iterator[str]:
    """What stands between ``${`` and ``}`` in the texts of a JSON value."""
    for text in texts_in(value):
        yield from EXPRESSION.findall(text)


def prepared(definition: Json, loopback: str) -> Json:
    """A copy that sends no request to another machine, and does not wait before a step or a retry."""
    copy: Json = json.loads(ADDRESS.sub(loopback, json.dumps(definition)))
    copy.setdefault("ownerEmail", OWNER)
    for task in walk(copy.get("tasks")):
        if task.get("startDelay"):
            task["startDelay"] = 0
        if task.get("taskDefinition"):
            task["taskDefinition"]["retryDelaySeconds"] = 0
    return copy


def worker_tasks(definition: Json) -> dict[str, Json]:
    """Task definitions for the steps of workers, by name."""
    names = {GENERIC_TASK} | {
        task["name"] for task in walk(definition.get("tasks")) if is_worker_type(task.get("type", "SIMPLE"))
    }
    return {name: task_definition(name) for name in sorted(names)}


def task_definition(name: str) -> Json:
    return {"name": name, "ownerEmail": OWNER, "retryCount": 1, "retryDelaySeconds": 0, "responseTimeoutSeconds": 3600}


def is_worker_type(kind: str) -> bool:
    """Types without a meaning for the server are types of workers, too."""
    return kind not in SYSTEM_TYPES


def generic_workflow(name: str, version: int = 1) -> Json:
    """A workflow of one task of a worker."""
    task = {"name": GENERIC_TASK, "taskReferenceName": "generic_step", "type": "SIMPLE", "inputParameters": {}}
    return {"name": name, "version": version, "schemaVersion": 2, "ownerEmail": OWNER, "tasks": [task]}


def needed_workflows(definition: Json, known: dict[str, Json]) -> list[Json]:
    """The workflows that the steps name, and those that these need. A generic workflow replaces an unknown one."""
    needed: dict[tuple[str, int], Json] = {(GENERIC_WORKFLOW, 1): generic_workflow(GENERIC_WORKFLOW)}
    pending = [definition]
    while pending:
        for name, wanted in _names_in(pending.pop()):
            version = wanted or known.get(name, {}).get("version", 1)
            if (name, version) not in needed:
                child = known[name] | {"version": version} if name in known else generic_workflow(name, version)
                needed[name, version] = child
                pending.append(child)
    needed.pop((definition["name"], definition.get("version", 1)), None)
    return list(needed.values())


def _names_in(definition: Json) -> Iterator[tuple[str, int]]:
    """Names of workflows with their versions. 0: any version."""
    failure = definition.get("failureWorkflow")
    if failure and "$" not in failure:
        yield failure, 0
    for task in walk(definition.get("tasks")):
        given = task.get("subWorkflowParam") or {}
        name = given.get("name")
        if isinstance(name, str) and name and "$" not in name and "workflowDefinition" not in given:
            version = given.get("version")
            yield name, version if isinstance(version, int) else 0
        inputs = task.get("inputParameters") or {}
        forked = inputs.get("forkTaskWorkflow")
        if isinstance(forked, str) and "$" not in forked:
            yield forked, int(inputs.get("forkTaskWorkflowVersion") or 0)
