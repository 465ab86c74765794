"""A time limit that takes a task over in the very moment in which its call ends: its slot is given back once."""

import threading

import pytest

from conductor import TaskRunner
from conductor.calling.call import KilledError, NotBegunError
from conductor.testing import FakeTaskClient


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
    monkeypatch.setattr("conductor.runner.task_runner.make_caller", lambda *_: caller)
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
    monkeypatch.setattr("conductor.runner.task_runner.make_caller", lambda *_: Breaks(ValueError("a bug")))
    with TaskRunner(client, shutdown_timeout=2) as runner:
        runner.start_worker("t", print, timeout=limit, poll_timeout=0.01)
        client.add_task("t")
        (result,) = client.results(1, timeout=2)
        runner.shutdown()
        assert runner.wait_workers()
    assert result.reason_for_incompletion == "ValueError: a bug"
