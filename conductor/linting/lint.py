"""Checks definitions in files, without a server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import attrgetter

from conductor.definition_files import FileDefinition, scan_definitions
from conductor.linting.expressions import expression_faults
from conductor.linting.findings import Faults, Finding, Severity
from conductor.linting.flow import Wire
from conductor.linting.joins import join_faults
from conductor.linting.members import member_faults
from conductor.linting.others import sub_workflow_faults, task_definition_faults, worker_faults
from conductor.linting.scope import Known, Scope
from conductor.linting.scripts import script_faults
from conductor.worker import Worker


def lint(path: str | os.PathLike[str], workers: Sequence[Worker] = ()) -> list[Finding]:
    """The faults of the definitions in a file or a folder, by the names of the files.

    workers: if there are any, a task without a worker is a fault too, and an input that its function does not take.
    ConfigurationError: see ``scan_definitions``.
    """
    definitions, problems = scan_definitions(path)
    known = Known(definitions)
    findings = [Finding(each.file, each.place, "error", each.text) for each in problems]
    for each in definitions:
        faults = task_definition_faults(each.wire) if each.kind == "task" else _of_workflow(each.wire, known, workers)
        findings += (_finding(each, *fault) for fault in faults)
    return sorted(findings, key=attrgetter("file"))


def _finding(definition: FileDefinition, severity: Severity, path: str, text: str) -> Finding:
    problem = definition.problem(path, text)
    return Finding(problem.file, problem.place, severity, problem.text)


def _of_workflow(wire: Wire, known: Known, workers: Sequence[Worker]) -> Faults:
    """The faults of a workflow, and of the sub-workflows that are defined in it."""
    waiting = [("", Scope(wire, known))]
    while waiting:
        prefix, scope = waiting.pop()
        faults = chain(
            member_faults(scope),
            expression_faults(scope),
            join_faults(scope),
            script_faults(scope),
            sub_workflow_faults(scope),
            worker_faults(scope, workers) if workers else (),
        )
        for severity, path, text in faults:
            yield severity, (prefix + path), text
        waiting += [(prefix + path, Scope(inner, known, is_inline=True)) for path, inner in _inline(scope)]


def _inline(scope: Scope) -> Iterator[tuple[str, Wire]]:
    for step in scope.steps:
        inner = (step.wire.get("subWorkflowParam") or {}).get("workflowDefinition")
        if isinstance(inner, dict):
            yield f"{step.path}.subWorkflowParam.workflowDefinition", inner
