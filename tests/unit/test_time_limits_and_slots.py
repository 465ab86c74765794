"""Time limits and slots: a limit costs no thread, and a slot that a time limit takes over is given back once."""

import asyncio
import queue
import threading

import pytest

from conductor import TaskRunner
from conductor.calling.call import KilledError, NotBegunError
from conductor.delivery.sender_threads import SenderThreads
from conductor.runner.intake import Intake
from conductor.testing import FakeTaskClient
from support.waiting import eventually


def test_a_function_with_a_time_limit_runs_on_its_slots_thread_and_needs_no_further_one():
    before, client, seen = set(threading.enumerate()), FakeTaskClient(), []
    for _ in range(5):
        client.add_task("t")

    def work():
        seen.append((threading.current_thread(), set(threading.enumerate()) - before))

    with TaskRunner(client) as runner:
        runner.start_worker("t", work, timeout=30, poll_timeout=0.01)
        client.results(5)
    (thread,) = {thread for thread, _ in seen}
    assert thread.name == "conductor-work-t-1"
    assert {len(threads) for _, threads in seen} == {3}  # the slot, the polls, the timers


class EndsTooLate:
    """Calls no function: it ends when the time limit has taken the task over."""

    fate_of_hung_function = "its process is killed"

    def __init__(self, end):
        self._end = end
        self.ended = threading.Event()

    def call(self, call, begin):
        assert begin(call)
        assert call.lost.wait(5)
        self.ended.set()
        raise self._end

    def give_up(self, call):
        pass

    def close(self):
        pass


@pytest.mark.parametrize("end", [KilledError(), NotBegunError(), ValueError("a bug")], ids=repr)
def test_a_slot_that_a_time_limit_has_taken_over_is_given_back_once(monkeypatch, end, caplog):
    client, caller = FakeTaskClient(), EndsTooLate(end)
    monkeypatch.setattr("conductor.runner.workers.make_caller", lambda *_: caller)
    with TaskRunner(client, shutdown_timeout=2) as runner:
        runner.start_worker("t", print, timeout=0.05, poll_timeout=0.01)
        client.add_task("t")
        (result,) = client.results(1)
        assert caller.ended.wait(5)
        runner.shutdown()
        assert runner.wait_workers()
    assert result.reason_for_incompletion.startswith("TimeoutError")
    assert "handed back" not in caplog.text


class Breaks(EndsTooLate):
    def call(self, call, begin):
        assert begin(call)
        raise self._end


@pytest.mark.parametrize("limit", [None, 0.05])
def test_a_bug_after_a_functions_begin_fails_the_task_and_its_time_limit_counts_no_more(monkeypatch, limit):
    client = FakeTaskClient()
    monkeypatch.setattr("conductor.runner.workers.make_caller", lambda *_: Breaks(ValueError("a bug")))
    with TaskRunner(client, shutdown_timeout=2) as runner:
        runner.start_worker("t", print, timeout=limit, poll_timeout=0.01)
        client.add_task("t")
        (result,) = client.results(1, timeout=2)
        runner.shutdown()
        assert runner.wait_workers()
    assert result.reason_for_incompletion == "ValueError: a bug"


def test_a_coroutine_that_begins_just_when_its_wait_grew_too_long_has_its_whole_time(monkeypatch):
    """The loop was blocked for as long as the time limit, until its task was about to be handed back."""
    client, unblocked, late, begun = FakeTaskClient(), threading.Event(), queue.Queue(), queue.Queue()
    hand_back = Intake.hand_back

    def hand_back_late(self, run):
        goes_on = threading.Event()
        late.put(goes_on)
        assert goes_on.wait(5)
        return hand_back(self, run)

    async def function(task):
        if not begun.qsize():
            begun.put(None)
            unblocked.wait(10)
        else:
            ended = asyncio.Event()
            begun.put((ended, asyncio.get_running_loop()))
            await ended.wait()

    with TaskRunner(client) as runner:
        runner.start_worker("t", function, 2, timeout=1, poll_timeout=0.01)
        first = client.add_task("t")
        eventually(begun.qsize)
        monkeypatch.setattr(Intake, "hand_back", hand_back_late)
        second = client.add_task("t")
        goes_on = late.get(timeout=5)
        unblocked.set()
        eventually(lambda: begun.qsize() == 2)
        monkeypatch.undo()
        goes_on.set()
        begun.get()
        ended, loop = begun.get()
        assert not ended.is_set()
        with pytest.raises(TimeoutError):
            client.results(2, timeout=0.3)
        loop.call_soon_threadsafe(ended.set)
        status = {result.task_id: result.status for result in client.results(2)}
    assert status == {first: "FAILED", second: "COMPLETED"}


def test_a_task_that_is_handed_back_can_be_delivered_again_before_its_answer_is_here(monkeypatch):
    """The answer to its hand-back is held until it has run after all: its second delivery is no copy of the first."""
    has_run, unblocked, begun = threading.Event(), threading.Event(), threading.Event()

    class HoldsTheAnswer(FakeTaskClient):
        def update(self, result, timeout):
            super().update(result, timeout)
            if result.status == "IN_PROGRESS":
                unblocked.set()
                assert has_run.wait(5)

    async def function(task):
        if task.input_data == {"blocks": True}:
            begun.set()
            unblocked.wait(5)
        else:
            has_run.set()

    monkeypatch.setattr(SenderThreads, "run", lambda self, job: job())  # as where the system has no thread left
    client = HoldsTheAnswer()
    with TaskRunner(client) as runner:
        runner.start_worker("t", function, 3, timeout=0.2, poll_timeout=0.01)
        client.add_task("t", {"blocks": True})
        assert begun.wait(5)
        client.add_task("t")
        assert has_run.wait(5)
