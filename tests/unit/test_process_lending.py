"""Which process is lent to a task, in moments that real processes pass too quickly."""

import pytest

from conductor.calling.process_lending import Lending


class Process:
    """As the lending sees it."""

    number_of_tasks = 1
    has_ended = is_killed = False
    lives = True

    def is_alive(self):
        return self.lives

    def kill(self):
        self.is_killed = True

    def close(self):
        pass


@pytest.fixture
def lending():
    return Lending(None)


@pytest.fixture
def process(lending):
    process = Process()
    lending.offer(process)
    return process


def test_a_free_process_is_lent_and_lent_again(lending, process):
    assert lending.lend("t1", 0) is process
    assert lending.lend("t2", 0) is None
    lending.take_back(process)
    assert lending.lend("t2", 0) is process


def test_a_process_that_is_killed_just_when_its_task_has_ended_is_not_lent_again(lending, process):
    lending.lend("t1", 0)
    lending.kill("t1")
    lending.take_back(process)
    assert lending.lend("t2", 0) is None


def test_a_process_that_has_ended_is_not_lent_before_its_place_has_noticed(lending, process):
    process.lives = False
    assert lending.lend("t1", 0) is None


def test_a_process_whose_end_was_noticed_is_not_lent(lending, process):
    assert lending.remove(process)
    assert lending.lend("t1", 0) is None
