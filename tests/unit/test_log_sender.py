"""Log lines of running functions: when they are sent, and that each one is sent once and in order.

On one thread, with an agenda in the place of the timers, so that each moment is exact.
"""

import itertools
import logging
import threading

import pytest

from conductor import ApiError, RateLimitedError, ServerError, TransportError
from conductor._notes import MOST_CHARACTERS, MOST_LINES, Notes
from conductor.delivery import log_sender
from conductor.delivery.log_sender import ANSWERED_WITHIN, LogSender
from conductor.models import Task
from conductor.task_result import log_entry
from conductor.testing import FakeClock

DOWN = ServerError(500, "POST", "/tasks/{task_id}/log", "database is down")
LOST = TransportError("no answer within 5 s")
REFUSED = TransportError("connection refused")
REFUSED.may_have_arrived = False


class Agenda:
    """``Schedule`` on the thread that asks for the time to pass."""

    def __init__(self, clock):
        self._clock = clock
        self.jobs = []

    def at(self, moment, job):
        self.jobs.append((moment, job))

    def run_until(self, end):
        while due := [entry for entry in self.jobs if entry[0] <= end]:
            entry = min(due, key=lambda each: each[0])
            self.jobs.remove(entry)
            self._clock.advance(max(0.0, entry[0] - self._clock.now()))
            entry[1]()
        self._clock.advance(max(0.0, end - self._clock.now()))


class OnDemand:
    """``ThreadsOnDemand`` that are this thread. ``is_held``: jobs wait. ``has_room``: whether a thread is left."""

    def __init__(self, *_):
        self.is_held = False
        self.has_room = True
        self.jobs = []

    def run(self, job):
        if not self.has_room:
            raise RuntimeError("can't start new thread")
        self.jobs.append(job)
        if not self.is_held:
            self.release()

    def release(self):
        while self.jobs:
            self.jobs.pop(0)()

    def close(self):
        pass


class Lines:
    """A sender, the requests that it made as (time, task id, text, timeout), and the answers to them.

    answers: errors, or None, one after the other; then it is None. before_answer: called inside of each request.
    """

    def __init__(self, monkeypatch):
        monkeypatch.setattr(log_sender, "ThreadsOnDemand", OnDemand)
        self.clock = FakeClock(0)
        self.agenda = Agenda(self.clock)
        self.sender = LogSender(self, self.clock, self.agenda)
        self.threads = self.sender._threads
        self.requests = []
        self.answers = []
        self.before_answer = lambda: None

    def add_log(self, task_id, text, timeout):
        assert timeout == ANSWERED_WITHIN
        self.requests.append((self.clock.now(), task_id, text))
        self.before_answer()
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer

    def notes(self, task_id="t1"):
        return Notes(Task(task_id, "w1", task_type="t"), self.sender)

    def run_until(self, moment):
        self.agenda.run_until(moment)


@pytest.fixture
def lines(monkeypatch):
    return Lines(monkeypatch)


def say(notes, *texts):
    for text in texts:
        notes.add([log_entry(notes.task.task_id, text)])


def rest(notes):
    """The lines that go with the result."""
    return [line.log for line in notes.end().lines]


def test_lines_of_the_first_second_are_one_request(lines):
    notes = lines.notes()
    say(notes, "a")
    lines.run_until(0.5)
    say(notes, "b", "c\nd")
    lines.run_until(10)
    assert lines.requests == [(1.0, "t1", "a\nb\nc\nd")]
    assert rest(notes) == []


def test_an_empty_line_which_the_server_refuses_is_sent_as_a_blank(lines):
    say(lines.notes(), "")
    lines.run_until(1)
    assert lines.requests == [(1.0, "t1", " ")]


def test_a_function_that_ends_within_a_second_costs_no_request(lines):
    notes = lines.notes()
    say(notes, "a", "b")
    lines.run_until(0.9)
    assert rest(notes) == ["a", "b"]
    lines.run_until(10)
    assert not lines.requests
    assert not lines.sender._waiting, "an ended execution is forgotten at once"


def test_a_task_has_one_request_a_second_and_the_rest_goes_with_the_result(lines):
    notes = lines.notes()
    for number in range(45):
        lines.run_until(number / 10)
        say(notes, str(number))
    sent = [text.split("\n") for _, _, text in lines.requests]
    assert [*itertools.chain(*sent), *rest(notes)] == [str(number) for number in range(45)]
    moments = [moment for moment, *_ in lines.requests]
    assert len(moments) == 4
    assert all(1 <= later - earlier <= 1.2 for earlier, later in itertools.pairwise(moments))


def test_an_end_that_is_repeated_says_the_same(lines):
    """The time limit and the end of the function may come together. One of them reports the task."""
    notes = lines.notes()
    say(notes, "a")
    assert rest(notes) == rest(notes) == ["a"]
    say(notes, "too late")
    assert rest(notes) == ["a"]


def test_requests_of_many_tasks_are_spread(lines):
    for number in range(50):
        say(lines.notes(f"t{number}"), "a")
    lines.run_until(10)
    moments = [moment for moment, *_ in lines.requests]
    assert [task_id for _, task_id, _ in lines.requests] == [f"t{number}" for number in range(50)]
    assert moments == pytest.approx([1 + number * 0.05 for number in range(50)])


def test_ended_tasks_take_no_turn_from_others(lines):
    for number in range(50):
        notes = lines.notes(f"ended{number}")
        say(notes, "a")
        notes.end()
    say(lines.notes("runs"), "b")
    lines.run_until(1)
    assert lines.requests == [(1.0, "runs", "b")]


def test_four_requests_are_under_way_at_most(lines):
    lines.threads.is_held = True
    for number in range(10):
        say(lines.notes(f"t{number}"), "a")
    lines.run_until(5)
    assert len(lines.threads.jobs) == 4
    lines.threads.jobs.pop(0)()
    lines.run_until(6)
    assert len(lines.threads.jobs) == 4
    assert [task_id for _, task_id, _ in lines.requests] == ["t0"]


def test_lines_that_come_during_a_request_wait_for_the_next_one(lines):
    notes = lines.notes()
    lines.threads.is_held = True
    say(notes, "a")
    lines.run_until(1)
    lines.before_answer = lambda: say(notes, "b")
    lines.threads.release()
    lines.before_answer = lambda: None
    lines.threads.is_held = False
    lines.run_until(5)
    assert lines.requests == [(1.0, "t1", "a"), (2.0, "t1", "b")]


def test_another_output_during_a_request_starts_no_second_one(lines):
    notes, meanwhile = lines.notes(), []

    def during_the_request():
        lines.before_answer = lambda: None
        say(notes, "b")
        notes.set_output(object())
        lines.run_until(5)
        meanwhile.extend(lines.requests)

    lines.before_answer = during_the_request
    say(notes, "a")
    lines.run_until(1)
    assert meanwhile == [(1.0, "t1", "a")]
    lines.run_until(10)
    assert [text for *_, text in lines.requests] == ["a", "b"]


def test_a_function_that_ends_during_a_request_does_not_send_its_lines_again(lines):
    notes, at_end = lines.notes(), []
    say(notes, "a")

    def end():
        say(notes, "b")
        at_end.extend(rest(notes))

    lines.before_answer = end
    lines.run_until(10)
    assert [text for *_, text in lines.requests] == ["a"]
    assert at_end == ["b"]


@pytest.mark.parametrize("error", [REFUSED, DOWN, ApiError(413, "POST", "/", "too large")], ids=["no", "500", "413"])
def test_lines_that_the_server_did_not_get_go_with_the_result(lines, error):
    notes = lines.notes()
    lines.answers = [error]
    say(notes, "a", "b")
    lines.before_answer = lambda: say(notes, "c")
    lines.run_until(1)
    assert rest(notes) == ["a", "b", "c"]


@pytest.mark.parametrize("error", [LOST, ServerError(504, "POST", "/", "gateway timeout")], ids=["lost", "504"])
def test_lines_that_may_have_arrived_are_not_sent_twice(lines, error, caplog):
    caplog.set_level(logging.DEBUG, "conductor")
    notes = lines.notes()
    lines.answers = [error]
    say(notes, "a", "b")
    lines.run_until(1)
    say(notes, "c")
    assert rest(notes) == ["c"]
    (record,) = [each for each in caplog.records if "may be lost" in each.getMessage()]
    assert record.getMessage().startswith("2 log lines may be lost")
    assert (record.levelname, record.task_id, record.task_name) == ("DEBUG", "t1", "t")


@pytest.mark.parametrize(("error", "fate"), [(REFUSED, ["a"]), (LOST, [])], ids=["refused", "lost"])
def test_lines_of_a_failed_request_that_its_function_outlived_get_one_more_if_the_server_did_not_get_them(
    lines, error, fate
):
    notes = lines.notes()
    say(notes, "a")
    lines.answers = [error, REFUSED]
    lines.before_answer = lambda: rest(notes)
    lines.run_until(600)
    assert [text for *_, text in lines.requests[1:]] == fate


def test_failing_requests_are_made_after_growing_pauses_and_said_once(lines, caplog):
    notes = lines.notes()
    lines.answers = [DOWN] * 20
    for second in range(600):
        say(notes, str(second))
        lines.run_until(second + 1)
    failed = [moment for moment, *_ in lines.requests[:20]]
    pauses = [later - earlier for earlier, later in itertools.pairwise(failed)]
    assert all(20 < pause <= 31 for pause in pauses[-5:])
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "log lines are not accepted while functions run, and go with the results" in warning
    sent = [text.split("\n") for _, _, text in lines.requests[20:]]
    assert [*itertools.chain(*sent), *rest(notes)] == [str(second) for second in range(600)]


def test_a_success_ends_the_pauses_and_the_next_one_is_short_again(lines):
    notes = lines.notes()
    lines.answers = [*[DOWN] * 15, None, None, DOWN]
    for second in range(1000):
        say(notes, "x")
        lines.run_until(second + 1)
    moments = [moment for moment, *_ in lines.requests]
    assert moments[15] - moments[14] > 20
    assert all(later - earlier < 2.5 for earlier, later in itertools.pairwise(moments[15:19]))


def test_a_server_that_asks_for_a_pause_gets_it(lines):
    notes = lines.notes()
    lines.answers = [RateLimitedError(429, "POST", "/", "slowly", retry_after=20)]
    say(notes, "a")
    lines.run_until(60)
    assert [moment for moment, *_ in lines.requests] == [1.0, 21.0]


def test_without_a_thread_lines_wait(lines):
    notes = lines.notes()
    lines.threads.has_room = False
    say(notes, "a")
    lines.run_until(1)
    lines.threads.has_room = True
    lines.run_until(5)
    assert [text for *_, text in lines.requests] == ["a"]


def test_a_bug_ends_no_thread_and_no_task(lines, caplog):
    notes = lines.notes()
    lines.answers = [ZeroDivisionError("a bug")]
    say(notes, "a")
    lines.run_until(1)
    say(notes, "b")
    assert rest(notes) == ["b"]
    assert "a bug kept log lines from being sent" in caplog.text


def test_after_the_end_of_the_runner_nothing_is_sent(lines):
    early, late = lines.notes(), lines.notes()
    say(early, "a")
    lines.sender.close()
    say(late, "b")
    lines.run_until(10)
    assert not lines.requests
    assert (rest(early), rest(late)) == (["a"], ["b"])


def test_the_end_of_the_runner_waits_a_little_for_requests_under_way(lines):
    assert lines.sender.wait_for_answers(0)
    lines.threads.is_held = True
    say(lines.notes(), "a")
    lines.run_until(1)
    assert not lines.sender.wait_for_answers(0.01)
    answer = threading.Timer(0.05, lines.threads.release)
    answer.start()
    assert lines.sender.wait_for_answers(10)
    answer.join()


def test_more_lines_than_may_wait_are_left_out_and_the_log_says_how_many(lines):
    notes = lines.notes()
    say(notes, *map(str, range(MOST_LINES + 25)))
    lines.run_until(1)
    say(notes, "later")
    text = lines.requests[0][2].split("\n")
    assert text == [*map(str, range(MOST_LINES)), "(lines left out here: 25)"]
    assert rest(notes) == ["later"]


def test_more_characters_than_may_wait_are_left_out(lines):
    notes = lines.notes()
    half = "x" * (MOST_CHARACTERS // 2)
    say(notes, half, half, "y", "z")
    assert rest(notes) == [half, half, "(lines left out here: 2)"]


def test_a_line_that_is_too_long_is_cut(lines):
    notes = lines.notes()
    say(notes, "x" * (MOST_CHARACTERS + 7), "next")
    assert rest(notes) == ["x" * MOST_CHARACTERS + "… (characters left out here: 7)", "(lines left out here: 1)"]


def test_lines_that_come_back_push_out_newer_ones(lines):
    notes = lines.notes()
    say(notes, *map(str, range(MOST_LINES)))
    lines.answers = [DOWN]
    lines.before_answer = lambda: say(notes, "newer", "newest")
    lines.run_until(1)
    assert rest(notes) == [*map(str, range(MOST_LINES)), "(lines left out here: 2)"]


def test_many_threads_log_each_line_once(lines):
    notes = lines.notes()
    names = range(8)

    def log(name):
        say(notes, *(f"{name} {number}" for number in range(100)))

    threads = [threading.Thread(target=log, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    lines.run_until(1)
    for thread in threads:
        thread.join()
    said = [each for *_, text in lines.requests for each in text.split("\n")] + rest(notes)
    assert sorted(said) == sorted(f"{name} {number}" for name in names for number in range(100))
    for name in names:
        assert [each for each in said if each.startswith(f"{name} ")] == [f"{name} {number}" for number in range(100)]


def test_entries_of_a_result_are_dated_after_the_lines_that_were_sent_before_it(lines):
    """The server sorts a task's log by time, and dates lines by its own clock."""
    notes = Notes(Task("t1", "w1"), lines.sender, behind=2.5)
    early = log_entry("t1", "early")
    notes.date([early])
    before = early.created_time
    say(notes, "a")
    lines.run_until(1)
    entry = log_entry("t1", "b")
    entry.created_time = before - 10_000
    notes.date([entry])
    assert before + 2_500 <= entry.created_time <= before + 60_000


def test_a_copy_of_the_process_that_the_function_forks_sends_nothing(lines, monkeypatch):
    """No lock is touched there, because another thread of the original may have held it at the fork."""
    notes = lines.notes()
    say(notes, "a")
    with notes._lock, monkeypatch.context() as in_the_copy:
        in_the_copy.setattr("conductor._forks._forks", -1)
        copy = threading.Thread(target=lambda: (say(notes, "b"), notes.set_output(object()), notes.end()), daemon=True)
        copy.start()
        copy.join(10)
        assert not copy.is_alive()
    assert rest(notes) == ["a"]
    assert notes.output is None
