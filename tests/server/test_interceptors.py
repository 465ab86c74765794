"""Interceptors: what they see, what they may change, and that a bad one loses neither a task nor a result."""

import asyncio
import contextvars
import logging
import threading

import pytest

from conductor import (
    ConductorError,
    ConfigurationError,
    Interceptor,
    NonRetryableError,
    TaskResult,
    TaskResultStatus,
    TaskRunner,
    TransportError,
    process_pool,
    task_context,
)
from conductor.testing import FakeTaskClient
from support import process_functions
from support.waiting import eventually

FAILED, TERMINAL = TaskResultStatus.FAILED, TaskResultStatus.FAILED_WITH_TERMINAL_ERROR
whose = contextvars.ContextVar("whose", default="nobody's")


@pytest.fixture
def client():
    return FakeTaskClient()


@pytest.fixture
def result_of(client):
    """Runs one task through the interceptors and returns its result."""

    def run(execute, *interceptors, **options):
        with TaskRunner(client, interceptors=interceptors, shutdown_timeout=5) as runner:
            runner.start_worker("t", execute, **options)
            client.add_task("t", {"number": 1})
            (result,) = client.results(1)
        return result

    return run


def worker(task):
    return {"value": 1}


async def async_worker(task):
    await asyncio.sleep(0)
    return {"value": 1}


def raising(task):
    raise ValueError("of the function")


async def async_raising(task):
    raise ValueError("of the function")


both = pytest.mark.parametrize("function", [worker, async_worker], ids=["def", "async def"])
both_raising = pytest.mark.parametrize("function", [raising, async_raising], ids=["def", "async def"])


class Around(Interceptor):
    """Its ``execute`` is around both kinds of functions: around ``async def`` ones on a thread of its own."""

    def __init__(self, name="", notes=None):
        self.name, self.notes = name, [] if notes is None else notes

    def execute(self, task, proceed):
        self.notes.append(f"{self.name}(")
        try:
            return proceed()
        finally:
            self.notes.append(f"{self.name})")


class AroundBoth(Around):
    async def execute_async(self, task, proceed):
        self.notes.append(f"{self.name}(")
        try:
            return await proceed()
        finally:
            self.notes.append(f"{self.name})")


@pytest.mark.parametrize("kind", [Around, AroundBoth])
@both
def test_the_first_interceptor_is_the_outermost(result_of, function, kind):
    notes = []
    result_of(function, kind("first", notes), Interceptor(), kind("second", notes))
    assert notes == ["first(", "second(", "second)", "first)"]


@pytest.mark.parametrize("kind", [Around, AroundBoth])
@both_raising
def test_an_interceptor_sees_the_exception_of_the_function(result_of, function, kind):
    notes = []
    assert result_of(function, kind("a", notes)).reason_for_incompletion == "ValueError: of the function"
    assert notes == ["a(", "a)"]


def test_an_interceptor_runs_on_the_thread_of_the_function_inside_of_its_context(result_of):
    class Notes(Interceptor):
        def execute(self, task, proceed):
            assert task is task_context().task
            assert task.input_data == {"number": 1}
            task_context().log("of the interceptor")
            return proceed() | {"same": threading.get_ident()}

    def function(task):
        return {"thread": threading.get_ident()}

    result = result_of(function, Notes())
    assert result.output_data["thread"] == result.output_data["same"]
    assert [entry.log for entry in result.logs] == ["of the interceptor"]


@both
def test_a_context_variable_of_the_interceptor_is_seen_by_the_function(result_of, function):
    class Sets(Interceptor):
        def execute(self, task, proceed):
            token = whose.set("the interceptor's")
            try:
                return proceed()
            finally:
                whose.reset(token)

    async def reads_async(task):
        return {"whose": whose.get(), "task": task_context().task_id}

    def reads(task):
        return {"whose": whose.get(), "task": task_context().task_id}

    result = result_of(reads if function is worker else reads_async, Sets())
    assert result.output_data == {"whose": "the interceptor's", "task": "task-1"}


def made(deed, is_async_method=False):
    """An interceptor whose execute is the deed; with is_async_method its execute_async."""

    class Does(Interceptor):
        if is_async_method:

            async def execute_async(self, task, proceed):
                return await deed(task, proceed)

        else:

            def execute(self, task, proceed):
                return deed(task, proceed)

    return Does()


@both
def test_the_value_that_an_interceptor_returns_counts(result_of, function):
    assert result_of(function, made(lambda task, proceed: proceed() | {"more": 2})).output_data == {
        "value": 1,
        "more": 2,
    }


@both_raising
def test_an_interceptor_that_does_not_proceed_is_a_cache(result_of, function):
    result = result_of(function, made(lambda task, proceed: {"kept": True}))
    assert result.status == "COMPLETED"
    assert result.output_data == {"kept": True}


@both
def test_an_interceptor_refuses_a_task_by_a_result_of_its_own(result_of, function):
    def refuse(task, proceed):
        result = TaskResult.from_task(task)
        result.status, result.reason_for_incompletion = TERMINAL, "not signed"
        return result

    result = result_of(function, made(refuse))
    assert (result.status, result.reason_for_incompletion) == (TERMINAL, "not signed")


@both_raising
def test_an_interceptor_may_raise_another_exception_in_place_of_the_function_s(result_of, function, caplog):
    def translate(task, proceed):
        try:
            return proceed()
        except ValueError as error:
            raise NonRetryableError("translated") from error

    result = result_of(function, made(translate))
    assert (result.status, result.reason_for_incompletion) == (TERMINAL, "NonRetryableError: translated")
    assert "an interceptor failed" not in caplog.text


@both_raising
def test_an_interceptor_may_return_a_value_in_place_of_the_function_s_exception(result_of, function):
    def rescue(task, proceed):
        try:
            return proceed()
        except ValueError:
            return {"rescued": True}

    assert result_of(function, made(rescue)).output_data == {"rescued": True}


def before(task, proceed):
    raise OSError("of the interceptor")


def after(task, proceed):
    proceed()
    raise OSError("of the interceptor")


def exits(task, proceed):
    proceed()
    raise SystemExit(1)


def twice(task, proceed):
    proceed()
    return proceed()


async def before_async(task, proceed):
    raise OSError("of the interceptor")


async def after_async(task, proceed):
    await proceed()
    raise OSError("of the interceptor")


async def exits_async(task, proceed):
    await proceed()
    raise SystemExit(1)


async def twice_async(task, proceed):
    await proceed()
    return await proceed()


async def cancels_async(task, proceed):
    raise asyncio.CancelledError


def failures(caplog):
    return [record for record in caplog.records if "an interceptor failed" in record.message]


@pytest.mark.parametrize("deed", [before, after, exits, twice])
@both
def test_a_failure_of_an_interceptor_itself_is_logged_and_the_function_counts(result_of, function, deed, caplog):
    calls = []
    counts = made(lambda task, proceed: calls.append(task.task_id) or proceed())
    assert result_of(function, made(deed), counts).output_data == {"value": 1}
    assert calls == ["task-1"]
    (record,) = failures(caplog)
    assert record.levelno == logging.ERROR
    assert record.task_id == "task-1"
    assert f"made.<locals>.Does.execute{'_async' * (function is async_worker)}" in record.message
    assert record.exc_info[1] is not None


@pytest.mark.parametrize("deed", [before_async, after_async, exits_async, twice_async, cancels_async])
def test_a_failure_of_an_async_interceptor_is_logged_and_the_function_counts(result_of, deed, caplog):
    calls = []
    counts = made(lambda task, proceed: calls.append(task.task_id) or proceed(), is_async_method=True)
    assert result_of(async_worker, made(deed, is_async_method=True), counts).output_data == {"value": 1}
    assert calls == ["task-1"]
    assert len(failures(caplog)) == 1


def test_a_proceed_that_is_returned_but_not_awaited_is_awaited(result_of):
    class Forgets(Interceptor):
        async def execute_async(self, task, proceed):
            return proceed()

    assert result_of(async_worker, Forgets()).output_data == {"value": 1}


def test_a_proceed_that_is_kept_works_no_more(result_of):
    kept, calls = [], []

    def keep(task, proceed):
        kept.append(proceed)

    def call_the_kept_one(task, proceed):
        proceed()
        with pytest.raises(ConductorError, match="until the interceptor returns"):
            kept[0]()

    result_of(calls.append, made(call_the_kept_one), made(keep))
    assert kept
    assert not calls


def test_a_proceed_on_another_thread_is_refused_and_the_function_runs_where_it_should(result_of, caplog):
    def elsewhere(task, proceed):
        errors = []

        def call():
            try:
                proceed()
            except ConductorError as error:
                errors.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        raise errors[0]

    assert result_of(worker, made(elsewhere)).output_data == {"value": 1}
    assert "must be called on the thread of the interceptor" in caplog.text


def test_an_async_execute_is_around_async_functions(result_of):
    class OnlyAsync(Interceptor):
        async def execute(self, task, proceed):
            return await proceed() | {"more": 2}

    assert result_of(async_worker, OnlyAsync()).output_data == {"value": 1, "more": 2}
    with pytest.raises(ConfigurationError, match="OnlyAsync is `async def`, and the worker is `def`"):
        result_of(worker, OnlyAsync())


def test_an_interceptor_of_async_functions_alone_is_not_around_others(result_of):
    only = made(before_async, is_async_method=True)
    assert result_of(worker, only).output_data == {"value": 1}


class PollsAsync(Interceptor):
    async def poll(self, worker, proceed):
        """Cannot work."""


class UpdatesAsync(Interceptor):
    async def update(self, result, proceed):
        """Cannot work."""


class ExecutesAsyncWithoutAsync(Interceptor):
    def execute_async(self, task, proceed):
        return proceed()


@pytest.mark.parametrize(
    "bad", [[PollsAsync()], [UpdatesAsync()], [ExecutesAsyncWithoutAsync()], [Interceptor], [1], 1]
)
def test_interceptors_that_cannot_work_are_refused(client, bad):
    with pytest.raises(ConfigurationError):
        TaskRunner(client, interceptors=bad)


@pytest.mark.parametrize("kind", [Around, AroundBoth])
def test_a_coroutine_is_cancelled_at_its_time_limit_inside_of_an_interceptor(client, kind):
    notes, ended = [], threading.Event()

    async def sleeps(task):
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.set()
            raise

    with TaskRunner(client, interceptors=[kind("a", notes)]) as runner:
        runner.start_worker("t", sleeps, timeout=0.2)
        client.add_task("t")
        assert "time limit" in client.results(1)[0].reason_for_incompletion
        assert ended.wait(5)
        eventually(lambda: notes == ["a(", "a)"])


def test_an_interceptor_that_waits_itself_is_cancelled_at_the_time_limit_and_the_function_does_not_run(client, caplog):
    called, cancelled = [], threading.Event()

    async def waits(task, proceed):
        if task.task_id == "task-2":
            return await proceed()
        try:
            await asyncio.sleep(30)
        finally:
            cancelled.set()

    async def function(task):
        called.append(task.task_id)

    with TaskRunner(client, interceptors=[made(waits, is_async_method=True)]) as runner:
        runner.start_worker("t", function, timeout=0.2)
        client.add_task("t")
        assert "time limit" in client.results(1)[0].reason_for_incompletion
        assert cancelled.wait(5)
        client.add_task("t")
        client.results(2)
    assert called == ["task-2"]
    assert not failures(caplog)


def test_a_function_that_has_not_begun_is_cancelled_at_the_time_limit_too(client):
    inside, let_go, called, ended = threading.Event(), threading.Event(), [], threading.Event()

    def holds(task, proceed):
        if task.task_id != "task-1":
            return proceed()
        inside.set()
        assert let_go.wait(20)
        try:
            return proceed()
        finally:
            ended.set()

    async def function(task):
        called.append(task.task_id)

    with TaskRunner(client, interceptors=[made(holds)]) as runner:
        runner.start_worker("t", function, timeout=0.2)
        client.add_task("t")
        assert inside.wait(5)
        assert "time limit" in client.results(1)[0].reason_for_incompletion
        client.add_task("t")
        client.results(2)  # so the loop has cancelled the first one
        let_go.set()
        assert ended.wait(5)
        client.add_task("t")
        client.results(3)
    assert called == ["task-2", "task-3"]


def test_a_blocked_loop_is_named_inside_of_an_interceptor(result_of, caplog):
    async def blocks(task):
        threading.Event().wait(2.2)

    result_of(blocks, AroundBoth())
    assert f"blocks the event loop, which holds up all of them: blocks at {__file__}:" in caplog.text


# Processes


def work_of(deed, argument=None):
    return {"do": deed, "with": argument}


@pytest.fixture
def process_result(client):
    def run(input_data, *interceptors):
        with TaskRunner(client, interceptors=interceptors, shutdown_timeout=5) as runner:
            runner.start_worker("t", process_functions.work, executor=process_pool(1))
            client.add_task("t", input_data)
            (result,) = client.results(1, timeout=20)
        return result

    return run


def test_an_interceptor_is_in_the_main_process_around_the_call_of_a_process(process_result):
    seen = []

    def look(task, proceed):
        result = proceed()
        seen.append((task_context().task_id, result.status, dict(result.output_data)))
        result.output_data["more"] = 2
        return result

    result = process_result(work_of("echo", 7), made(look))
    ((task_id, status, output),) = seen
    assert (task_id, status, output["value"]) == ("task-1", "COMPLETED", 7)
    assert result.output_data == output | {"more": 2}


def test_an_interceptor_sees_the_failure_of_a_function_in_a_process_as_a_result(process_result):
    seen = []

    def look(task, proceed):
        result = proceed()
        seen.append((result.status, result.reason_for_incompletion))
        return result

    result = process_result(work_of("fail", "no stock"), made(look))
    assert seen == [(result.status, result.reason_for_incompletion)]
    assert result.status == FAILED
    assert "no stock" in result.reason_for_incompletion
    assert any("Traceback" in entry.log for entry in result.logs)


def test_lines_of_an_interceptor_and_of_a_function_in_a_process_are_logged_once(process_result):
    def log(task, proceed):
        task_context().log("before")
        try:
            return proceed()
        finally:
            task_context().log("after")

    result = process_result(work_of("tell", "inside"), made(log))
    assert [entry.log for entry in result.logs] == ["before", "inside", "after"]
    assert result.output_data == {"told": "inside"}


def test_an_interceptor_answers_in_place_of_a_process(process_result):
    assert process_result(work_of("echo"), made(lambda task, proceed: {"kept": True})).output_data == {"kept": True}


@both
def test_an_interceptor_may_change_the_input_that_the_function_sees(result_of, function):
    def decrypt(task, proceed):
        task.input_data = {"number": 2}
        return proceed()

    async def number_async(task):
        return task.input_data

    result = result_of((lambda task: task.input_data) if function is worker else number_async, made(decrypt))
    assert result.output_data == {"number": 2}


def test_an_interceptor_may_change_the_input_that_a_process_gets(process_result):
    def decrypt(task, proceed):
        task.input_data = work_of("echo", 8)
        return proceed()

    assert process_result(work_of("echo", 7), made(decrypt)).output_data["value"] == 8


def test_an_input_that_no_process_can_get_is_a_failure(process_result):
    def spoil(task, proceed):
        task.input_data = {"do": object()}
        return proceed()

    result = process_result(work_of("echo", 7), made(spoil))
    assert result.status == FAILED
    assert result.reason_for_incompletion.startswith("TypeError")


@pytest.mark.parametrize("deed", [before, after, exits, twice])
def test_a_failing_interceptor_changes_nothing_for_a_process(process_result, deed, caplog):
    assert process_result(work_of("echo", 7), made(deed)).output_data["value"] == 7
    assert len(failures(caplog)) == 1


def test_an_interceptor_sees_the_death_of_a_process_as_an_exception(process_result):
    seen = []

    def look(task, proceed):
        try:
            return proceed()
        except Exception as error:
            seen.append(type(error).__name__)
            raise

    result = process_result(work_of("die", 3), made(look))
    assert seen == ["ProcessDiedError"]
    assert result.status == FAILED


# Polls


class Polls(Interceptor):
    def __init__(self, deed):
        self.deed = deed
        self.calls = 0

    def poll(self, worker, proceed):
        self.calls += 1
        return self.deed(worker, proceed)


def swallow(_, proceed):
    proceed()
    return []


def add_garbage(_, proceed):
    return [*proceed(), "garbage", None]


def clear(_, proceed):
    tasks = proceed()
    tasks.clear()


def hide(_, proceed):
    try:
        return proceed()
    except ConductorError:
        return []


@pytest.mark.parametrize("deed", [swallow, add_garbage, clear, hide, before, after, exits, twice])
def test_the_runner_takes_what_the_server_delivered_whatever_the_interceptor_does(result_of, deed, caplog):
    assert result_of(worker, Polls(deed), Polls(deed)).output_data == {"value": 1}
    assert bool(failures(caplog)) is (deed in (before, after, exits, twice))


def test_an_interceptor_sees_the_worker_and_the_tasks_of_a_poll(result_of):
    seen = []

    def look(worker, proceed):
        tasks = proceed()
        seen.extend((worker.task_name, task.task_id) for task in tasks)
        return tasks

    result_of(worker, Polls(look))
    assert seen == [("t", "task-1")]


def test_a_poll_without_proceed_is_a_circuit_breaker(client):
    closed = threading.Event()
    breaker = Polls(lambda _, proceed: proceed() if closed.is_set() else [])
    inner = Polls(lambda _, proceed: proceed())
    with TaskRunner(client, interceptors=[breaker, inner]) as runner:
        client.add_task("t")
        runner.start_worker("t", worker)
        eventually(lambda: breaker.calls >= 3)
        assert breaker.calls < 30, "it polls without a pause"
        assert not inner.calls
        closed.set()
        assert client.results(1)


class FailingPolls(FakeTaskClient):
    """The first poll fails."""

    fails = True

    def batch_poll(self, *arguments):
        if self.fails:
            self.fails = False
            raise TransportError("no connection")
        return super().batch_poll(*arguments)


@pytest.mark.parametrize("deed", [hide, before, after])
def test_a_failed_poll_is_one_for_the_runner_whatever_the_interceptor_does(deed, caplog):
    client = FailingPolls()
    with TaskRunner(client, interceptors=[Polls(deed)]) as runner:
        runner.start_worker("t", worker)
        client.add_task("t")
        assert client.results(1)
    assert "polls fail, and go on with growing pauses: no connection" in caplog.text


# Updates


class Updates(Interceptor):
    def __init__(self, deed):
        self.deed = deed
        self.seen = []

    def update(self, result, proceed):
        self.seen.append((result.task_id, result.status))
        return self.deed(result, proceed)


def skip(_, proceed):
    """Does not proceed."""


def change(result, proceed):
    result.status = TERMINAL
    result.output_data = object()
    result.task_id = "another"
    proceed()


def change_inside(result, proceed):
    result.output_data["value"] = 2
    result.output_data["list"][0]["of"].clear()
    result.logs[0].log = "another"
    result.logs.clear()
    proceed()


def plain(_, proceed):
    proceed()


@pytest.mark.parametrize("deed", [plain, skip, change, hide, before, after, exits, twice])
def test_a_result_is_sent_once_whatever_the_interceptor_does(client, deed, caplog):
    first, second = Updates(deed), Updates(deed)
    with TaskRunner(client, interceptors=[first, second]) as runner:
        runner.start_worker("t", worker)
        for _ in range(3):
            client.add_task("t")
        client.results(3)
    results = client.results(3)
    assert [result.output_data for result in results] == [{"value": 1}] * 3
    assert sorted(result.task_id for result in results) == ["task-1", "task-2", "task-3"]
    assert all(len(each.seen) == 3 for each in (first, second))
    assert bool(failures(caplog)) is (deed in (before, after, exits, twice))
    assert ("the result is sent anyway" in caplog.text) is (deed is skip)


def test_a_change_inside_of_an_output_or_a_log_is_not_sent(result_of):
    def function(task):
        task_context().log("a line")
        return {"value": 1, "list": [{"of": {"more": 1}}]}

    result = result_of(function, Updates(change_inside), Updates(change_inside))
    assert result.output_data == {"value": 1, "list": [{"of": {"more": 1}}]}
    assert [entry.log for entry in result.logs] == ["a line"]


@pytest.mark.parametrize("deed", [plain, skip, hide, before, after])
def test_a_failed_update_is_repeated_whatever_the_interceptor_does(client, deed):
    updates = Updates(deed)
    client.fail_next(TransportError("no connection"))
    client.fail_next(TransportError("no connection"))
    with TaskRunner(client, interceptors=[updates]) as runner:
        runner.start_worker("t", worker)
        client.add_task("t")
        assert client.results(1)[0].output_data == {"value": 1}
    assert updates.seen == [("task-1", "COMPLETED")] * 3


def test_an_interceptor_sees_the_error_of_an_update(client):
    seen = []

    def look(_, proceed):
        try:
            proceed()
        except ConductorError as error:
            seen.append(str(error))
            raise

    client.fail_next(TransportError("no connection"))
    with TaskRunner(client, interceptors=[Updates(look)]) as runner:
        runner.start_worker("t", worker)
        client.add_task("t")
        client.results(1)
    assert seen == ["no connection"]
