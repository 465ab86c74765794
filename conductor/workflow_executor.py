"""WorkflowExecutor: the calls of the server that concern workflows and their definitions.

Every method except ``execute_workflow`` is one blocking request. All raise ApiError, TransportError or DecodeError. A
bad argument raises ConfigurationError, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, Unpack, overload

from conductor import models
from conductor._arguments import (
    Duration,
    optional_text,
    path_segment,
    require_instance,
    require_text,
    seconds,
    whole_number,
)
from conductor._execute_workflow import execute_and_wait
from conductor._output import output_data
from conductor._start_request import StartOptions, counted, optional_version, start_request
from conductor.binding.typed import output_of, require_readable
from conductor.definitions import Readable, wire_definitions
from conductor.errors import ApiError, ConfigurationError
from conductor.executor import BaseExecutor, search_arguments
from conductor.models import RerunWorkflowRequest, Strategy, Workflow, WorkflowDef
from conductor.payloads import workflow_with_payloads
from conductor.transport import checked_id, metadata, workflows
from conductor.worker import checked_name

T = TypeVar("T")

_FLAG = "True or False"


class WorkflowExecutor(BaseExecutor):
    """Registers, starts and controls workflows."""

    def register_workflow(
        self, *workflow_defs: WorkflowDef | Readable | Sequence[WorkflowDef | Readable], overwrite: bool = True
    ) -> None:
        """Create the definitions, or replace those of the same name and version.

        workflow_defs: structs, mappings as on the wire, paths of JSON files (each with one definition or a list of
            them), JSON as a text that begins with ``{`` or ``[``, and lists of these. JSON is sent unchanged, after a
            check: an unknown key at any depth is a ConfigurationError that names the nearest known key.
        overwrite=False: ConflictError if a definition exists. They are created one by one, so earlier ones stay.
        """
        given: Any = wire_definitions("workflow_defs", workflow_defs, WorkflowDef)
        if not require_instance("overwrite", overwrite, bool, _FLAG):
            for workflow_def in given:
                self._api.call(metadata.register_workflow_def.sync, workflow_def)
            return
        operation = metadata.update_workflow_defs
        answer = self._api.call(operation.sync, given)
        for name, message in (answer.bulk_error_results or {}).items():  # inside a 200 (server 3.32.3)
            raise ApiError(400, operation.METHOD, operation.TEMPLATE, f"{name}: {message}")

    def get_workflow_def(self, name: str, version: int | None = None) -> WorkflowDef:
        """Read a definition, by default its latest version. NotFoundError if there is none."""
        workflow, wanted = path_segment("name", name), optional_version(version)
        return self._api.call(metadata.get_workflow_def.sync, workflow, version=wanted)

    def get_workflow_defs(self, latest_versions: bool = False) -> list[WorkflowDef]:
        """All versions of every definition, or only the latest ones."""
        only_latest = require_instance("latest_versions", latest_versions, bool, _FLAG)
        operation = metadata.get_latest_workflow_defs if only_latest else metadata.get_workflow_defs
        return self._api.call(operation.sync)

    def delete_workflow_def(self, name: str, version: int) -> None:
        """Delete a definition. Started workflows keep it. ServerError for an unknown definition (3.32.3)."""
        workflow, unwanted = path_segment("name", name), whole_number("version", version, 0)
        self._api.call(metadata.delete_workflow_def.sync, workflow, unwanted)

    def start_workflow(
        self,
        name: str,
        input: Any = None,  # noqa: A002 - Conductor's word
        *,
        version: int | None = None,
        correlation_id: str | None = None,
        task_to_domain: Mapping[str, str] | None = None,
        priority: int = 0,
        idempotency_key: str | None = None,
        idempotency_strategy: Strategy | None = None,
    ) -> str:
        """Start a workflow, by default its latest version; returns its id. NotFoundError: no such definition.

        input: any value that a worker function may return. priority: 0 to 99.
        idempotency_key: if an earlier workflow had the same key, the strategy decides: FAIL, RETURN_EXISTING (its id is
            returned) or FAIL_ON_RUNNING. Both are for Orkes servers; conductor-oss 3.32.3 ignores them.
        """
        request = start_request(
            checked_name("name", name),
            input,
            version=version,
            correlation_id=correlation_id,
            task_to_domain=task_to_domain,
            priority=priority,
            idempotency_key=idempotency_key,
            idempotency_strategy=idempotency_strategy,
        )
        start = workflows.start_workflow
        return counted(request, lambda: checked_id(start.TEMPLATE, self._api.call(start.sync, request)))

    @overload
    def execute_workflow(
        self,
        name: str,
        input: Any = None,
        *,
        timeout: Duration = 30.0,
        wait_until_task_ref: str | None = None,
        output_type: None = None,
        **options: Unpack[StartOptions],
    ) -> Workflow: ...
    @overload
    def execute_workflow(
        self,
        name: str,
        input: Any = None,
        *,
        timeout: Duration = 30.0,
        output_type: type[T],
        **options: Unpack[StartOptions],
    ) -> T: ...
    @overload
    def execute_workflow(
        self,
        name: str,
        input: Any = None,
        *,
        timeout: Duration = 30.0,
        output_type: Any,
        **options: Unpack[StartOptions],
    ) -> Any: ...
    def execute_workflow(
        self,
        name: str,
        input: Any = None,  # noqa: A002 - Conductor's word
        *,
        timeout: Duration = 30.0,
        wait_until_task_ref: str | None = None,
        output_type: Any = None,
        version: int | None = None,
        correlation_id: str | None = None,
        task_to_domain: Mapping[str, str] | None = None,
        priority: int = 0,
        idempotency_key: str | None = None,
        idempotency_strategy: Strategy | None = None,
    ) -> Any:
        """Start a workflow and wait. Returns it when it has ended or the timeout has passed, in any status.

        timeout: seconds or timedelta; the wait takes at least a second.
        wait_until_task_ref: return also when a task of this reference name has ended, in any status. Several names are
            separated by commas. Tasks in loops are called ``name__1``. Tasks of a sub-workflow do not count.
        output_type: return the output as a value of this type instead, as ``get_output`` does. Then a workflow that has
            not completed is a WorkflowNotCompletedError.
        The other arguments are those of ``start_workflow``. After a TransportError the workflow may have been started.
        """
        wait = seconds("timeout", timeout)
        until = None if wait_until_task_ref is None else checked_name("wait_until_task_ref", wait_until_task_ref)
        if output_type is not None:
            require_readable("output_type", output_type)
            if until is not None:
                raise ConfigurationError(
                    "output_type must not be given with wait_until_task_ref, as no output is there"
                )
        request = start_request(
            path_segment("name", name),
            input,
            version=version,
            correlation_id=correlation_id,
            task_to_domain=task_to_domain,
            priority=priority,
            idempotency_key=idempotency_key,
            idempotency_strategy=idempotency_strategy,
        )
        workflow = execute_and_wait(self._api, request, wait, until)
        return workflow if output_type is None else output_of(workflow, output_type, self._payloads.read)

    @overload
    def get_output(self, workflow_id: str, output_type: type[T]) -> T: ...
    @overload
    def get_output(self, workflow_id: str, output_type: Any) -> Any: ...  # such as int | None, which is no class
    def get_output(self, workflow_id: str, output_type: Any) -> Any:
        """The output of a completed workflow as a value of the type: a dataclass, a TypedDict, dict[str, int], ….

        WorkflowNotCompletedError: it still runs, or has ended in another way. DecodeError: the output does not fit.
        """
        require_readable("output_type", output_type)
        return output_of(self.get_workflow(workflow_id, include_tasks=False), output_type, self._payloads.read)

    def get_workflow(self, workflow_id: str, include_tasks: bool = True, fetch_payloads: bool = False) -> Workflow:
        """NotFoundError for an unknown id.

        fetch_payloads: read the inputs and outputs of the workflow and its tasks from the server's external storage if
            they are there. PayloadError if that is not possible.
        """
        with_tasks = require_instance("include_tasks", include_tasks, bool, _FLAG)
        fetches = require_instance("fetch_payloads", fetch_payloads, bool, _FLAG)
        asked = path_segment("workflow_id", workflow_id)
        workflow = self._api.call(workflows.get_workflow.sync, asked, include_tasks=with_tasks)
        return workflow_with_payloads(workflow, self._payloads.read) if fetches else workflow

    def get_by_correlation_ids(
        self, name: str, *correlation_ids: str, include_closed: bool = False, include_tasks: bool = False
    ) -> dict[str, list[Workflow]]:
        """The workflows of a name by correlation id. The list of an id is empty if no workflow has it.

        include_closed: include workflows that have ended.
        """
        if not correlation_ids:
            raise ConfigurationError("correlation_ids must be one at least")
        return self._api.call(
            workflows.get_workflows_by_correlation_ids.sync,
            path_segment("name", name),
            [require_text("correlation_ids", each) for each in correlation_ids],
            include_closed=require_instance("include_closed", include_closed, bool, _FLAG),
            include_tasks=require_instance("include_tasks", include_tasks, bool, _FLAG),
        )

    def get_workflow_status(self, workflow_id: str) -> models.WorkflowStatusSummary:
        """The status of a workflow, without tasks, input and output (server >= 3.31.2)."""
        return self._api.call(workflows.get_workflow_status.sync, path_segment("workflow_id", workflow_id))

    def pause(self, workflow_id: str) -> None:
        """Schedule no more tasks. Queued tasks stay in their queues."""
        self._api.call(workflows.pause_workflow.sync, path_segment("workflow_id", workflow_id))

    def resume(self, workflow_id: str) -> None:
        self._api.call(workflows.resume_workflow.sync, path_segment("workflow_id", workflow_id))

    def restart(self, workflow_id: str, use_latest_definitions: bool = False) -> None:
        """Run an ended workflow from its start. ConflictError while it runs.

        use_latest_definitions: use the latest version of the definition instead of the first one. NotFoundError if
            there is none any more.
        """
        workflow = path_segment("workflow_id", workflow_id)
        latest = require_instance("use_latest_definitions", use_latest_definitions, bool, _FLAG)
        self._api.call(workflows.restart_workflow.sync, workflow, use_latest_definitions=latest)

    def rerun(
        self,
        workflow_id: str,
        *,
        task_id: str | None = None,
        task_input: Any = None,
        workflow_input: Any = None,
        correlation_id: str | None = None,
    ) -> str:
        """Run an ended workflow again, from its start or from one of its tasks. Returns its id, which stays the same.

        task_input, workflow_input: the new inputs of the task and the workflow. ConflictError while it runs.
        """
        request = RerunWorkflowRequest(
            re_run_from_task_id=optional_text("task_id", task_id),
            task_input=output_data(task_input, "task_input")[0],
            workflow_input=output_data(workflow_input, "workflow_input")[0],
            correlation_id=optional_text("correlation_id", correlation_id),
        )
        rerun = workflows.rerun_workflow
        return checked_id(rerun.TEMPLATE, self._api.call(rerun.sync, path_segment("workflow_id", workflow_id), request))

    def retry(self, workflow_id: str, resume_subworkflow_tasks: bool = False) -> None:
        """Continue a failed workflow from its last failed task.

        ConflictError if it has not failed, NotFoundError while it runs (3.32.3).

        resume_subworkflow_tasks: if that task is a sub-workflow, continue it from its own last failed task, at any
            depth, instead of starting it again.
        """
        workflow = path_segment("workflow_id", workflow_id)
        resume = require_instance("resume_subworkflow_tasks", resume_subworkflow_tasks, bool, _FLAG)
        self._api.call(workflows.retry_workflow.sync, workflow, resume_subworkflow_tasks=resume)

    def decide(self, workflow_id: str) -> None:
        """Let the server check for timeouts and due retries now instead of at its next sweep."""
        self._api.call(workflows.decide_workflow.sync, path_segment("workflow_id", workflow_id))

    def terminate(self, workflow_id: str, reason: str | None = None) -> None:
        """End a workflow as TERMINATED; its open tasks are cancelled."""
        workflow = path_segment("workflow_id", workflow_id)
        self._api.call(workflows.terminate_workflow.sync, workflow, reason=optional_text("reason", reason))

    def skip_task(self, workflow_id: str, task_ref_name: str) -> None:
        """Let a running workflow pass over a task that is not scheduled yet."""
        workflow, task = path_segment("workflow_id", workflow_id), path_segment("task_ref_name", task_ref_name)
        self._api.call(workflows.skip_task.sync, workflow, task)

    def search(
        self, query: str = "", *, free_text: str = "*", start: int = 0, size: int = 100, sort: str | None = None
    ) -> models.WorkflowSearchResult:
        """Summaries from the server's index, e.g. ``query="status=FAILED AND workflowType=order"``."""
        return self._api.call(workflows.search_workflows.sync, **search_arguments(query, free_text, start, size, sort))
