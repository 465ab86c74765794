"""The command that starts a workflow: a shell takes it, and its input fits the workers."""

import shlex
import types
from datetime import date
from decimal import Decimal

import msgspec
import pytest

from conductor import ConfigurationError, Worker, WorkflowDef, WorkflowTask, worker_task
from conductor.development.code_definitions import code_of
from conductor.development.start_command import Shell, example_input, start_command
from conductor.testing import run_worker


@worker_task("book")
def book(
    seats: int, price: float, paid: bool, day: date, names: list[str], note: str | None, fee: Decimal, extra: object
): ...


ALL = dict.fromkeys(("seats", "price", "paid", "day", "names", "note", "fee", "extra"))


def wire(workflow):
    return msgspec.to_builtins(workflow)


def test_the_example_is_an_input_that_the_function_takes():
    step = book.step("book", **{name: f"${{workflow.input.{name}}}" for name in ALL})
    example = example_input(wire(WorkflowDef("trip", [step])), [book.worker])
    assert example.keys() == ALL.keys()
    assert run_worker(book, example).status == "COMPLETED"


def test_inputs_inside_of_other_texts_and_of_unknown_workers_are_texts():
    task = WorkflowTask("other", "other", input_parameters={"a": "no ${workflow.input.first-name} b", "n": 5})
    flow = wire(
        WorkflowDef("flow", [task], input_parameters=["listed"], output_parameters={"x": "${workflow.input.y}"})
    )
    assert example_input(flow, [book.worker]) == {"listed": "text", "first-name": "text", "y": "text"}


FLOW = {"name": "it's one; two", "tasks": [{"name": "a", "inputParameters": {"a": "${workflow.input.a}"}}]}
START = ["conductor-worker", "workflow", "start", "it's one; two", "--input", '{"a": "text"}']


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        (Shell(), START),
        (Shell("http://127.0.0.1:18080/api"), [*START, "--server", "http://127.0.0.1:18080/api"]),
        (Shell(None, ["A", "B"]), ["env", "-u", "A", "-u", "B", *START]),
    ],
)
def test_a_shell_takes_the_command(shell, words):
    assert shlex.split(start_command(FLOW, [], shell)) == words


def test_a_task_whose_workers_poll_in_a_domain_gets_it():
    workers = [Worker(name, lambda: None, domain=domain) for name, domain in [("a", "blue"), ("b", "red"), ("b", None)]]
    flow = {"name": "flow", "tasks": [{"name": "a"}, {"name": "b"}]}
    assert shlex.split(start_command(flow, workers, Shell()))[4:] == ["--domain", "a=blue"]


def test_a_workflow_without_input_needs_none():
    assert start_command({"name": "flow", "tasks": []}, [], Shell()) == "conductor-worker workflow start flow"


def test_the_workflows_of_a_module_are_found_once():
    module = types.ModuleType("for_a_test")
    module.worker = book.worker
    module.A = module.B = WorkflowDef("a", [])
    code = code_of([module])
    assert code.workers == [book.worker]
    assert code.workflows == [module.A]


def test_a_module_of_workflows_needs_no_worker_beside_one_that_has_workers():
    flows, workers = types.ModuleType("flows"), types.ModuleType("workers")
    flows.A, workers.book = WorkflowDef("a", []), book.worker
    code = code_of([flows, workers])
    assert (code.workers, code.workflows) == ([book.worker], [flows.A])


@pytest.mark.parametrize("members", [{}, {"A": WorkflowDef("a", [])}])
def test_modules_without_any_worker_are_refused(members):
    module = types.ModuleType("flows")
    vars(module).update(members)
    with pytest.raises(ConfigurationError, match="module 'flows' has no worker: no @worker_task function"):
        code_of([module])
