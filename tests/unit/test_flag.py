"""A flag is true or false, can be waited for, and calls those that listen."""

from datetime import timedelta

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
