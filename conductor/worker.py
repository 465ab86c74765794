"""One worker as the user described it: which task, which function, how often and how many; checked once."""

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
"""(task_name, domain): what tells one running worker from another."""

LONGEST_POLL_TIMEOUT = 5.0
"""Seconds; a server of version 3.32.3 refuses a longer one with 400."""

_GENERATORS = (inspect.isgeneratorfunction, inspect.isasyncgenfunction)


def checked_domain(domain: str | None) -> str | None:
    """The domain; one whose queue nobody feeds is refused: an empty one, and the word for having none."""
    if domain is None:
        return None
    if checked_name("domain", domain).strip().upper() == "NO_DOMAIN":  # the server's spelling is any (3.32.3)
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
    """A copy; a domain may be a list with commas, and end in NO_DOMAIN."""
    domains = {} if given is None else given
    if not isinstance(domains, Mapping) or not all(is_name(text) for pair in domains.items() for text in pair):
        raise ConfigurationError(f"task_to_domain must map task names to domains, not {given!r}")
    return {exact_str(task_name): exact_str(domain) for task_name, domain in domains.items()}


def check_function(execute: Execute) -> None:
    """ConfigurationError unless the worker function can be called with a Task, and asks for nothing else."""
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
    """Empty: there is none, or none is known, as with some functions that are written in C."""
    # A decorator may turn the Task into other arguments: what counts is the function that will be called.
    ask = partial(inspect.signature, execute, follow_wrapped=False)
    try:
        signature = ask()
    except Exception:  # noqa: BLE001 - what is no function may say anything of itself
        return ""
    try:
        signature.bind(None)
    except TypeError as error:
        return f"cannot be called with one argument: {error}"
    if inspect.unwrap(execute) is not execute:  # its annotations are those of the function that it wraps
        return ""
    with suppress(Exception):  # an annotation may be any text, and fail in any way
        signature = ask(eval_str=True)
    first = next(iter(signature.parameters.values()))
    if first.kind is inspect.Parameter.VAR_POSITIONAL:
        return ""
    annotation = vars(builtins).get(first.annotation) if isinstance(first.annotation, str) else first.annotation
    if _may_be_task(annotation):
        return ""
    return f"has a parameter {first.name!r} that is annotated as {inspect.formatannotation(annotation)}, not as Task"


def _may_be_task(annotation: Any) -> bool:
    """Only what is certainly no Task is refused; None is unknown."""
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
    except TypeError:  # a Protocol that cannot be asked
        return True


def checked_poll_interval(poll_interval: Duration | None) -> float | None:
    """Seconds, or None: the runner chooses."""
    return None if poll_interval is None else seconds("poll_interval", poll_interval)


def checked_poll_timeout(poll_timeout: Duration | None) -> float | None:
    """Seconds, or None: the runner chooses."""
    return None if poll_timeout is None else seconds("poll_timeout", poll_timeout, maximum=LONGEST_POLL_TIMEOUT)


def checked_timeout(timeout: Duration | None) -> float | None:
    """Seconds, or None: a function may take as long as it likes."""
    return None if timeout is None else seconds("timeout", timeout, minimum=0.001)


@dataclass
class Worker:
    """batch_size is what it starts with; poll_interval and poll_timeout, in seconds, may change while it runs.

    timeout: seconds that one execution may take. executor: checked where the worker is started.
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
        """The worker, whose durations may be timedeltas; ConfigurationError naming an argument that cannot work."""
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
