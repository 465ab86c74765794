"""A worker: its task, its function and its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CodeType
from typing import TYPE_CHECKING, Any, TypedDict

from conductor._arguments import (
    Duration,
    as_given,
    exact_str,
    function_name,
    is_async,
    is_name,
    optional_seconds,
    path_segment,
    require_instance,
    whole_number,
)
from conductor._decorated import plain_function
from conductor._output import output_data
from conductor.binding.bind import bind
from conductor.binding.inputs import problem_with
from conductor.definitions import Readable
from conductor.errors import ConfigurationError
from conductor.models import TaskDef, WorkflowTask, WorkflowTaskType
from conductor.registration import checked_registration

if TYPE_CHECKING:
    from conductor.calling.process_pool import ProcessPool

Execute = Callable[..., Any]
"""A worker function. ``conductor/binding/bind.py`` says how it gets its arguments."""
WorkerKey = tuple[str, str | None]
"""(task_name, domain). Each running worker of a runner has another key."""

LONGEST_POLL_TIMEOUT = 5.0
"""Seconds. The server answers 400 for a longer timeout (3.32.3)."""

_PAUSED = "paused=True starts a worker that polls only after resume"


def checked_domain(domain: str | None, name: str = "domain") -> str | None:
    """The domain. ConfigurationError for an empty one and for NO_DOMAIN, because their queues stay empty."""
    if domain is None:
        return None
    if isinstance(domain, str) and not domain.strip():
        raise ConfigurationError(f"{name} must be a name, {as_given(domain)}: leave it out, or give None")
    if checked_name(name, domain).strip().upper() == "NO_DOMAIN":  # the server ignores upper and lower case (3.32.3)
        raise ConfigurationError(
            f"{name} must be a name, not {domain!r}, which has a meaning in task_to_domain alone: leave the domain out"
        )
    return exact_str(domain)


def checked_name(name: str, value: str) -> str:
    """The value; ConfigurationError, naming the argument, unless it is a name."""
    if not is_name(value):
        raise ConfigurationError(f"{name} must be a name without control characters, {as_given(value)}")
    return exact_str(value)


def checked_task_to_domain(given: Mapping[str, str] | None) -> dict[str, str]:
    """A copy. A domain may be a list with commas, and end with NO_DOMAIN."""
    domains = {} if given is None else given
    if not isinstance(domains, Mapping) or not all(is_name(text) for pair in domains.items() for text in pair):
        raise ConfigurationError(f"task_to_domain must map task names to domains, not {given!r}")
    return {exact_str(task_name): exact_str(domain) for task_name, domain in domains.items()}


class WorkerOptions(TypedDict, total=False):
    """The options of ``Worker`` by name, for functions that pass them on: ``**options: Unpack[WorkerOptions]``."""

    batch_size: int
    """The number of tasks that run at the same time."""
    poll_interval: Duration | None
    """The pause after an empty poll."""
    domain: str | None
    """The worker gets only tasks that were sent to this domain."""
    poll_timeout: Duration | None
    """The time for which the server may hold a poll open, at most 5 s."""
    lease_extension: bool
    """Keep a task from timing out at the server until its final result is accepted."""
    timeout: Duration | None
    """The longest time of one execution."""
    executor: ProcessPool | None
    """``process_pool(…)`` runs the function in processes."""
    paused: bool
    """The worker polls only after ``resume``."""
    task_def: TaskDef | Readable | None
    """The task definition that the worker expects."""
    register: bool
    """Register ``task_def`` if the server has no definition of that name."""
    overwrite: bool
    """With ``register``: replace the definition of the server."""
    register_schemas: bool
    """With ``register``: add the JSON Schemas of the function."""


class Worker:
    """A worker: its task, its function and its options, as ``TaskRunner.start_worker`` describes them.

    ``TaskRunner.start_workers`` starts it, or rather a copy with the settings of the environment. One worker may so be
    started by several runners. Durations are given in seconds or as timedeltas, and kept in seconds. ConfigurationError
    names an argument that cannot work; ``executor`` is checked when the worker is started.
    """

    def __init__(
        self,
        task_name: str,
        execute: Execute,
        batch_size: int = 1,
        poll_interval: Duration | None = None,
        *,
        domain: str | None = None,
        poll_timeout: Duration | None = None,
        lease_extension: bool = False,
        timeout: Duration | None = None,
        executor: ProcessPool | None = None,
        paused: bool = False,
        task_def: TaskDef | Readable | None = None,
        register: bool = False,
        overwrite: bool = False,
        register_schemas: bool = False,
    ) -> None:
        self.execute = plain_function(execute)
        self.bound = bind(self.execute)
        """``execute``, which takes its arguments from a task's context."""
        self.task_name = path_segment("task_name", task_name)
        self.batch_size = whole_number("batch_size", batch_size, 1, instead_of_0=_PAUSED)
        self.poll_interval = optional_seconds("poll_interval", poll_interval)
        self.domain = checked_domain(domain)
        self.poll_timeout = optional_seconds("poll_timeout", poll_timeout, maximum=LONGEST_POLL_TIMEOUT)
        self.lease_extension = require_instance("lease_extension", lease_extension, bool, "True or False")
        self.timeout = optional_seconds("timeout", timeout, minimum=0.001)
        self.executor = executor
        self.paused = require_instance("paused", paused, bool, "True or False")
        self.sources: dict[str, str] = {}
        """The names of the variables that have set options, by option. Empty before the worker is started."""
        self.registration = checked_registration(
            self.task_name, execute, task_def, register=register, overwrite=overwrite, register_schemas=register_schemas
        )
        """The task definition that comes with the worker; None without one."""

    @property
    def key(self) -> WorkerKey:
        return self.task_name, self.domain

    @property
    def registers(self) -> bool:
        """Whether its task definition is registered before the first poll."""
        return self.registration is not None and self.registration.register

    @property
    def is_async(self) -> bool:
        return is_async(self.execute)

    def step(self, task_ref_name: str, /, **inputs: Any) -> WorkflowTask:
        """Make the step of a workflow that this worker runs, for the ``tasks`` of a WorkflowDef.

        task_ref_name: the name of the step within the workflow.
        inputs: the function's arguments by name: expressions such as ``"${validate.output.total}"``, or values.

        ConfigurationError: the function does not take an input of that name, needs an input that is left out, or does
            not take a value. An expression is not known before the workflow runs, and so is not checked.

        The step is an ordinary WorkflowTask. Its other members can be set: ``step.optional = True``.
        """
        ref = checked_name("task_ref_name", task_ref_name)
        plain = output_data(inputs, f"step({ref!r})")[0]
        if problem := problem_with(self.execute, plain):
            raise ConfigurationError(f"step({ref!r}) of {self.task_name!r}: {problem}")
        return WorkflowTask(self.task_name, ref, input_parameters=plain, type=WorkflowTaskType.SIMPLE)


def named(worker: Worker) -> str:
    """The task name and the domain of a worker, for an error."""
    source = f" ({worker.sources['domain']})" if "domain" in worker.sources else ""
    return f"task_name {worker.task_name!r} {of_domain(worker.domain)}{source}"


def clash_of(first: Worker, second: Worker) -> str:
    """An error: both have the same key. It names their functions, and the domain only if there is one."""
    source = f" ({second.sources['domain']})" if "domain" in second.sources else ""
    domain = "" if second.domain is None else f" and the domain {second.domain!r}{source}"
    key = f"the task name {second.task_name!r}{domain}"
    if first.execute == second.execute:
        return f"{_with_place(first.execute)} is given twice for {key}"
    functions = f"{_with_place(first.execute)} and {_with_place(second.execute)}"
    return f"two functions have {key}: {functions}. Give each its own name, or a domain"


def _with_place(execute: Execute) -> str:
    """The name of a function, and its file and line if it is written in Python."""
    code = getattr(execute, "__code__", None)
    place = f" ({code.co_filename}, line {code.co_firstlineno})" if isinstance(code, CodeType) else ""
    return f"{function_name(execute)}{place}"


def of_domain(domain: str | None) -> str:
    return "without a domain" if domain is None else f"of domain {domain!r}"
