"""The checked description of a worker: its task, its function and its options."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from conductor._arguments import (
    Duration,
    exact_str,
    is_async,
    is_name,
    is_of_kind,
    path_segment,
    require_instance,
    seconds,
    whole_number,
)
from conductor.errors import ConfigurationError
from conductor.models import Task

Execute = Callable[[Task], Any]
WorkerKey = tuple[str, str | None]
"""(task_name, domain). Each running worker of a runner has another key."""

LONGEST_POLL_TIMEOUT = 5.0
"""Seconds. The server answers 400 for a longer timeout (3.32.3)."""

_GENERATORS = (inspect.isgeneratorfunction, inspect.isasyncgenfunction)


def checked_domain(domain: str | None) -> str | None:
    """The domain. ConfigurationError for an empty one and for NO_DOMAIN, because their queues stay empty."""
    if domain is None:
        return None
    if (
        checked_name("domain", domain).strip().upper() == "NO_DOMAIN"
    ):  # the server ignores upper and lower case (3.32.3)
        raise ConfigurationError(
            f"domain must be a name, not {domain!r}, which has a meaning in task_to_domain alone: leave the domain out"
        )
    return exact_str(domain)


def checked_name(name: str, value: str) -> str:
    """The value; ConfigurationError, naming the argument, unless it is a name."""
    if not is_name(value):
        raise ConfigurationError(f"{name} must be a name without control characters, not {value!r}")
    return exact_str(value)


def checked_task_to_domain(given: Mapping[str, str] | None) -> dict[str, str]:
    """A copy. A domain may be a list with commas, and end with NO_DOMAIN."""
    domains = {} if given is None else given
    if not isinstance(domains, Mapping) or not all(is_name(text) for pair in domains.items() for text in pair):
        raise ConfigurationError(f"task_to_domain must map task names to domains, not {given!r}")
    return {exact_str(task_name): exact_str(domain) for task_name, domain in domains.items()}


def check_function(execute: Execute) -> None:
    """Raise ConfigurationError unless the worker function can be called with a Task alone."""
    if not callable(execute):
        raise ConfigurationError(f"execute must be callable, not {execute!r}")
    if isinstance(execute, type):
        flaw = "is a class: give a function, or an object that can be called"
    elif any(is_of_kind(kind, part) for kind in _GENERATORS for part in (execute, type(execute).__call__)):
        flaw = "is a generator function: calling it does not run it"
    else:
        flaw = _flaw_of_parameters(execute)
    if flaw:
        name = getattr(execute, "__qualname__", type(execute).__qualname__)  # not its repr: a partial's shows arguments
        raise ConfigurationError(f"execute must be a function of one parameter, the Task; {name} {flaw}")


def _flaw_of_parameters(execute: Execute) -> str:
    """The problem with the function's parameters. Empty also if they are unknown, as with some functions in C."""
    # The outer function counts, because a decorator may turn the Task into other arguments.
    ask = partial(inspect.signature, execute, follow_wrapped=False)
    try:
        signature = ask()
    except Exception:  # noqa: BLE001 - the object may be no function, and raise any error
        return ""
    try:
        signature.bind(None)
    except TypeError as error:
        return f"cannot be called with one argument: {error}"
    if inspect.unwrap(execute) is not execute:  # the annotations belong to the wrapped function
        return ""
    with suppress(Exception):  # an annotation may be any text
        signature = ask(eval_str=True)
    first = next(iter(signature.parameters.values()))
    if first.kind is inspect.Parameter.VAR_POSITIONAL:
        return ""
    annotation = vars(builtins).get(first.annotation) if isinstance(first.annotation, str) else first.annotation
    if _may_be_task(annotation):
        return ""
    return f"has a parameter {first.name!r} that is annotated as {inspect.formatannotation(annotation)}, not as Task"


def _may_be_task(annotation: Any) -> bool:
    """Whether a parameter with this annotation may take a Task. True also if that is unknown."""
    if isinstance(annotation, TypeVar):
        return any(map(_may_be_task, annotation.__constraints__ or [annotation.__bound__]))
    if get_origin(annotation) in (Union, UnionType):
        return any(each is not NoneType and _may_be_task(each) for each in get_args(annotation))
    if get_origin(annotation) is Annotated:
        return _may_be_task(get_args(annotation)[0])
    kind = get_origin(annotation) or annotation
    if annotation is inspect.Parameter.empty or annotation is Any or not isinstance(kind, type):
        return True
    try:
        return issubclass(Task, kind) or issubclass(kind, Task)
    except TypeError:  # a Protocol that allows no check
        return True


def checked_poll_interval(poll_interval: Duration | None) -> float | None:
    """Seconds, or None: the runner chooses."""
    return None if poll_interval is None else seconds("poll_interval", poll_interval)


def checked_poll_timeout(poll_timeout: Duration | None) -> float | None:
    """Seconds, or None: the runner chooses."""
    return None if poll_timeout is None else seconds("poll_timeout", poll_timeout, maximum=LONGEST_POLL_TIMEOUT)


def checked_timeout(timeout: Duration | None) -> float | None:
    """Seconds, or None: there is no limit."""
    return None if timeout is None else seconds("timeout", timeout, minimum=0.001)


@dataclass
class Worker:
    """The description of a worker. Durations are in seconds.

    batch_size: at the start. poll_interval, poll_timeout: may change while the worker runs. timeout: of one execution.
    executor: checked when the worker is started.
    """

    task_name: str
    execute: Execute
    batch_size: int = 1
    poll_interval: float | None = None
    domain: str | None = None
    poll_timeout: float | None = None
    lease_extension: bool = False
    timeout: float | None = None
    executor: object = None

    @classmethod
    def checked(cls, *given: Any, **more: Any) -> Worker:
        """The checked worker. Durations may be timedeltas. ConfigurationError names an argument that cannot work."""
        worker = cls(*given, **more)
        check_function(worker.execute)
        worker.task_name = path_segment("task_name", worker.task_name)
        worker.batch_size = whole_number("batch_size", worker.batch_size, 1)
        worker.poll_interval = checked_poll_interval(worker.poll_interval)
        worker.domain = checked_domain(worker.domain)
        worker.poll_timeout = checked_poll_timeout(worker.poll_timeout)
        require_instance("lease_extension", worker.lease_extension, bool, "True or False")
        worker.timeout = checked_timeout(worker.timeout)
        return worker

    @property
    def key(self) -> WorkerKey:
        return self.task_name, self.domain

    @property
    def is_async(self) -> bool:
        return is_async(self.execute)
