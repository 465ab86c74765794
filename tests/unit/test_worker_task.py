"""A function that is decorated with @worker_task: it stays the function that it was, and has a worker."""

import asyncio
import copy
import functools
import inspect
import os
import pickle

import pytest

from conductor import ConfigurationError, Task, TaskRunner, WorkerFunction, worker_task
from conductor.testing import FakeTaskClient, arun_worker, run_worker
from conductor.testing.fakes import make_task
from conductor.worker import Worker
from support import process_functions


@worker_task("charge", batch_size=5, domain="blue", timeout=2)
def charge(task: Task, currency: str = "EUR") -> dict:
    """Charge a card."""
    return {"order": task.input_data["order"], "currency": currency}


@worker_task("charge_later")
async def charge_later(task: Task) -> dict:
    await asyncio.sleep(0)
    return {"order": task.input_data["order"]}


class Service:
    def __init__(self, currency: str) -> None:
        self.currency = currency

    @worker_task("charge", batch_size=2)
    def charge(self, task: Task) -> dict:
        return {"order": task.input_data["order"], "currency": self.currency}

    @worker_task("charge_later")
    async def charge_later(self, task: Task) -> dict:
        return {"currency": self.currency}

    @staticmethod
    @worker_task("refund")
    def refund(task: Task) -> dict:
        return {"order": task.input_data["order"]}

    @classmethod
    @worker_task("name")
    def name(cls, task: Task) -> dict:
        return {"name": cls.__name__}


service = Service("CHF")


def twice(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) | {"again": function(*args, **kwargs)}

    return wrapper


def test_it_is_called_as_before():
    task = make_task({"order": 7})
    assert charge(task) == {"order": 7, "currency": "EUR"}
    assert charge(task, currency="USD") == {"order": 7, "currency": "USD"}
    assert asyncio.run(charge_later(task)) == {"order": 7}


def test_it_has_the_name_the_docstring_and_the_signature_of_the_function():
    assert (charge.__name__, charge.__qualname__, charge.__module__) == ("charge", "charge", __name__)
    assert inspect.getdoc(charge) == "Charge a card."
    assert str(inspect.signature(charge)) == "(task: conductor_client.models.task.Task, currency: str = 'EUR') -> dict"
    assert inspect.signature(charge) == inspect.signature(charge.__wrapped__)
    assert inspect.getsource(charge).startswith('@worker_task("charge"')


@pytest.mark.parametrize(
    "asked", [inspect.iscoroutinefunction, asyncio.iscoroutinefunction], ids=["inspect", "asyncio"]
)
@pytest.mark.filterwarnings("ignore:.*iscoroutinefunction.*:DeprecationWarning")
def test_an_async_function_is_known_as_one(asked):
    assert asked(charge_later)
    assert asked(service.charge_later)
    assert not asked(charge)
    assert not asked(service.charge)


def test_its_worker_has_the_name_the_function_and_the_options():
    worker = charge.worker
    assert isinstance(worker, Worker)
    assert (worker.key, worker.batch_size, worker.timeout) == (("charge", "blue"), 5, 2.0)
    assert worker.execute is charge.__wrapped__
    assert charge.worker is worker
    assert charge_later.worker.is_async


def test_its_repr_names_the_task_and_the_function():
    assert repr(charge).startswith("<worker_task 'charge': <function charge at ")


def test_it_is_run_like_a_function_by_the_kit_for_tests():
    assert run_worker(charge, {"order": 7}).output_data == {"order": 7, "currency": "EUR"}
    assert run_worker(charge_later, {"order": 7}).output_data == {"order": 7}
    assert asyncio.run(arun_worker(charge_later, {"order": 7})).output_data == {"order": 7}


@pytest.mark.parametrize("function", [charge, charge_later, service.charge], ids=["def", "async def", "method"])
def test_it_may_be_started_under_another_name(function):
    client = FakeTaskClient()
    client.add_task("other", {"order": 7})
    with TaskRunner(client) as runner:
        runner.start_worker("other", function)
        (result,) = client.results(1)
    assert result.output_data["order"] == 7


def test_it_runs_in_a_process():
    client = FakeTaskClient()
    client.add_task("decorated", {"name": "Ada"})
    with TaskRunner(client) as runner:
        runner.start_workers(process_functions)
        (result,) = client.results(1, timeout=30)
    assert result.output_data["name"] == "Ada"
    assert result.output_data["process"] != os.getpid()


def test_it_is_pickled_and_copied_as_a_function_is():
    assert pickle.loads(pickle.dumps(process_functions.decorated)) is process_functions.decorated  # noqa: S301
    assert copy.deepcopy(charge) is charge
    copied = copy.deepcopy(service.charge)
    assert copied(make_task({"order": 7})) == {"order": 7, "currency": "CHF"}


def test_a_method_has_a_worker_for_each_object():
    chf, usd = Service("CHF"), Service("USD")
    assert chf.charge.worker.batch_size == 2
    assert [run_worker(each.charge, {"order": 7}).output_data["currency"] for each in (chf, usd)] == ["CHF", "USD"]
    assert run_worker(chf.charge_later).output_data == {"currency": "CHF"}
    assert chf.charge(make_task({"order": 7})) == {"order": 7, "currency": "CHF"}


def test_a_method_that_is_taken_from_its_class_has_no_worker():
    assert isinstance(Service.charge, WorkerFunction)
    assert Service.charge(service, make_task({"order": 7})) == {"order": 7, "currency": "CHF"}
    with pytest.raises(ConfigurationError, match=r"Service.charge is a method: .* as in Service\(...\).charge.worker"):
        Service.charge.worker  # noqa: B018


def test_staticmethod_and_classmethod_stand_above():
    assert Service.refund.worker.task_name == "refund"
    assert run_worker(service.refund, {"order": 7}).output_data == {"order": 7}
    assert run_worker(Service.name).output_data == {"name": "Service"}
    for kind in (staticmethod, classmethod):
        with pytest.raises(ConfigurationError, match=f"refund: put @{kind.__name__} above @worker_task"):
            worker_task("refund")(kind(Service.refund.__wrapped__))


def test_decorators_below_belong_to_the_worker_function():
    decorated = worker_task("charge")(twice(charge.__wrapped__))
    once = {"order": 7, "currency": "EUR"}
    assert run_worker(decorated, {"order": 7}).output_data == once | {"again": once}
    assert decorated.worker.execute is decorated.__wrapped__


def test_a_function_with_a_decorator_above_is_a_function_without_a_worker():
    wrapped = twice(charge)
    assert not isinstance(wrapped, WorkerFunction)
    assert inspect.getattr_static(wrapped, "worker", None) is None  # it would run without the decorator
    once = {"order": 7, "currency": "EUR"}
    assert run_worker(wrapped, {"order": 7}).output_data == once | {"again": once}


def test_a_partial_can_be_decorated():
    part = functools.partial(charge.__wrapped__, currency="USD")
    assert run_worker(worker_task("part")(part), {"order": 7}).output_data["currency"] == "USD"


def unfit(runner: TaskRunner):
    pass


class Unfit:
    def charge(self, runner: TaskRunner):
        pass


@pytest.mark.parametrize(
    ("function", "options", "problem"),
    [
        (charge.__wrapped__, {"batch_size": 0}, "of charge: batch_size must be a whole number from 1"),
        (charge.__wrapped__, {"timeout": "long"}, "of charge: timeout must be a number of seconds"),
        (unfit, {}, "of unfit: unfit cannot be .* a parameter 'runner' that no input can fill"),
        (Unfit.charge, {}, "of Unfit.charge: Unfit.charge cannot be .* a parameter 'runner' that no input"),
        (charge, {}, "of charge: it has a worker already"),
        (7, {}, "of int: execute must be callable, not 7"),
    ],
)
def test_a_mistake_is_an_error_at_the_definition_that_names_the_function(function, options, problem):
    with pytest.raises(ConfigurationError, match=rf"^@worker_task\('charge'\) {problem}"):
        worker_task("charge", **options)(function)


def test_an_unknown_option_is_an_error_that_names_it():
    unexpected = r"^worker_task\(\) got an unexpected keyword argument"
    with pytest.raises(TypeError, match=rf"{unexpected} 'batchsize': do you mean 'batch_size'\?$"):
        worker_task("charge", batchsize=1)
    with pytest.raises(TypeError, match=rf"{unexpected} 'colour'$"):
        worker_task("charge", colour="blue")


def test_without_a_task_name_the_error_shows_how_it_is_written():
    with pytest.raises(ConfigurationError, match=r'@worker_task\("charge"\)'):
        worker_task(unfit)
