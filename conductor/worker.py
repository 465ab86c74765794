"""One worker as the user described it: which task, which function, how often and how many; checked once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from conductor.errors import ConfigurationError
from conductor.models import Task
from conductor.settings import Duration, instance, is_name, path_segment, plain, seconds, whole_number

Execute = Callable[[Task], Any]
WorkerKey = tuple[str, str | None]
"""(task_name, domain): what tells one running worker from another."""

LONGEST_POLL_TIMEOUT = 5.0
"""Seconds; a server of version 3.32.3 refuses a longer one with 400."""


def checked_domain(domain: str | None) -> str | None:
    """The domain; an empty one is refused, since the server takes it for a queue that nobody feeds."""
    return None if domain is None else checked_name("domain", domain)


def checked_name(name: str, value: str) -> str:
    """The value; ConfigurationError, naming the argument, unless it is a name."""
    if not is_name(value):
        raise ConfigurationError(f"{name} must be a name without control characters, not {value!r}")
    return plain(value)


def checked_task_to_domain(given: Mapping[str, str] | None) -> dict[str, str]:
    """A copy; a domain may be a list with commas, and end in NO_DOMAIN."""
    domains = {} if given is None else given
    if not isinstance(domains, Mapping) or not all(is_name(text) for pair in domains.items() for text in pair):
        raise ConfigurationError(f"task_to_domain must map task names to domains, not {given!r}")
    return {plain(task_name): plain(domain) for task_name, domain in domains.items()}


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

    timeout: seconds that one execution may take.
    """

    task_name: str
    execute: Execute
    batch_size: int = 1
    poll_interval: float | None = None
    domain: str | None = None
    poll_timeout: float | None = None
    lease_extension: bool = False
    timeout: float | None = None
    executor: Executor | Callable[[], Executor] | None = None

    @classmethod
    def checked(cls, *given: Any, **more: Any) -> Worker:
        """The worker, whose durations may be timedeltas; ConfigurationError naming an argument that cannot work."""
        worker = cls(*given, **more)
        if not callable(worker.execute):
            raise ConfigurationError(f"execute must be callable, not {worker.execute!r}")
        worker.task_name = path_segment("task_name", worker.task_name)
        worker.batch_size = whole_number("batch_size", worker.batch_size, 1)
        worker.poll_interval = checked_poll_interval(worker.poll_interval)
        worker.domain = checked_domain(worker.domain)
        worker.poll_timeout = checked_poll_timeout(worker.poll_timeout)
        instance("lease_extension", worker.lease_extension, bool, "True or False")
        worker.timeout = checked_timeout(worker.timeout)
        return worker

    @property
    def key(self) -> WorkerKey:
        return self.task_name, self.domain

    @property
    def is_async(self) -> bool:
        """Whether execute is an ``async def``, or an object whose ``__call__`` is one."""
        return inspect.iscoroutinefunction(self.execute) or inspect.iscoroutinefunction(type(self.execute).__call__)
