"""Registers the definitions of files at a server, and shows the changes that this makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from conductor._output import output_data
from conductor.definition_changes import change_of
from conductor.definition_files import FileDefinition
from conductor.errors import ApiError, AuthenticationError, ConfigurationError, NotFoundError
from conductor.executor import TaskExecutor
from conductor.models import TaskDef, WorkflowDef
from conductor.transport import ApiClient
from conductor.workflow_executor import WorkflowExecutor


@dataclass
class Outcome:
    """The result for one definition.

    state: of the server's definition before; None if the server did not tell it. diff: lines of a unified diff.
    registered: whether it was sent and accepted. error: the reason why the server refused it; "" if it did not.
    """

    definition: FileDefinition
    state: Literal["new", "changed", "same"] | None = None
    diff: list[str] = field(default_factory=list)
    registered: bool = False
    error: str = ""


class DefinitionServer:
    """The definitions of a server. Its methods block for a request of each definition."""

    def __init__(self, api_client: ApiClient) -> None:
        self._tasks = TaskExecutor(api_client)
        self._workflows = WorkflowExecutor(api_client)

    def register(self, definitions: Iterable[FileDefinition], *, dry_run: bool = False) -> Iterator[Outcome]:
        """Register the definitions that are new or changed, one by one, and yield the outcome of each.

        dry_run: compare them, and send none.
        If the server refuses a definition, the others are still registered. TransportError, DecodeError and
        AuthenticationError end it, because they concern all definitions.
        """
        for definition in definitions:
            outcome = Outcome(definition)
            try:
                outcome.state, outcome.diff = change_of(definition, self._served(definition))
                if outcome.state != "same" and not dry_run:
                    self._send(definition)
                    outcome.registered = True
            except AuthenticationError:
                raise
            except (ApiError, ConfigurationError) as error:  # ConfigurationError: the name cannot be in a URL
                outcome.error = str(error)
            yield outcome

    def _send(self, definition: FileDefinition) -> None:
        if definition.kind == "task":
            self._tasks.register_task_defs(definition.wire)
        else:
            self._workflows.register_workflow(definition.wire)

    def _served(self, definition: FileDefinition) -> dict[str, Any] | None:
        """The server's definition as on the wire; None if it has none."""
        found: TaskDef | WorkflowDef
        try:
            if definition.kind == "task":
                found = self._tasks.get_task_def(definition.name)
            else:
                found = self._workflows.get_workflow_def(definition.name, definition.version)
        except NotFoundError as error:
            if error.conductor and error.message.startswith("No such"):
                return None
            raise  # the server has another API, or a gateway answers
        return output_data(found, "definition")[0]
