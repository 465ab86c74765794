"""``start_workers``: which workers its arguments stand for, and that it starts all of them or none."""

import functools
import threading
from types import ModuleType

import pytest

from conductor import ConfigurationError, Task, TaskRunner, Worker, process_pool, worker_task
from conductor.testing import FakeTaskClient
from support.waiting import eventually


class Proxy:
    """Raises when anybody asks it for an attribute, as the proxies of web frameworks do outside of a request."""

    def __getattr__(self, name):
        raise RuntimeError("working outside of a request")


def do_nothing(task: Task) -> None:
    pass


def module_of(name, **members):
    module = ModuleType(name)
    vars(module).update(members)
    return module


def defined_in(module_name, task_name):
    def function(task: Task) -> None:
        pass

    function.__module__ = module_name
    return worker_task(task_name)(function)


@pytest.fixture
def client():
    return FakeTaskClient()


@pytest.fixture
def runner(client):
    runner = TaskRunner(client, shutdown_timeout=5)
    yield runner
    runner.shutdown()
    assert runner.wait_workers(10)


def running(runner):
    return {name for name, _ in runner.get_batch_size_for_all()}


def test_workers_decorated_functions_and_iterables_of_them_are_started(runner):
    several = (each for each in [Worker("c", do_nothing), [worker_task("d")(do_nothing), {Worker("e", do_nothing)}]])
    runner.start_workers(Worker("a", do_nothing), worker_task("b")(do_nothing), several)
    assert running(runner) == {"a", "b", "c", "d", "e"}


def test_a_started_worker_has_the_options_of_its_object(client, runner):
    runner.start_workers(Worker("a", lambda task: 1, batch_size=3, poll_interval=0.5, domain="blue", poll_timeout=0.02))
    assert runner.get_batch_size_for_all() == {("a", "blue"): 3}
    assert runner.get_poll_interval_for_task("a", "blue") == 0.5
    client.add_task("a", domain="blue")
    assert client.results(1)[0].output_data == {"result": 1}


def test_a_module_stands_for_the_workers_that_are_defined_in_it(runner):
    shop = module_of(
        "shop",
        ship=defined_in("shop", "ship"),
        pack=Worker("pack", do_nothing),
        imported=defined_in("billing", "charge"),
        other=module_of("other", worker=Worker("of_another_module", do_nothing)),
        plain=do_nothing,
        proxy=Proxy(),
        Worker=Worker,
    )
    runner.start_workers(shop)
    assert running(runner) == {"ship", "pack"}


def test_a_package_stands_for_the_functions_of_its_modules_too(runner):
    package = module_of("shop", ship=defined_in("shop.shipping", "ship"), charge=defined_in("shopping", "charge"))
    runner.start_workers(package)
    assert running(runner) == {"ship"}


def test_a_worker_with_several_names_in_modules_is_started_once(runner):
    worker, ship = Worker("pack", do_nothing), defined_in("shop", "ship")
    shop = module_of("shop", pack=worker, also=worker, ship=ship, and_also=ship)
    runner.start_workers(shop, module_of("main", pack=worker))
    assert running(runner) == {"pack", "ship"}


def hidden():
    """A worker function with a decorator above."""
    decorated = worker_task("a")(do_nothing)

    @functools.wraps(decorated)
    def wrapper(task):
        return decorated(task)

    return wrapper


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([hidden()], "cannot start do_nothing: a decorator above @worker_task hides its worker"),
        ([module_of(__name__, a=hidden(), pack=Worker("pack", do_nothing))], "put @worker_task above the others"),
        ([], "no worker was given"),
        ([[]], "no worker was given"),
        ([module_of("empty")], "module 'empty' has no worker"),
        (
            [module_of("imports", pay=defined_in("billing", "charge"))],
            "'imports' has no worker: pay, which it imports, is a worker of module 'billing'",
        ),
        (["shop"], "cannot start 'shop', a text: give a Worker, a function decorated"),
        ([do_nothing], "cannot start do_nothing, which has no worker"),
        ([Worker], "cannot start Worker, which has no worker"),
        ([None], "cannot start NoneType, which has no worker"),
        ([Worker("ok", do_nothing), 5], "cannot start int, which has no worker"),
    ],
)
def test_an_argument_without_a_worker_is_refused_and_nothing_is_started(runner, given, problem):
    with pytest.raises(ConfigurationError, match=problem):
        runner.start_workers(*given)
    assert not running(runner)


def test_two_workers_for_one_task_are_refused_before_any_is_started(runner):
    pair = [Worker("a", do_nothing), Worker("b", do_nothing, domain="blue"), Worker("b", do_nothing, domain="blue")]
    with pytest.raises(ConfigurationError, match="do_nothing .* is given twice for the task name 'b' and the domain"):
        runner.start_workers(*pair)
    assert not running(runner)
    runner.start_workers(*pair[:2], Worker("b", do_nothing, domain="green"))
    assert len(runner.get_batch_size_for_all()) == 3


def test_two_functions_of_one_task_are_named_with_their_places(runner):
    def charge(task):
        return None

    places = [f"{each.__qualname__} ({__file__}, line {each.__code__.co_firstlineno})" for each in (do_nothing, charge)]
    with pytest.raises(ConfigurationError) as caught:
        runner.start_workers(Worker("pay", do_nothing), Worker("pay", charge))
    assert str(caught.value) == (
        f"two functions have the task name 'pay': {places[0]} and {places[1]}. Give each its own name, or a domain"
    )
    with pytest.raises(
        ConfigurationError, match="^two functions have the task name 'pay': do_nothing .* and print. Give"
    ):
        runner.start_workers(Worker("pay", do_nothing), Worker("pay", print))


def test_a_worker_for_a_task_that_is_served_already_is_refused_with_the_others_of_its_call(runner):
    runner.start_worker("b", do_nothing, batch_size=7)
    with pytest.raises(ConfigurationError, match="a worker for task_name 'b' without a domain is running already"):
        runner.start_workers(Worker("a", do_nothing), Worker("b", do_nothing))
    assert runner.get_batch_size_for_all() == {("b", None): 7}


def test_a_bad_executor_of_one_worker_starts_none_of_its_call(client, runner):
    client.add_task("a")
    with pytest.raises(ConfigurationError, match="it runs on the event loop, and takes no executor"):
        runner.start_workers(Worker("a", do_nothing), Worker("b", coroutine, executor=process_pool(1)))
    assert not running(runner)
    with pytest.raises(TimeoutError):
        client.results(1, timeout=0.1)


@pytest.mark.parametrize(
    "start",
    [
        lambda client, dial: TaskRunner(client, lifespan=dial),
        lambda client, dial: TaskRunner(client, on_result_lost=functools.partial(coroutine, "the-secret")),
        lambda client, dial: TaskRunner(client).start_worker("a", dial, executor=process_pool(1)),
        lambda client, dial: process_pool(1, initializer=dial, initargs=functools.partial(dial, 1)),
    ],
)
def test_an_error_does_not_show_the_arguments_of_a_partial(client, start):
    with pytest.raises(ConfigurationError) as caught:
        start(client, functools.partial(call_with, "the-secret"))
    assert "the-secret" not in str(caught.value)


def call_with(secret: str, task: Task) -> None:
    pass


async def coroutine(task: Task) -> None:
    pass


def test_without_a_thread_for_the_second_worker_the_first_one_is_shut_down(client, runner, monkeypatch):
    start = threading.Thread.start

    def refuse(thread):
        if thread.name == "conductor-poll-b":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        runner.start_workers(Worker("a", do_nothing), Worker("b", do_nothing))
    assert not running(runner)
    assert runner.wait_workers(5)
    assert [worker.task_name for worker in runner.health().workers] == ["a"]
    monkeypatch.undo()
    runner.start_workers(Worker("a", do_nothing), Worker("b", do_nothing))
    assert running(runner) == {"a", "b"}


def test_a_worker_object_is_copied_so_that_runners_do_not_share_it(client, runner):
    worker = Worker("a", do_nothing, poll_interval=3)
    with TaskRunner(FakeTaskClient()) as another:
        runner.start_workers(worker)
        another.start_workers(worker)
        runner.set_poll_interval_for_task("a", 1)
        another.set_poll_timeout_for_task("a", 0.01)
        assert another.get_poll_interval_for_task("a") == worker.poll_interval == 3
        assert runner.get_poll_timeout_for_task("a") is worker.poll_timeout is None


def test_a_later_change_of_a_worker_object_changes_no_started_worker(runner):
    worker = Worker("a", do_nothing, poll_interval=3)
    runner.start_workers(worker)
    worker.poll_interval = 9
    assert runner.get_poll_interval_for_task("a") == 3


def test_a_worker_that_is_started_paused_polls_after_resume(client, runner):
    client.add_task("a")
    client.add_task("b")
    runner.start_worker("a", lambda task: "a", paused=True)
    runner.start_workers(Worker("b", lambda task: "b"))
    assert [result.output_data["result"] for result in client.results(1)] == ["b"]
    with pytest.raises(TimeoutError):
        client.results(2, timeout=0.1)
    runner.resume("a")
    assert {result.output_data["result"] for result in client.results(2)} == {"a", "b"}


def test_a_worker_is_checked_when_it_is_made():
    with pytest.raises(
        ConfigurationError, match="batch_size must be a whole number from 1 .*, not 0; paused=True starts"
    ):
        Worker("a", do_nothing, batch_size=0)
    with pytest.raises(ConfigurationError, match="batch_size must be a whole number from 1 .*, not -1$"):
        Worker("a", do_nothing, batch_size=-1)
    with pytest.raises(ConfigurationError, match="task_name must be a name .*, and it is empty$"):
        Worker("", do_nothing)
    with pytest.raises(ConfigurationError, match="domain must be a name, and it is empty: leave it out, or give None$"):
        Worker("a", do_nothing, domain="")
    with pytest.raises(ConfigurationError, match="paused must be True or False, not 'yes'"):
        Worker("a", do_nothing, paused="yes")


def test_a_worker_that_has_been_shut_down_may_be_started_again(client, runner):
    worker = Worker("a", lambda task: "again")
    runner.start_workers(worker)
    runner.shutdown("a")
    runner.start_workers(worker)
    client.add_task("a")
    eventually(lambda: client.results(1))
