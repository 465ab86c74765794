"""Scripts and parameters that name inputs which a step does not give (server 3.32.3)."""

from __future__ import annotations

from collections.abc import Container, Iterator

from conductor.linting.findings import Faults
from conductor.linting.flow import Step
from conductor.linting.javascript import has_placeholder, names_read
from conductor.linting.scope import Scope
from conductor.testing.scripts import EngineMissingError, ScriptError, check_syntax

_JAVASCRIPT = (None, "", "javascript", "graaljs")
_NOT_FILLED_IN = "the server fills in no ${…} here: give the value in inputParameters, and read $.name"
_PARAMETERS = ("caseValueParam", "dynamicTaskNameParam", "dynamicForkJoinTasksParam", "dynamicForkTasksParam")


def script_faults(scope: Scope) -> Faults:
    """The faults of all scripts, and of members that name an input."""
    for step in scope.steps:
        inputs = scope.known.inputs(step)
        for member, script in _scripts(step):
            yield from _of_script(step, member, script, inputs)
        for path, name in _parameters(step):
            if name not in inputs:
                yield "warning", step.path + path, f"inputParameters do not name {name!r}"
        if step.kind == "DO_WHILE":
            yield from _of_loop(scope, step)


def _of_script(step: Step, member: str, script: str, inputs: Container[str]) -> Faults:
    path = step.path + member
    is_filled_in = member.startswith(".inputParameters")  # its expressions get their values before it runs
    if has_placeholder(script):
        if not is_filled_in:
            yield "error", path, _NOT_FILLED_IN
        return
    if not is_filled_in or "${" not in script:
        is_body = step.kind == "LAMBDA"  # the server puts it into a function
        yield from _of_syntax(path, f"function scriptFun(){{{script}}}" if is_body else script)
    for name in names_read(script):
        if name not in inputs:
            yield "warning", path, f"the script reads $.{name}, and inputParameters do not name it"


def _of_syntax(path: str, script: str) -> Faults:
    try:
        check_syntax(script)
    except ScriptError as error:
        yield "error", path, f"the script is no JavaScript: {error}"
    except EngineMissingError:
        return  # only the extra dev-server can tell


def _scripts(step: Step) -> Iterator[tuple[str, str]]:
    """The scripts of a step that see nothing but its inputs, with their places."""
    found: dict[str, object] = {}
    if step.kind == "SWITCH" and step.wire.get("evaluatorType") in ("javascript", "graaljs"):
        found = {".expression": step.wire.get("expression")}
    elif step.kind == "DECISION":
        found = {".caseExpression": step.wire.get("caseExpression")}
    elif step.kind == "LAMBDA":
        found = {".inputParameters.scriptExpression": step.inputs.get("scriptExpression")}
    elif step.kind == "INLINE" and step.inputs.get("evaluatorType") in _JAVASCRIPT:
        found = {".inputParameters.expression": step.inputs.get("expression")}
    for path, script in found.items():
        if isinstance(script, str):
            yield path, script


def _parameters(step: Step) -> Iterator[tuple[str, str]]:
    """The members that name an input."""
    names = {f".{name}": step.wire.get(name) for name in _PARAMETERS}
    if step.kind == "SWITCH" and step.wire.get("evaluatorType") == "value-param":
        names = {".expression": step.wire.get("expression")}
    elif step.kind == "DECISION":
        names = {".caseValueParam": None if step.wire.get("caseExpression") else step.wire.get("caseValueParam")}
    elif step.kind not in ("DYNAMIC", "FORK_JOIN_DYNAMIC") or "forkTaskInputs" in step.inputs:
        names = {}
    yield from ((path, name) for path, name in names.items() if name)


def _of_loop(scope: Scope, loop: Step) -> Faults:
    """The loopCondition sees the outputs of the tasks in the loop, of the loop itself, and its inputs."""
    path, script = f"{loop.path}.loopCondition", loop.wire.get("loopCondition") or ""
    if loop.wire.get("evaluatorType") not in _JAVASCRIPT:
        return
    if has_placeholder(script):
        yield "error", path, _NOT_FILLED_IN
        return
    yield from _of_syntax(path, script)
    known = {step.ref for step in scope.steps if loop in step.around} | {loop.ref, *scope.known.inputs(loop)}
    for name in names_read(script):
        if name in known:
            continue
        if name in scope.by_ref or name == "workflow":
            yield (
                "warning",
                path,
                f"{name} is no task in this loop, so $.{name} has no value: give it in inputParameters",
            )
        elif not scope.makes_steps:
            yield "warning", path, f"$.{name} has no value: it is no task in this loop and not in inputParameters"
