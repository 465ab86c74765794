"""A flag is true or false, can be waited for, and calls those that listen."""

import asyncio
import threading
from datetime import timedelta

import pytest

from conductor._flag import Flag


def test_a_flag_is_true_when_it_is_set():
    flag = Flag()
    assert not flag
    flag.set()
    assert flag


def test_a_flag_can_be_waited_for_in_seconds_or_by_a_timedelta():
    flag = Flag()
    assert not flag.wait(0.001)
    assert not flag.wait(timedelta(milliseconds=1))
    flag.set()
    assert flag.wait(timedelta(days=1))


def test_a_listener_is_called_once_when_the_flag_becomes_true():
    flag, heard = Flag(), []
    flag.listen(lambda: heard.append(bool(flag)))
    assert heard == []
    flag.set()
    flag.set()
    assert heard == [True]


def test_a_listener_to_a_true_flag_is_called_at_once():
    flag, heard = Flag(), []
    flag.set()
    flag.listen(lambda: heard.append("late"))
    assert heard == ["late"]


def test_one_that_listens_no_more_is_not_called_and_the_others_are():
    flag, heard = Flag(), []

    def first():
        heard.append("first")

    flag.listen(first)
    flag.listen(lambda: heard.append("second"))
    flag.unlisten(first)
    flag.unlisten(first)
    flag.set()
    flag.unlisten(first)
    assert heard == ["second"]


def test_a_coroutine_waits_while_its_event_loop_goes_on():
    async def program():
        flag = Flag()
        waiting = asyncio.create_task(flag.wait_async())
        await asyncio.sleep(0)
        setter = threading.Thread(target=flag.set)
        setter.start()
        assert await waiting is True
        setter.join()

    asyncio.run(program())


def test_a_coroutine_waits_for_a_time_in_seconds_or_as_a_timedelta():
    async def program():
        flag = Flag()
        assert await flag.wait_async(0.001) is False
        assert await flag.wait_async(timedelta(milliseconds=1)) is False
        flag.set()
        assert await flag.wait_async() is True
        assert await flag.wait_async(0) is True

    asyncio.run(program())


def test_the_event_loop_is_not_called_for_a_coroutine_that_waits_no_more(monkeypatch):
    async def program():
        flag, calls = Flag(), []
        assert await flag.wait_async(0.001) is False
        waiting = asyncio.create_task(flag.wait_async())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        monkeypatch.setattr(asyncio.get_running_loop(), "call_soon_threadsafe", calls.append)
        flag.set()
        assert calls == []

    asyncio.run(program())


def test_a_flag_becomes_true_although_the_event_loop_of_a_waiting_coroutine_is_closed():
    flag = Flag()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(flag.wait_async())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    flag.set()
    assert flag
    waiting.get_coro().close()
