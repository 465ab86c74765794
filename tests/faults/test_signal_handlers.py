"""Whose handlers SIGINT and SIGTERM have, while a program waits for its workers and afterwards."""

import signal
import threading
import time

import pytest

from support.handlers import BOTH, handlers
from support.waiting import eventually


def while_waiting(act):
    """Start a thread that acts once the main thread waits; returns what joins it."""
    thread = threading.Thread(target=act)
    thread.start()
    return thread.join


def to_main_thread(number):
    signal.pthread_kill(threading.main_thread().ident, number)


@pytest.mark.parametrize("number", BOTH)
def test_a_wait_that_does_not_handle_signals_leaves_them_to_the_program(server, runner, own_handlers, number):
    before, seen = handlers(), []

    def act():
        to_main_thread(number)
        eventually(lambda: own_handlers)
        seen.append(handlers())
        task_id = server.add_task("t")
        eventually(lambda: task_id in server.accepted)  # the worker goes on
        runner.shutdown()

    runner.start_worker("t", lambda task: None)
    join = while_waiting(act)
    assert runner.wait_workers(timeout=20, handle_signals=False)
    join()
    assert own_handlers == [number]
    assert seen == [before]
    assert handlers() == before


def test_handlers_are_put_back_after_a_wait_that_timed_out(server, runner, own_handlers):
    before = handlers()
    runner.start_worker("t", lambda task: None)
    assert not runner.wait_workers(timeout=0.05)
    assert handlers() == before
    signal.raise_signal(signal.SIGTERM)
    assert own_handlers == [signal.SIGTERM]
    task_id = server.add_task("t")
    eventually(lambda: task_id in server.accepted)


def test_a_ctrl_c_while_handlers_are_replaced_leaves_nothing_behind(runner, own_handlers, monkeypatch):
    before, replace = handlers(), signal.signal

    def interrupted(number, handler):
        if number == signal.SIGTERM:
            monkeypatch.undo()
            raise KeyboardInterrupt
        return replace(number, handler)

    runner.start_worker("t", lambda task: None)
    monkeypatch.setattr(signal, "signal", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.wait_workers()
    assert handlers() == before

    join = while_waiting(lambda: (eventually(lambda: handlers() != before), to_main_thread(signal.SIGTERM)))
    assert runner.wait_workers(timeout=20)
    join()
    assert (handlers(), own_handlers) == (before, [])


def test_handlers_are_put_back_after_a_second_signal(server, runner, own_handlers, gate):
    before = handlers()

    def act():
        for _ in range(2):
            eventually(lambda: handlers() != before)
            to_main_thread(signal.SIGTERM)
            eventually(lambda: not runner.get_batch_size_for_all())

    server.add_task("t")
    runner.start_worker("t", gate)
    gate.inside.get(timeout=20)
    join = while_waiting(act)
    started = time.monotonic()
    assert not runner.wait_workers(timeout=20)
    assert time.monotonic() - started < 4  # less than the drain would have lasted
    join()
    assert handlers() == before
    assert own_handlers == []
    gate.opened.set()


@pytest.mark.parametrize("previous", [signal.SIG_IGN, signal.SIG_DFL])
def test_a_signal_that_was_ignored_or_had_its_default_has_it_again(runner, own_handlers, previous):
    signal.signal(signal.SIGTERM, previous)
    runner.start_worker("t", lambda task: None)
    assert not runner.wait_workers(timeout=0)
    assert signal.getsignal(signal.SIGTERM) is previous


def test_handlers_are_put_back_when_a_wait_ends_by_an_exception(runner, own_handlers):
    """As from the handler of another signal."""

    def give_up(number, frame):
        raise InterruptedError

    before, before_user1 = handlers(), signal.signal(signal.SIGUSR1, give_up)

    def act():
        eventually(lambda: handlers() != before)
        to_main_thread(signal.SIGUSR1)

    runner.start_worker("t", lambda task: None)
    join = while_waiting(act)
    try:
        with pytest.raises(InterruptedError):
            runner.wait_workers(timeout=20)
    finally:
        join()
        signal.signal(signal.SIGUSR1, before_user1)
    assert handlers() == before
    assert runner.get_batch_size_for_all()  # the worker goes on


def test_a_wait_off_the_main_thread_leaves_signals_alone(server, runner, own_handlers):
    before, answers = handlers(), []
    runner.start_worker("t", lambda task: None)
    thread = threading.Thread(target=lambda: answers.append(runner.wait_workers(timeout=20)))
    thread.start()
    task_id = server.add_task("t")
    eventually(lambda: task_id in server.accepted)
    assert handlers() == before
    signal.raise_signal(signal.SIGTERM)
    assert own_handlers == [signal.SIGTERM]
    assert thread.is_alive()
    runner.shutdown()
    thread.join(20)
    assert answers == [True]


def test_no_wait_changes_handlers_while_there_are_no_workers(runner, own_handlers):
    before = handlers()
    assert runner.wait_workers()
    assert handlers() == before
