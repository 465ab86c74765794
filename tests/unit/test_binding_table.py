"""The table of signatures and inputs. A function gives the same result with ``def``, ``async def`` and in a process."""

import asyncio
import re
import sys
import types
from pathlib import Path

import pytest

from conductor import ConfigurationError, Task, TaskRunner, process_pool
from conductor._flag import Flag
from conductor.calling.processes import Processes
from conductor.testing import FakeTaskClient, run_worker
from support import binding_functions
from support.binding_rows import ROWS, run_row, wire
from support.process_calls import Call

PLAIN = Path(binding_functions.__file__).read_text()
FUTURE = "from __future__ import annotations\n"


def with_async(text):
    """The same functions and decorators with ``async def``."""
    decorators, mark, functions = text.partition("# The Task and its context.")
    decorators = decorators.replace("def wrapper(", "async def wrapper(")
    decorators = decorators.replace("return function(", "return await function(")
    return decorators + mark + re.sub(r"(?m)^( *)def ", r"\1async def ", functions)


def module_of(name, text):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec", dont_inherit=True), vars(module))  # noqa: S102 - this project's own file
    return module


MODULES = {
    "sync": binding_functions,
    "sync, annotations as texts": module_of("sync_texts", FUTURE + PLAIN),
    "async": module_of("async_plain", with_async(PLAIN)),
    "async, annotations as texts": module_of("async_texts", FUTURE + with_async(PLAIN)),
}


@pytest.mark.parametrize(("function", "given", "expected"), ROWS)
def test_a_function_gets_its_arguments_from_its_input(function, given, expected):
    results = {name: wire(run_worker(getattr(module, function), given)) for name, module in MODULES.items()}
    assert results == dict.fromkeys(MODULES, expected)


def test_the_asynchronous_functions_of_the_table_are_asynchronous():
    names = {function for function, _, _ in ROWS}
    for name in names:
        function = getattr(MODULES["async"], name)
        assert any(map(asyncio.iscoroutinefunction, (function, type(function).__call__))), name


def test_a_function_in_a_process_gets_the_same():
    processes = Processes(process_pool(1), run_row, "t", "w", Flag())
    try:
        for function, given, expected in ROWS:
            task = Task("task-1", "w1", input_data={"function": function, "input": given})
            result = processes.call(Call(task), lambda: True, 20).result
            assert wire(result) == expected, (function, given)
    finally:
        processes.close()


def test_a_typed_function_is_bound_where_a_process_finds_it():
    processes = Processes(process_pool(1), binding_functions.order, "t", "w", Flag())
    try:
        for given, expected in (({"lines": []}, "Order(lines=[], note=None)"), ({}, "$.lines: expected array")):
            result = processes.call(Call(Task("t1", "w1", input_data=given)), lambda: True, 20).result
            assert expected in wire(result)[1]
    finally:
        processes.close()


def test_a_function_that_cannot_be_bound_starts_no_process():
    def work(socket: complex):
        pass

    with TaskRunner(FakeTaskClient()) as runner, pytest.raises(ConfigurationError, match="'socket' that no input"):
        runner.start_worker("t", work, executor=process_pool(1))


def test_the_table_is_large_and_shows_every_function():
    defined = {name for name, each in vars(binding_functions).items() if callable(each) and name in PLAIN}
    helpers = {"shown", "is_task", "unpacking", "silent", "of_task", "with_task", "with_first"}
    functions = {name for name in defined if name[0].islower() and f"def {name}(" in PLAIN} - helpers
    assert functions <= {function for function, _, _ in ROWS}
    assert len(ROWS) >= 300
