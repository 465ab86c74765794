"""The poll loop by itself, on scripted answers: what is asked for when, and how long it waits."""

import threading

import pytest

from conductor import Task, TransportError
from conductor._flag import Flag
from conductor.errors import AnswerTooLargeError
from conductor.hooks.interception import Interceptors
from conductor.runner.capacity import Capacity
from conductor.runner.poll import Poller
from conductor.runner.pulse import Pulse
from conductor.task_client import Delivery
from conductor.task_result import failed
from conductor.worker import Worker


class Script:
    """Answers polls, and is the clock that waits; notes what was asked.

    An answer: so many tasks, a pair of that and of how many would fit into one answer, or an error that is raised.

    Ends the loop after the last answer.
    """

    def __init__(self, limit, *answers, takes=True, **worker_settings):
        self.answers = list(answers)
        self.asked = []
        self.takes = takes  # whether a task that comes is run, and is no copy or the like
        self.capacity = Capacity("t", limit, Flag(), lambda: None)
        worker = Worker("t", lambda task: None, **worker_settings)
        self.poller = Poller(worker, self, self.capacity, self, Pulse())
        self.waits = []
        self.interceptors = Interceptors()

    def now(self):
        return 0.0

    def wait(self, event, seconds):
        self.waits.append(seconds)

    @property
    def clock(self):
        return self

    def report_unreadable(self, result):
        assert result.task_id

    def poll(self, worker, count, timeout):
        self.asked.append((count, timeout))
        answer = self.answers.pop(0)
        if not self.answers:
            self.capacity.close()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Delivery):
            return answer
        count, *fits = answer if isinstance(answer, tuple) else (answer,)
        return Delivery([Task(f"t{number}", "w") for number in range(count)], [], 0, *fits)

    def receive(self, task, has_slot):
        """The tasks are done at once: their slots are free again before the next poll."""
        assert has_slot
        if self.takes:
            self.capacity.give_back()
        return self.takes

    def run(self):
        thread = threading.Thread(target=self.poller.run)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
        assert self.capacity.has_ended  # whatever happened, every slot was given back
        return self


def test_a_full_answer_means_a_backlog_and_a_partial_one_its_end():
    script = Script(4, 0, 1, 4, 2, 0).run()
    assert script.asked == [(1, 1.0), (1, 1.0), (4, 0.0), (4, 0.0), (1, 1.0)]


def test_a_given_poll_timeout_is_obeyed_in_every_poll():
    script = Script(3, 1, 3, 0, poll_timeout=0.25).run()
    assert script.asked == [(1, 0.25), (3, 0.25), (3, 0.25)]


def test_a_given_poll_interval_is_the_wait_after_every_empty_answer_and_no_other():
    script = Script(3, 0, 1, 3, 0, 0, poll_interval=7.0).run()
    assert script.waits == [7.0, 0.0, 0.0, 7.0, 7.0]


def test_empty_answers_that_come_at_once_are_paced_until_a_task_comes():
    script = Script(1, 0, 0, 0, 0, 0, 0, 1, 0, 0).run()
    assert script.waits[:6] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0], abs=0.05)
    assert script.waits[6:] == pytest.approx([0.0, 0.0, 0.1], abs=0.05)


def test_failures_back_off_from_half_a_second_to_half_a_minute_and_start_over_after_a_success():
    script = Script(1, *[TransportError("down")] * 13, 0, TransportError("down"), 0).run()
    for wait, longest in zip(script.waits[:13], [0.5 * 1.5**n for n in range(11)] + [30, 30], strict=True):
        assert 0.8 * longest <= wait <= longest
    assert 0.4 <= script.waits[14] <= 0.5


def unreadable(*task_ids):
    return Delivery([], [failed(task_id, "w", "cannot be read") for task_id in task_ids])


def test_unreadable_tasks_do_not_hold_up_those_behind_them():
    script = Script(1, *[unreadable(f"odd{number}") for number in range(8)], 1).run()
    assert sum(script.waits[:8]) == pytest.approx(0.8)


@pytest.mark.parametrize("garbage", [unreadable("a", "b"), Delivery([], [], skipped=2)])
def test_a_server_that_repeats_what_cannot_be_read_is_not_hurried(garbage):
    script = Script(1, 1, *[garbage] * 8, unreadable("new"), 1).run()
    assert script.waits[1:10] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0, 0.1])


def test_a_server_that_brings_the_same_tasks_again_and_again_is_hurried_less_and_less():
    script = Script(1, *[1] * 14, takes=False)
    assert script.run().waits[12] > 20


TOO_LARGE = AnswerTooLargeError("a body of 32 MiB or more", b"[")


def test_after_an_answer_that_was_too_large_half_as_many_are_asked_for_down_to_one():
    script = Script(20, 1, TOO_LARGE, TOO_LARGE, TOO_LARGE, TOO_LARGE, TOO_LARGE, TOO_LARGE, 0).run()
    assert [count for count, _ in script.asked] == [1, 20, 10, 5, 2, 1, 1, 1]
    assert script.waits[1:5] == [0.0] * 4  # fewer may do at once
    assert min(script.waits[5:7]) >= 0.4  # but of one alone there is no less


def test_then_twice_as_many_are_asked_for_with_each_answer_that_brings_tasks():
    script = Script(20, 1, TOO_LARGE, TOO_LARGE, 5, 10, 20, 0).run()
    assert [count for count, _ in script.asked] == [1, 20, 10, 5, 10, 20, 20]


def test_no_more_tasks_are_asked_for_than_fit_into_an_answer_going_by_the_largest_of_the_last():
    script = Script(20, (1, 15), (15, 15), (15, 4), (4, 100), (8, 100), (16, 100), (20, 100), 0).run()
    assert [count for count, _ in script.asked] == [1, 15, 15, 4, 8, 16, 20, 20]


def test_a_change_from_one_trouble_to_another_is_said_again(caplog):
    Script(1, TransportError("a"), TransportError("a"), ValueError("bug"), TransportError("a"), 0).run()
    assert caplog.text.count("polls fail") == 1
    assert "a poll ended in a bug; polling goes on" in caplog.text
