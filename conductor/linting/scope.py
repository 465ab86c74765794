"""The definitions that a step can refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from conductor.definition_files import FileDefinition
from conductor.linting.flow import Step, Wire, steps_of


class Known:
    """All given definitions, by name."""

    def __init__(self, definitions: Iterable[FileDefinition]) -> None:
        self.versions: dict[str, set[int]] = {}
        self._templates: dict[str, Mapping[str, Any]] = {}
        for each in definitions:
            if each.kind == "task":
                self._templates[each.name] = each.wire.get("inputTemplate") or {}
            elif each.version is not None:
                self.versions.setdefault(each.name, set()).add(each.version)

    def inputs(self, step: Step) -> dict[str, Any]:
        """The inputs of a step, with those that its task definition adds."""
        own = step.wire.get("taskDefinition")
        template = self._templates.get(step.name, {}) if own is None else own.get("inputTemplate") or {}
        return {**template, **step.inputs}


@dataclass(frozen=True)
class Scope:
    """A workflow definition. known: the others. is_inline: it stands in another one, and no server checks it."""

    wire: Wire
    known: Known
    is_inline: bool = False

    @cached_property
    def steps(self) -> list[Step]:
        return steps_of(self.wire)

    def is_checked(self, step: Step) -> bool:
        """Whether a server looks at the members of the step when the definition is registered (3.32.3)."""
        return not self.is_inline and not any(each.kind == "DO_WHILE" for each in step.around)

    @cached_property
    def by_ref(self) -> dict[str, Step]:
        return {step.ref: step for step in self.steps}

    @cached_property
    def makes_steps(self) -> bool:
        """Whether there are steps at run time which the definition does not show."""
        return any(step.kind == "FORK_JOIN_DYNAMIC" for step in self.steps)
