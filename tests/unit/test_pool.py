"""A user's executor: what is refused, what comes out of threads, and what happens when an executor breaks."""

import functools
import queue
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from conductor import ConfigurationError, Task, TaskResultStatus, task_context
from conductor._flag import Flag
from conductor.calling.pool import Pool
from conductor.calling.process_pool import process_pool
from support import process_functions
from support.waiting import eventually

OUTPUT = {"kept": "from before"}


def task(task_id="t1", **input_data):
    return Task(task_id, f"of-{task_id}", input_data=input_data, output_data=OUTPUT)


class Method:
    def bound(self, task):
        pass

    def __call__(self, task):
        pass


def nested():
    def function(task):
        pass

    return function


async def coroutine(task):
    pass


class AsyncCallable:
    async def __call__(self, task):
        pass


@pytest.fixture
def threads():
    with ThreadPoolExecutor(1) as executor:
        yield executor


def begin():
    return True


def start(pool, a_task=None, stopping=None, lost=None):
    """Returns the future and a queue of what done was called with."""
    finished = queue.Queue()
    future = pool.run(a_task or task(), stopping or Flag(), lost or Flag(), begin, finished.put)
    return future, finished


def run(pool, a_task=None, **flags):
    return start(pool, a_task, **flags)[1].get(timeout=20)


def sent(finished):
    return finished.result.status, finished.result.reason_for_incompletion


def test_an_executor_that_keeps_what_came_out_to_itself_fails_the_task():
    class Silent(Executor):
        def submit(self, fn, /, *args, **kwargs):
            fn(*args, **kwargs)
            future = Future()
            future.set_result(None)
            return future

    status, reason = sent(run(Pool("t", lambda task: None, Silent(), "w")))
    assert (status, reason.split(":")[0]) == (TaskResultStatus.FAILED, "TypeError")


def test_what_is_no_executor_and_makes_none_is_refused():
    for executor, said in (
        ("threads", "'threads' raised TypeError: 'str' object is not callable"),
        (dict, "dict made {}"),
        (process_pool, "process_pool made functools.partial("),
        (process_pool, ": is it to be process_pool(…)?"),
        (lambda: 1 / 0, "raised ZeroDivisionError: division by zero"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            Pool("t", print, executor, "me")
        assert said in str(caught.value)


def shut_down():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    return executor


@pytest.mark.parametrize(
    ("executor", "said"),
    [(shut_down(), "shut down"), (shut_down, "shut down"), (Executor(), "no submit"), (Executor, "no submit")],
)
def test_an_executor_that_can_never_run_anything_is_refused(executor, said):
    with pytest.raises(ConfigurationError, match=f"Executor object at .*: it .* {said}"):
        Pool("t", print, executor, "me")


class Refusing(Executor):
    """Its submit raises what it is given, or returns it."""

    def __init__(self, answer):
        self.answer = answer

    def submit(self, function, /, *args, **kwargs):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (NotImplementedError(), "NotImplementedError"),
        (queue.Full(), "Full"),
        (OSError("no more"), "OSError: no more"),
        (None, "TypeError: its submit returned None"),
    ],
)
def test_what_keeps_an_executor_from_taking_a_task_is_named(answer, said):
    pool = Pool("t", print, Refusing(answer), "me")
    with pytest.raises(RuntimeError, match=said):
        start(pool)
    assert not pool._runs
    pool.close()


@pytest.mark.parametrize("max_workers", [0, -1, 1.5, True])
def test_a_process_pool_needs_a_number_of_processes(max_workers):
    with pytest.raises(ConfigurationError, match="max_workers"):
        process_pool(max_workers)


@pytest.mark.parametrize("function", [coroutine, AsyncCallable()], ids=["function", "callable"])
def test_an_async_function_is_refused(threads, function):
    with pytest.raises(ConfigurationError, match="async def"):
        Pool("t", function, threads, "me")


@pytest.mark.parametrize(
    "function",
    [lambda task: None, nested(), Method().bound, Method(), functools.partial(print, 1)],
    ids=["lambda", "nested", "bound", "callable", "partial"],
)
def test_a_function_that_no_process_could_find_is_refused_by_name(function):
    with pytest.raises(ConfigurationError) as caught:
        Pool("t", function, process_pool(1), "me")
    assert repr(function) in str(caught.value)


def test_a_function_in_threads_sees_its_task_and_both_flags(threads):
    def function(task):
        context = task_context()
        context.log("seen")
        return {"equal": task == given, "stopping": bool(context.stopping), "lost": bool(context.lost)}

    given, stopping, lost = task(), Flag(), Flag()
    lost.set()
    finished = run(Pool("t", function, threads, "me"), given, stopping=stopping, lost=lost)
    assert finished.result.output_data == {"equal": True, "stopping": False, "lost": True}
    assert [entry.log for entry in finished.result.logs] == ["seen"]
    assert (finished.result.worker_id, finished.error) == ("me", None)


def test_what_a_function_raises_is_told_with_its_traceback(threads):
    finished = run(Pool("t", process_functions.work, threads, "me"), task(do="fail", **{"with": "boom"}))
    assert sent(finished) == (TaskResultStatus.FAILED, "ValueError: boom")
    assert finished.error == "ValueError"
    assert "process_functions.py" in finished.result.logs[-1].log


@pytest.fixture
def gate():
    gate = threading.Event()
    yield gate
    gate.set()


def test_a_task_that_is_cancelled_before_it_begins_is_handed_back_once(threads, gate):
    pool = Pool("t", lambda task: gate.wait(20), threads, "me")
    running, result = start(pool)
    waiting, handed_back = start(pool, task("t2"))
    assert not running.cancel()
    assert waiting.cancel()
    assert waiting.cancel()
    finished = handed_back.get(timeout=20)
    assert finished is None
    gate.set()
    assert result.get(timeout=20).result.output_data == {"result": True}
    assert handed_back.empty()


def test_a_task_that_was_taken_back_meanwhile_does_not_begin(threads):
    ran, handed_back = [], queue.Queue()
    pool = Pool("t", ran.append, threads, "me")
    pool.run(task(), Flag(), Flag(), lambda: False, handed_back.put)
    assert handed_back.get(timeout=20) is None
    assert ran == []


def test_behind_a_task_that_was_given_up_the_others_are_handed_back_and_new_ones_run(gate):
    made = []
    pool = Pool("t", lambda task: gate.wait(20), lambda: made.append(ThreadPoolExecutor(1)) or made[-1], "me")
    hanging, late = start(pool)
    _, behind = start(pool, task("t2"))
    pool.give_up(hanging)
    pool.give_up(hanging)
    assert behind.get(timeout=20) is None
    _, in_another = start(pool, task("t3"))
    eventually(lambda: made[1]._threads)
    gate.set()
    for finished in late, in_another:
        assert sent(finished.get(timeout=20)) == (TaskResultStatus.COMPLETED, None)
    assert len(made) == 2
    pool.close()


def test_an_executor_that_its_owner_shut_down_takes_no_task_and_loses_none(gate):
    executor = ThreadPoolExecutor(1)
    pool = Pool("t", lambda task: gate.wait(20), executor, "me")
    _, result = start(pool)
    _, handed_back = start(pool)
    executor.shutdown(wait=False, cancel_futures=True)
    assert handed_back.get(timeout=20) is None
    with pytest.raises(RuntimeError, match="shutdown"):
        start(pool)
    gate.set()
    assert sent(result.get(timeout=20)) == (TaskResultStatus.COMPLETED, None)


def test_only_an_own_executor_is_shut_down_with_the_pool(threads):
    Pool("t", lambda task: None, threads, "me").close()
    threads.submit(int).result()
    made = []
    own = Pool("t", lambda task: None, lambda: made.append(ThreadPoolExecutor(1)) or made[-1], "me")
    own.close()
    own.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        made[0].submit(int)
    with pytest.raises(RuntimeError):
        start(own)


def test_what_waits_in_an_own_executor_when_the_pool_is_closed_is_handed_back(gate):
    pool = Pool("t", lambda task: gate.wait(20), lambda: ThreadPoolExecutor(1), "me")
    _, result = start(pool)
    _, handed_back = start(pool)
    pool.close()
    gate.set()
    assert handed_back.get(timeout=20) is None
    assert sent(result.get(timeout=20)) == (TaskResultStatus.COMPLETED, None)


class Broken(Exception):
    """Why these executors break: their threads cannot start."""


class Executors:
    """Makes executors, of which the first so many break at their first task."""

    def __init__(self, broken):
        self.broken = broken
        self.made = []
        self.times = []

    def __call__(self):
        self.times.append(time.monotonic())
        breaks = len(self.made) < self.broken
        self.made.append(ThreadPoolExecutor(1, initializer=self.fail if breaks else None))
        return self.made[-1]

    def fail(self):
        raise Broken


def run_when_possible(pool):
    """What came out, as soon as the pool takes the task."""

    def attempt():
        try:
            return run(pool)
        except RuntimeError:
            return None

    return eventually(attempt)


def test_a_broken_executor_fails_its_task_and_is_replaced_after_a_pause():
    executors = Executors(broken=1)
    pool = Pool("t", lambda task: {"n": 1}, executors, "me")
    finished = run(pool)
    assert finished.result.status == TaskResultStatus.FAILED
    assert finished.error == "BrokenThreadPool"
    assert finished.result.reason_for_incompletion.startswith("BrokenThreadPool: ")
    with pytest.raises(RuntimeError, match="broke"):
        start(pool)
    assert run_when_possible(pool).result.output_data == {"n": 1}
    assert len(executors.made) == 2
    pool.close()


def test_the_pauses_grow_while_executors_break_and_begin_anew_after_a_success(monkeypatch):
    monkeypatch.setattr("conductor._backoff.FIRST", 0.03)
    executors = Executors(broken=4)
    pool = Pool("t", lambda task: None, executors, "me")
    while run_when_possible(pool).error:
        pass
    pauses = [later - sooner for sooner, later in zip(executors.times, executors.times[1:], strict=False)]
    assert [pause >= 0.8 * 0.03 * 1.5**n for n, pause in enumerate(pauses)] == [True] * 4
    assert pool._backoff.next() <= 0.03
    pool.close()


def test_a_given_executor_that_broke_is_not_replaced():
    executors = Executors(broken=1)
    pool = Pool("t", lambda task: None, executors(), "me")
    assert run(pool).error == "BrokenThreadPool"
    with pytest.raises(RuntimeError, match="broke"):
        start(pool)
    assert len(executors.made) == 1


def test_a_factory_that_fails_later_takes_no_task_and_is_asked_again(monkeypatch):
    monkeypatch.setattr("conductor._backoff.FIRST", 0.03)
    executors, answers = Executors(broken=1), [None, OSError("no more threads")]

    def factory():
        answer = answers.pop(0) if answers else None
        if answer:
            raise answer
        return executors()

    pool = Pool("t", lambda task: None, factory, "me")
    assert run(pool).error == "BrokenThreadPool"
    said = []

    def attempt():
        try:
            return run(pool)
        except RuntimeError as error:
            said.append(str(error))
            return None

    assert eventually(attempt).error is None
    assert any("no more threads" in text for text in said)
    pool.close()


def test_when_an_executor_breaks_its_pool_can_be_used_and_closed_at_once():
    """An executor may hold its lock while it tells of its end."""
    pool = Pool("t", lambda task: None, Executors(broken=1), "me")
    seen = queue.Queue()

    def done(finished):
        with pytest.raises(RuntimeError):
            pool.run(task(), Flag(), Flag(), begin, done)
        pool.close()
        seen.put(finished.error)

    pool.run(task(), Flag(), Flag(), begin, done)
    assert seen.get(timeout=20) == "BrokenThreadPool"


class Recorder(ProcessPoolExecutor):
    """Runs nothing, and keeps what would go to a process."""

    def submit(self, fn, /, *args, **kwargs):
        self.arguments = args
        future = Future()
        future.set_result(b"")
        return future


def test_nothing_but_text_and_bytes_goes_to_a_process():
    with Recorder(1) as executor:
        pool = Pool("t", process_functions.work, executor, "me")
        start(pool, task(do="echo"))
        assert {type(argument) for argument in executor.arguments} == {str, bytes}
