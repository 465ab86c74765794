"""A runner inside a program that lives in asyncio: nothing blocks its event loop, and workers may run on it."""

import asyncio
import contextvars
import sys
import threading

import pytest

from conductor import (
    ConductorError,
    ConfigurationError,
    TaskRunner,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
    task_context,
)
from conductor.testing import FakeTaskClient
from conductor.testing.dev_server import DevServer
from support.waiting import eventually


@pytest.fixture
def client():
    return FakeTaskClient()


@pytest.fixture(autouse=True)
def _no_thread_stays_behind():
    before = set(threading.enumerate())
    yield
    eventually(lambda: not [t for t in threading.enumerate() if t not in before and t.name.startswith("conductor-")])


@pytest.fixture
def callers_loop():
    """A loop that runs on a thread of the test's, until the test stops it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def end():
        if thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
        loop.close()

    loop.end = end
    yield loop
    end()


def on_callers_loop(client, **options):
    return TaskRunner(client, event_loop=asyncio.get_running_loop(), **options)


async def in_thread(function, *arguments):
    return await asyncio.to_thread(function, *arguments)


def waits_on_threads():
    return [thread for thread in threading.enumerate() if thread.name == "conductor-wait"]


def test_a_worker_on_the_callers_loop_resolves_its_futures():
    async def program(url):
        got = asyncio.get_running_loop().create_future()

        async def worker(task):
            got.set_result(task.input_data)
            return {"thread": threading.get_ident()}

        async with on_callers_loop(None) as runner:
            runner.start_worker("t", worker)
            workflow_id = await in_thread(start_workflow)
            assert await got == {"order": 7}
        workflow = await in_thread(WorkflowExecutor().get_workflow, workflow_id)
        assert (workflow.status, workflow.output) == ("COMPLETED", {"thread": threading.get_ident()})

    def start_workflow():
        step = WorkflowTask("t", "t", input_parameters={"order": 7})
        with WorkflowExecutor() as workflows:
            workflows.register_workflow(WorkflowDef(name="w", version=1, tasks=[step]))
            return workflows.start_workflow("w")

    with DevServer() as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("CONDUCTOR_SERVER_URL", server.url)
        asyncio.run(program(server.url))


def test_a_coroutine_waits_for_the_stop_of_its_worker(client):
    async def program():
        begun = asyncio.Event()

        async def worker(task):
            begun.set()
            return {"stopping": await task_context().stopping.wait_async(60)}

        client.add_task("t")
        async with on_callers_loop(client) as runner:
            runner.start_worker("t", worker)
            await begun.wait()
        (result,) = client.results(1)
        assert result.output_data == {"stopping": True}

    asyncio.run(program())


def test_a_thousand_coroutines_on_the_callers_loop_need_forty_threads_at_most(client):
    before = set(threading.enumerate())

    async def program():
        everybody, gate, running = asyncio.Event(), asyncio.Event(), []

        async def worker(task):
            running.append(task.task_id)
            if len(running) == 1000:
                everybody.set()
            await gate.wait()

        ids = {client.add_task("t") for _ in range(1000)}
        async with on_callers_loop(client) as runner:
            runner.start_worker("t", worker, 1000, poll_timeout=0.01)
            await everybody.wait()
            assert len(set(threading.enumerate()) - before) <= 40
            gate.set()
        assert {result.task_id for result in client.results(1000)} == ids

    asyncio.run(program())


def test_the_loop_goes_on_while_a_block_drains(client):
    begun, released = threading.Event(), threading.Event()

    def worker(task):
        begun.set()
        return released.wait(20)

    async def beat():
        await asyncio.to_thread(eventually, waits_on_threads)
        for _ in range(100):  # as often as the loop turns
            await asyncio.sleep(0)
        released.set()

    async def program():
        client.add_task("t")
        async with on_callers_loop(client) as runner:
            runner.start_worker("t", worker)
            await in_thread(begun.wait, 20)
            heart = asyncio.create_task(beat())
        assert heart.done()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(program())
    assert client.results(1)[0].output_data == {"result": True}


def test_wait_has_the_results_of_wait_workers(client):
    async def program():
        runner = TaskRunner(client)
        assert await runner.wait()
        runner.start_worker("t", print, poll_timeout=0.01)
        assert not await runner.wait(timeout=0.05)
        assert runner.get_batch_size_for_task("t") == 1
        runner.shutdown()
        assert await runner.wait()
        with pytest.raises(ConfigurationError, match="timeout"):
            await runner.wait(timeout=-1)

    asyncio.run(program())


def test_wait_tells_of_work_that_was_left_behind(client, caplog):
    async def program():
        begun, never = asyncio.Event(), asyncio.Event()

        async def worker(task):
            begun.set()
            await never.wait()

        client.add_task("t")
        runner = on_callers_loop(client, shutdown_timeout=0.05)
        runner.start_worker("t", worker)
        await begun.wait()
        runner.shutdown()
        assert not await runner.wait()
        never.set()
        await in_thread(eventually, runner.wait_workers)  # the function has ended

    asyncio.run(program())
    assert "left behind at the end of the drain" in caplog.text


def test_a_wait_that_is_cancelled_changes_nothing_else(client):
    async def program():
        async with TaskRunner(client) as runner:
            runner.start_worker("t", lambda task: None)
            waiting = asyncio.create_task(runner.wait())
            await in_thread(eventually, waits_on_threads)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await in_thread(eventually, lambda: not waits_on_threads())
            client.add_task("t")
            await in_thread(client.results, 1)

    asyncio.run(program())


def test_a_wait_may_have_a_time_limit_of_asyncio(client):
    async def program():
        async with TaskRunner(client) as runner:
            runner.start_worker("t", print, poll_timeout=0.01)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await runner.wait()
            assert runner.get_batch_size_for_task("t") == 1

    asyncio.run(program())


class Hung:
    """A program whose one task runs until it is released; ``main`` is the program's task."""

    def __init__(self, client, body=None):
        self.released = threading.Event()
        self._begun = threading.Event()
        self._client = client
        self._body = body

    def _work(self, task):
        self._begun.set()
        return self.released.wait(20)

    async def _program(self, entered):
        async with TaskRunner(self._client, shutdown_timeout=60) as runner:
            runner.start_worker("t", self._work)
            await asyncio.to_thread(self._begun.wait, 20)
            entered.set()
            if self._body is not None:
                await self._body()

    async def start(self):
        entered = asyncio.Event()
        self._client.add_task("t")
        self.main = asyncio.create_task(self._program(entered))
        await entered.wait()

    async def draining(self):
        await asyncio.to_thread(eventually, waits_on_threads)


def test_a_block_that_is_cancelled_drains(client):
    async def program():
        hung = Hung(client, body=asyncio.Event().wait)
        await hung.start()
        hung.main.cancel()
        await hung.draining()
        assert not hung.main.done()
        hung.released.set()
        with pytest.raises(asyncio.CancelledError):
            await hung.main

    asyncio.run(program())
    assert client.results(1)[0].status == "COMPLETED"


def test_a_drain_that_is_cancelled_once_goes_on_and_the_cancellation_is_not_lost(client):
    async def program():
        hung = Hung(client)
        await hung.start()
        await hung.draining()
        hung.main.cancel()
        await asyncio.sleep(0)
        assert not (await asyncio.wait([hung.main], timeout=0.02))[0]
        hung.released.set()
        with pytest.raises(asyncio.CancelledError):
            await hung.main

    asyncio.run(program())
    assert client.results(1)[0].status == "COMPLETED"


@pytest.mark.parametrize("is_first_in_block", [True, False])
def test_a_second_cancellation_ends_the_drain_now(client, caplog, is_first_in_block):
    async def program():
        hung = Hung(client, body=asyncio.Event().wait if is_first_in_block else None)
        await hung.start()
        if not is_first_in_block:
            await hung.draining()
        hung.main.cancel()
        await hung.draining()
        hung.main.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hung.main
        assert not hung.released.is_set()
        return hung

    hung = asyncio.run(program())
    assert "cancellation: the second request to stop, so the drain is over" in caplog.text
    assert "left behind at the end of the drain" in caplog.text
    hung.released.set()


def test_an_error_of_the_block_is_raised_after_the_drain(client):
    async def program():
        async with TaskRunner(client) as runner:
            runner.start_worker("t", lambda task: None)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(program())


def test_waiting_in_the_blocking_ways_on_the_callers_loop_is_refused(client):
    async def program():
        runner = on_callers_loop(client)
        with pytest.raises(ConductorError, match=r"await runner\.wait\(\)"):
            runner.wait_workers()
        with pytest.raises(ConductorError, match="async with"), runner:
            pass
        assert await in_thread(runner.wait_workers)

    asyncio.run(program())


def test_a_worker_function_must_not_wait_for_the_workers(client):
    async def program():
        async with on_callers_loop(client) as runner:

            async def worker(task):
                await runner.wait()

            client.add_task("t")
            runner.start_worker("t", worker)
            (result,) = await in_thread(client.results, 1)
            assert "must not wait" in result.reason_for_incompletion

    asyncio.run(program())


@pytest.mark.parametrize("value", [asyncio, 7, asyncio.new_event_loop])
def test_an_event_loop_is_an_event_loop(client, value):
    with pytest.raises(ConfigurationError, match="event_loop must be an event loop"):
        TaskRunner(client, event_loop=value)


def test_a_closed_event_loop_runs_no_worker(client):
    loop = asyncio.new_event_loop()
    with TaskRunner(client, event_loop=loop) as runner:
        loop.close()

        async def worker(task):
            pass

        with pytest.raises(ConfigurationError, match="t: an `async def` function cannot run"):
            runner.start_worker("t", worker)
        runner.start_worker("t", lambda task: None)  # it needs no loop
        client.add_task("t")
        assert client.results(1)[0].status == "COMPLETED"
    with pytest.raises(ConfigurationError, match="event_loop must not be closed"):
        TaskRunner(client, event_loop=loop)


def test_tasks_wait_until_the_loop_runs(client):
    loop = asyncio.new_event_loop()

    async def worker(task):
        pass

    runner = TaskRunner(client, event_loop=loop)
    runner.start_worker("t", worker)
    client.add_task("t")
    loop.run_until_complete(asyncio.to_thread(client.results, 1))
    runner.shutdown()
    assert loop.run_until_complete(runner.wait())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def test_of_tasks_on_a_loop_that_is_closed_the_begun_are_named_and_the_others_come_back(client, callers_loop, caplog):
    begun = threading.Event()

    async def worker(task):
        begun.set()
        await asyncio.get_running_loop().create_future()

    runner = TaskRunner(client, event_loop=callers_loop, shutdown_timeout=60)
    runner.start_worker("t", worker, batch_size=2)
    first = client.add_task("t")
    assert begun.wait(20)
    callers_loop.call_soon_threadsafe(callers_loop.stop)
    eventually(lambda: not callers_loop.is_running())
    second = client.add_task("t")
    eventually(lambda: client.get_task(second).poll_count == 1)
    callers_loop.end()
    assert not runner.wait_workers(timeout=20)
    (handed_back,) = client.results(1)
    assert (handed_back.task_id, handed_back.status) == (second, "IN_PROGRESS")
    (record,) = [record for record in caplog.records if "its event loop was closed while it ran" in record.message]
    assert record.task_id == first
    assert runner.get_batch_size_for_all() == {}


def test_a_worker_whose_loop_was_closed_while_it_was_idle_hands_its_task_back_and_ends(client, callers_loop, caplog):
    async def worker(task):
        pass

    runner = TaskRunner(client, event_loop=callers_loop)
    runner.start_worker("t", worker)
    callers_loop.end()
    task_id = client.add_task("t")
    assert runner.wait_workers(timeout=20)  # nothing was begun
    assert [(each.task_id, each.status) for each in client.results(1)] == [(task_id, "IN_PROGRESS")]
    assert "the event loop was closed, so the workers with async functions end" in caplog.text


def test_a_loop_that_stands_still_is_named_and_its_tasks_go_on_later(client, callers_loop, caplog, monkeypatch):
    monkeypatch.setattr("conductor.calling.event_loop.BLOCKED_AFTER", 0.02)

    async def worker(task):
        pass

    with TaskRunner(client, event_loop=callers_loop) as runner:
        callers_loop.call_soon_threadsafe(callers_loop.stop)
        eventually(lambda: not callers_loop.is_running())
        runner.start_worker("t", worker)
        client.add_task("t")
        eventually(lambda: "the event loop does not run" in caplog.text)
        again = threading.Thread(target=callers_loop.run_forever)
        again.start()
        client.results(1)
    callers_loop.call_soon_threadsafe(callers_loop.stop)
    again.join()


def test_a_program_that_ends_before_its_runner_fails_the_tasks_that_run(client):
    """asyncio.run cancels all coroutines at its end."""

    async def program():
        begun = asyncio.Event()

        async def worker(task):
            begun.set()
            await asyncio.get_running_loop().create_future()

        runner = on_callers_loop(client)
        runner.start_worker("t", worker)
        client.add_task("t")
        await begun.wait()
        return runner

    runner = asyncio.run(program())
    (result,) = client.results(1)
    assert (result.status, result.reason_for_incompletion) == ("FAILED", "CancelledError")
    client.add_task("t")
    assert runner.wait_workers(timeout=20)
    assert client.results(2)[1].status == "IN_PROGRESS"


def test_a_time_limit_cancels_a_coroutine_on_the_callers_loop(client):
    async def program():
        cancelled = asyncio.Event()

        async def worker(task):
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        async with on_callers_loop(client) as runner:
            runner.start_worker("t", worker, timeout=0.05)
            client.add_task("t")
            await cancelled.wait()
            (result,) = await in_thread(client.results, 1)
            assert result.reason_for_incompletion.startswith("TimeoutError")

    asyncio.run(program())


def test_a_callers_loop_that_is_blocked_stops_no_request(client):
    async def program():
        done = asyncio.Event()

        async def worker(task):
            done.set()

        async with on_callers_loop(client) as runner:
            runner.start_worker("coroutine", worker)
            runner.start_worker("thread", lambda task: None)
            client.add_task("coroutine")
            await done.wait()
            client.add_task("thread")
            client.results(2)  # blocks this loop until both are reported

    asyncio.run(program())


def test_each_task_has_a_context_of_its_own(client):
    variable = contextvars.ContextVar("variable", default="fresh")

    async def program():
        variable.set("the program's")

        async def worker(task):
            seen = variable.get()
            variable.set(task.task_id)
            return seen

        async with on_callers_loop(client) as runner:
            runner.start_worker("t", worker)
            for _ in range(3):
                client.add_task("t")
            results = await in_thread(client.results, 3)
        assert [result.output_data for result in results] == [{"result": "fresh"}] * 3

    asyncio.run(program())


def test_the_callers_loop_may_have_a_task_factory_of_its_own(client):
    """With asyncio.eager_task_factory of Python 3.12, a function may even end before its task is known."""
    made = []

    def factory(loop, coroutine, **options):
        options |= {"eager_start": True} if sys.version_info >= (3, 12) else {}
        made.append(asyncio.Task(coroutine, loop=loop, **options))
        return made[-1]

    async def program():
        async def at_once(task):
            pass

        async def later(task):
            await asyncio.sleep(0)

        asyncio.get_running_loop().set_task_factory(factory)
        async with on_callers_loop(client) as runner:
            runner.start_worker("at_once", at_once)
            runner.start_worker("later", later)
            for name in ("at_once", "later") * 3:
                client.add_task(name)
            results = await in_thread(client.results, 6)
        assert {result.status for result in results} == {"COMPLETED"}
        assert len(made) >= 6

    asyncio.run(program())


def test_two_runners_share_the_callers_loop(client):
    async def program():
        lock = asyncio.Lock()

        async def worker(task):
            async with lock:
                await asyncio.sleep(0)

        for name in "ab":
            client.add_task(name)
        async with on_callers_loop(client) as a, on_callers_loop(client) as b:
            a.start_worker("a", worker)
            b.start_worker("b", worker)
            await in_thread(client.results, 2)

    asyncio.run(program())
