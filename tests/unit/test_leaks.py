"""What worker functions leave behind is named if the interpreter waits for it when the process ends."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conductor.runner.leaks import Leaks
from support.waiting import eventually


@pytest.fixture
def gate():
    gate = threading.Event()
    yield gate
    gate.set()


def in_a_daemon(function):
    """As on a task's thread, whose threads are daemons, too."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join()


def said(caplog):
    return [record.getMessage() for record in caplog.records]


def test_a_busy_thread_of_an_executor_is_named_though_it_is_a_daemon(gate, caplog):
    leaks = Leaks()
    in_a_daemon(lambda: ThreadPoolExecutor(1, "leaked").submit(gate.wait))
    leaks.warn()
    assert said(caplog) == ["left running, and keeps this process from ending: thread leaked_0"]


@pytest.mark.parametrize("start", [in_a_daemon, lambda function: function()], ids=["daemon", "no daemon"])
def test_an_idle_thread_of_an_executor_ends_by_itself(start, caplog):
    leaks, executor = Leaks(), ThreadPoolExecutor(1, "kept")
    start(lambda: executor.submit(int))

    def is_silent():
        caplog.clear()
        leaks.warn()
        return said(caplog) == []

    eventually(is_silent)
    executor.shutdown()


def test_other_daemons_and_what_was_there_before_are_not_named(gate, caplog):
    before = threading.Thread(target=gate.wait)
    before.start()
    leaks = Leaks()
    threading.Thread(target=gate.wait, daemon=True).start()
    leaks.warn()
    assert said(caplog) == []


def test_the_thread_that_waits_for_the_workers_is_not_named(caplog):
    leaks = Leaks()
    waiting = threading.Thread(target=leaks.warn)
    waiting.start()
    waiting.join()
    assert said(caplog) == []


def test_a_thread_with_the_ident_of_one_that_was_there_before_is_named(gate, caplog):
    leaks = Leaks()

    class Reused(threading.Thread):
        ident = threading.get_ident()

    Reused(target=gate.wait, name="late").start()
    leaks.warn()
    assert said(caplog) == ["left running, and keeps this process from ending: thread late"]
