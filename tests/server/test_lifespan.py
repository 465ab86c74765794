"""TaskRunner(lifespan=…): when it is entered and left, and a failure or hang of it."""

import asyncio
import contextlib
import logging
import signal
import threading
import time

import pytest

from conductor import ConductorError, ConfigurationError, TaskRunner, process_pool, task_context
from conductor.testing import FakeTaskClient, run_worker
from support import process_functions
from support.waiting import Gate, eventually


class NotesClient(FakeTaskClient):
    """Notes its requests, in order with other notes."""

    def __init__(self):
        super().__init__()
        self.notes = []

    def batch_poll(self, *arguments):
        self.notes.append("poll")
        return super().batch_poll(*arguments)

    def update(self, *arguments):
        super().update(*arguments)
        self.notes.append("result")


@pytest.fixture
def client():
    return NotesClient()


class Pool:
    """Opened and closed by a lifespan."""

    def __init__(self):
        self.loop = self.thread = None
        self.is_open = True


def lifespans(notes, pools=None):
    """Of each kind, one."""
    pools = [] if pools is None else pools

    @contextlib.asynccontextmanager
    async def of_coroutines():
        await asyncio.sleep(0)
        notes.append("enter")
        pools.append(Pool())
        pools[-1].loop, pools[-1].thread = asyncio.get_running_loop(), threading.get_ident()
        yield pools[-1]
        await asyncio.sleep(0)
        assert pools[-1].loop is asyncio.get_running_loop()
        notes.append("leave")
        pools[-1].is_open = False

    @contextlib.contextmanager
    def of_threads():
        notes.append("enter")
        pools.append(Pool())
        pools[-1].thread = threading.get_ident()
        yield pools[-1]
        assert pools[-1].thread == threading.get_ident()
        notes.append("leave")
        pools[-1].is_open = False

    return {"async": of_coroutines, "plain": of_threads}


kinds = pytest.mark.parametrize("kind", ["async", "plain"])


def sees_state(task):
    return {"open": task_context().state.is_open}


async def sees_state_async(task):
    state = task_context().state
    return {"open": state.is_open, "same loop": state.loop is asyncio.get_running_loop()}


@kinds
def test_it_is_entered_before_the_first_poll_and_left_after_the_last_result(client, kind):
    runner = TaskRunner(client, lifespan=lifespans(client.notes)[kind])
    assert client.notes == []
    client.add_task("t")
    runner.start_worker("t", sees_state)
    runner.start_worker("other", sees_state)
    assert client.results(1)[0].output_data == {"open": True}
    runner.shutdown()
    assert runner.wait_workers()
    assert client.notes[0] == "enter"
    assert client.notes[-1] == "leave"
    assert client.notes.count("enter") == client.notes.count("leave") == 1
    assert "result" in client.notes


def test_coroutines_share_the_loop_of_an_async_lifespan(client):
    client.add_task("t")
    with TaskRunner(client, lifespan=lifespans([])["async"]) as runner:
        runner.start_worker("t", sees_state_async)
        assert client.results(1)[0].output_data == {"open": True, "same loop": True}


@kinds
def test_a_context_manager_itself_can_be_given(client, kind):
    client.add_task("t")
    with TaskRunner(client, lifespan=lifespans(client.notes)[kind]()) as runner:
        runner.start_worker("t", sees_state)
        client.results(1)
    assert client.notes[-1] == "leave"


def test_it_is_entered_and_left_once_for_workers_that_start_at_the_same_time(client):
    let_go, entered = threading.Event(), []

    @contextlib.contextmanager
    def slow():
        entered.append(1)
        assert let_go.wait(20)
        yield

    runner = TaskRunner(client, lifespan=slow)
    threads = [threading.Thread(target=runner.start_worker, args=(f"t{n}", sees_state)) for n in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: entered)
    assert runner.wait_workers()  # none has started yet
    assert "poll" not in client.notes
    let_go.set()
    for thread in threads:
        thread.join(10)
    eventually(lambda: client.notes.count("poll") >= 4)
    runner.shutdown()
    assert runner.wait_workers()
    assert entered == [1]


def test_an_error_of_entering_is_raised_by_start_worker_and_nothing_runs(client):
    before = threading.active_count()

    @contextlib.asynccontextmanager
    async def fails():
        raise OSError("no database")
        yield

    runner = TaskRunner(client, lifespan=fails)
    for _ in range(2):
        with pytest.raises(OSError, match="no database"):
            runner.start_worker("t", sees_state)
    assert runner.wait_workers()
    assert client.notes == []
    eventually(lambda: threading.active_count() == before)


def test_an_error_of_a_plain_one_that_is_entered_is_raised_too(client):
    class Fails:
        def __enter__(self):
            raise OSError("no database")

        def __exit__(self, *error):
            raise AssertionError

    with pytest.raises(OSError, match="no database"):
        TaskRunner(client, lifespan=Fails).start_worker("t", sees_state)
    assert client.notes == []


@kinds
def test_a_lifespan_that_starts_a_worker_is_an_error_and_does_not_hang(client, kind):
    @contextlib.contextmanager
    def plain():
        runner.start_worker("t", sees_state)
        yield

    @contextlib.asynccontextmanager
    async def coroutine():
        runner.start_worker("t", sees_state)
        yield

    runner = TaskRunner(client, lifespan={"plain": plain, "async": coroutine}[kind])
    with pytest.raises(ConductorError, match="a lifespan must not start a worker"):
        runner.start_worker("t", sees_state)
    assert runner.wait_workers()
    assert client.notes == []


@kinds
def test_after_a_stop_a_new_start_enters_it_again(client, kind):
    pools = []
    runner = TaskRunner(client, lifespan=lifespans(client.notes, pools)[kind])
    for number in (1, 2):
        client.add_task("t")
        runner.start_worker("t", sees_state)
        assert client.results(number)[-1].output_data == {"open": True}
        runner.shutdown()
        assert runner.wait_workers()
        assert not pools[-1].is_open
    assert [note for note in client.notes if note in ("enter", "leave")] == ["enter", "leave"] * 2


def test_a_context_manager_itself_works_for_one_start(client):
    runner = TaskRunner(client, lifespan=contextlib.nullcontext())
    runner.start_worker("t", sees_state)
    runner.shutdown()
    assert runner.wait_workers()
    with pytest.raises(ConfigurationError, match="must be a function that makes a context manager"):
        runner.start_worker("t", sees_state)
    assert runner.wait_workers()


@kinds
def test_an_error_of_leaving_is_logged_and_no_work_is_left(client, kind, caplog):
    @contextlib.contextmanager
    def plain():
        yield
        raise OSError("already closed")

    @contextlib.asynccontextmanager
    async def coroutine():
        yield
        raise OSError("already closed")

    runner = TaskRunner(client, lifespan={"plain": plain, "async": coroutine}[kind])
    runner.start_worker("t", sees_state)
    runner.shutdown()
    assert runner.wait_workers()
    (record,) = [each for each in caplog.records if "the lifespan failed when it was left" in each.message]
    assert "already closed" in str(record.exc_info[1])


def test_a_lifespan_that_ends_while_workers_run_is_not_said_to_be_left(client, caplog):
    @contextlib.asynccontextmanager
    async def coroutine():
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            yield

    async def fails():
        raise OSError("the connection is gone")

    with TaskRunner(client, lifespan=coroutine) as runner:
        runner.start_worker("t", sees_state)
        eventually(lambda: "the lifespan failed while workers run" in caplog.text)
    assert "when it was left" not in caplog.text


@contextlib.asynccontextmanager
async def hangs_async():
    yield
    await asyncio.sleep(30)


@contextlib.contextmanager
def hangs():
    yield
    never.wait(30)


never = threading.Event()


@pytest.fixture(autouse=True)
def _let_go():
    yield
    never.set()
    never.clear()


hanging = pytest.mark.parametrize("lifespan", [hangs_async, hangs], ids=["async", "plain"])


def test_leaving_has_at_least_a_second(client):
    @contextlib.asynccontextmanager
    async def slow():
        yield
        await asyncio.sleep(0.4)
        client.notes.append("left")

    runner = TaskRunner(client, lifespan=slow, shutdown_timeout=0.2)
    runner.start_worker("t", sees_state)
    runner.shutdown()
    eventually(lambda: not runner.get_batch_size_for_all())
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("conductor-poll")])
    assert runner.wait_workers()
    assert client.notes[-1] == "left"


@hanging
def test_leaving_has_the_rest_of_the_shutdown_timeout(client, lifespan, caplog):
    runner = TaskRunner(client, lifespan=lifespan, shutdown_timeout=1.2)
    runner.start_worker("t", sees_state)
    runner.shutdown()
    began = time.monotonic()
    assert not runner.wait_workers()
    assert 1.0 <= time.monotonic() - began < 5
    assert "the lifespan was not left in time" in caplog.text
    assert not runner.wait_workers()  # scripts that leave the runner's block before get their exit code from here


def test_a_lifespan_that_hangs_is_cancelled_in_the_end(client):
    cancelled = threading.Event()

    @contextlib.asynccontextmanager
    async def hangs():
        yield
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            cancelled.set()
            raise

    runner = TaskRunner(client, lifespan=hangs, shutdown_timeout=1)
    runner.start_worker("t", sees_state)
    runner.shutdown()
    runner.wait_workers()
    assert cancelled.wait(5)


@hanging
def test_a_second_signal_waits_for_no_lifespan(client, lifespan):
    runner = TaskRunner(client, lifespan=lifespan, shutdown_timeout=60)
    runner.start_worker("t", sees_state)
    threading.Timer(0.2, signal.raise_signal, [signal.SIGTERM]).start()
    threading.Timer(0.6, signal.raise_signal, [signal.SIGTERM]).start()
    began = time.monotonic()
    assert not runner.wait_workers()
    assert time.monotonic() - began < 5


@hanging
def test_a_start_waits_for_a_lifespan_that_is_being_left(client, lifespan):
    entered = []

    def lifespan_and_count():
        entered.append(1)
        return lifespan()

    runner = TaskRunner(client, lifespan=lifespan_and_count, shutdown_timeout=1.2)
    runner.start_worker("t", sees_state)
    runner.shutdown()
    assert not runner.wait_workers(timeout=0.4)
    runner.start_worker("t", lambda task: {"state": task_context().state})
    assert entered == [1, 1]
    client.add_task("t")
    assert client.results(1)[0].output_data == {"state": None}
    runner.shutdown()
    runner.wait_workers()


@kinds
def test_a_function_that_hangs_does_not_keep_the_lifespan_from_being_left(client, kind):
    gate = Gate()
    runner = TaskRunner(client, lifespan=lifespans(client.notes)[kind], shutdown_timeout=0.2)
    runner.start_worker("hangs", gate)
    client.add_task("hangs")
    gate.inside.get(timeout=5)
    runner.shutdown()
    assert not runner.wait_workers()
    assert client.notes[-1] == "leave"
    runner.start_worker("t", sees_state)  # while it still hangs
    client.add_task("t")
    assert client.results(1)[0].output_data == {"open": True}
    gate.opened.set()
    runner.shutdown()
    runner.wait_workers()
    assert [note for note in client.notes if note in ("enter", "leave")] == ["enter", "leave"] * 2


def test_without_async_workers_and_an_async_lifespan_there_is_no_event_loop(client):
    before = set(threading.enumerate())
    with TaskRunner(client, lifespan=lifespans(client.notes)["plain"]) as runner:
        runner.start_worker("t", sees_state)
        new = {each.name for each in set(threading.enumerate()) - before}
    assert "conductor-lifespan" in new
    assert not [name for name in new if name.startswith("conductor-loop")]


def test_async_with_enters_it_on_the_callers_loop_and_leaves_it_there(client):
    pools = []

    async def program():
        loop = asyncio.get_running_loop()
        async with TaskRunner(client, event_loop=loop, lifespan=lifespans(client.notes, pools)["async"]) as runner:
            assert client.notes == ["enter"]
            assert pools[0].loop is loop
            runner.start_worker("t", sees_state_async)
            client.add_task("t")
            (result,) = await asyncio.to_thread(client.results, 1)
            assert result.output_data == {"open": True, "same loop": True}
        assert client.notes[-1] == "leave"
        assert not pools[0].is_open

    asyncio.run(program())


@kinds
def test_async_with_enters_it_without_a_loop_of_the_caller_too(client, kind):
    async def program():
        async with TaskRunner(client, lifespan=lifespans(client.notes)[kind]):
            assert client.notes == ["enter"]
        assert client.notes == ["enter", "leave"]

    asyncio.run(program())


def test_async_with_raises_an_error_of_entering(client):
    @contextlib.asynccontextmanager
    async def fails():
        raise OSError("no database")
        yield

    async def program():
        with pytest.raises(OSError, match="no database"):
            async with TaskRunner(client, event_loop=asyncio.get_running_loop(), lifespan=fails):
                raise AssertionError

    asyncio.run(program())


def test_a_cancelled_async_with_leaves_the_lifespan_that_it_was_entering(client):
    begun = asyncio.Event()

    @contextlib.asynccontextmanager
    async def slow():
        client.notes.append("enter")
        begun.set()
        await asyncio.sleep(0.05)
        yield
        client.notes.append("leave")

    async def enters():
        async with TaskRunner(client, event_loop=asyncio.get_running_loop(), lifespan=slow):
            raise AssertionError

    async def program():
        entering = asyncio.create_task(enters())
        await begun.wait()
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        assert client.notes == ["enter", "leave"]

    asyncio.run(program())


def test_a_start_that_would_block_the_loop_of_its_lifespan_is_an_error(client):
    async def program():
        runner = TaskRunner(client, event_loop=asyncio.get_running_loop(), lifespan=lifespans([])["async"])
        with pytest.raises(ConductorError, match="asyncio.to_thread"):
            runner.start_worker("t", sees_state)
        await asyncio.to_thread(runner.start_worker, "t", sees_state)
        runner.shutdown()
        assert await runner.wait()

    asyncio.run(program())


async def takes_app(app):
    """As FastAPI calls it."""


async def not_decorated():
    yield


def not_decorated_either():
    yield


class NotManager:
    """Neither async nor plain."""


@pytest.mark.parametrize("bad", [1, "text", object(), takes_app, lambda app: app])
def test_a_lifespan_that_cannot_work_is_refused_by_the_runner(client, bad):
    with pytest.raises(ConfigurationError, match="lifespan must be an async or plain context manager"):
        TaskRunner(client, lifespan=bad)


@pytest.mark.parametrize(
    ("bad", "hint"),
    [
        (not_decorated, "decorate it with contextlib.asynccontextmanager"),
        (not_decorated_either, "decorate it with contextlib.contextmanager"),
        (NotManager, "made NotManager"),
        (lambda: None, "made NoneType"),
    ],
)
def test_a_function_that_makes_no_context_manager_is_an_error_at_the_start(client, bad, hint):
    with pytest.raises(ConfigurationError, match=hint):
        TaskRunner(client, lifespan=bad).start_worker("t", sees_state)
    assert client.notes == []


def test_without_a_lifespan_the_state_is_an_error_that_says_so(client):
    client.add_task("t")
    with TaskRunner(client) as runner:
        runner.start_worker("t", sees_state)
        assert "the runner has no lifespan: TaskRunner(lifespan=…)" in client.results(1)[0].reason_for_incompletion


def test_in_a_process_the_state_is_an_error_that_names_the_initializer(client):
    client.add_task("t", {"do": "see_lifespan"})
    with TaskRunner(client, lifespan=contextlib.nullcontext(1)) as runner:
        runner.start_worker("t", process_functions.work, executor=process_pool(1))
        assert "process_pool(…, initializer=…)" in client.results(1, timeout=20)[0].reason_for_incompletion


def test_a_test_gives_the_state_itself():
    assert run_worker(sees_state, state=Pool()).output_data == {"open": True}
    assert run_worker(sees_state_async, state=Pool()).output_data == {"open": True, "same loop": False}
    assert "run_worker(…, state=…)" in run_worker(sees_state).reason_for_incompletion


def test_leaving_does_not_log_as_a_failure_of_a_clean_stop(client, caplog):
    caplog.set_level(logging.INFO)
    with TaskRunner(client, lifespan=lifespans(client.notes)["async"]) as runner:
        runner.start_worker("t", sees_state)
    assert "stopped: nothing left behind" in caplog.text


def test_outside_of_a_task_there_is_no_state():
    with pytest.raises(ConductorError):
        task_context().state  # noqa: B018
