"""``process_pool``: a description of the processes in which a worker's function runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from conductor._arguments import whole_number
from conductor.errors import ConfigurationError


@dataclass(frozen=True)
class ProcessPool:
    """The result of ``process_pool``. Each worker that it is given to has its own processes."""

    size: int
    initializer: Callable[..., object] | None
    initargs: tuple[Any, ...]
    max_tasks_per_child: int | None


def process_pool(
    max_workers: int | None = None,
    *,
    initializer: Callable[..., object] | None = None,
    initargs: Iterable[Any] = (),
    max_tasks_per_child: int | None = None,
) -> ProcessPool:
    """For ``start_worker(executor=process_pool(4))``: the function runs in four processes.

    max_workers: the number of processes; None: one for each processor. If batch_size is greater, tasks wait for a
        process while their leases run.
    initializer: called with ``*initargs`` in each new process, before its first task. Both must be picklable. If it
        raises when the worker is started, ``start_worker`` raises ConfigurationError; later the process is replaced
        after a pause.
    max_tasks_per_child: a process is killed after so many tasks, and a new one takes its place; None: it has no limit.

    The function must be defined with ``def`` at the top level of a module. A script starts its workers under
    ``if __name__ == "__main__":``. ConfigurationError names an argument that cannot work.

    All processes are started at once, by spawn and not by fork. Each runs one task at a time. A process that dies fails
    only the task in it, and is replaced. Processes ignore SIGINT, so that Ctrl-C lets them finish their tasks (on
    Windows it ends a process that has just been started). SIGTERM ends them: send it only to the parent (systemd:
    ``KillMode=mixed``). They end with their parent, however it ends. A process is always ended by a kill, without its
    exit handlers; its standard output is flushed after each task. What a function has started ends with its process,
    unless it began a session of its own (not on Windows). Log records go to the handlers of the parent.
    """
    size = (os.cpu_count() or 1) if max_workers is None else whole_number("max_workers", max_workers, 1)
    if initializer is not None and not callable(initializer):
        raise ConfigurationError(f"initializer must be callable, not {initializer!r}")
    if isinstance(initargs, str | bytes) or not isinstance(initargs, Iterable):
        raise ConfigurationError(f"initargs must be a tuple, not {type(initargs).__name__}")
    arguments = tuple(initargs)
    if arguments and initializer is None:
        raise ConfigurationError("initargs needs an initializer")
    if max_tasks_per_child is not None:
        max_tasks_per_child = whole_number("max_tasks_per_child", max_tasks_per_child, 1)
    return ProcessPool(size, initializer, arguments, max_tasks_per_child)
