"""What a log line may hold, whatever the texts in it: one line, of bounded length, with the ids of its task."""

import logging
import sys

import pytest

from conductor import Task
from conductor._log import LONGEST_TEXT, about, logger_of, printable

logger = logger_of("conductor.test")
TASK = Task("t1", "w1", retry_count=2)
ODD = ["\n", "\r", "\x1b[31m", "\x00", "\x85", "\u2028", "\u202e", "\u2066", "\u200b", "\x9b", "\ud800"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("kind", [str, ValueError, lambda text: [text]])
def test_no_text_begins_a_line_or_moves_the_cursor_or_turns_the_writing(caplog, odd, kind):
    logger.warning("said: %s, as %r", kind(f"a{odd}b"), kind(f"a{odd}b"), extra=about(odd, Task(odd, odd), None))
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert all(text.isprintable() for text in (record.task_id, record.workflow_instance_id, record.task_name))


def test_what_can_be_printed_stands_as_it_is(caplog):
    text = 'it\'s "so": 100 % für {alle} \\ 日本語 🙂'
    logger.warning("%s", text)
    assert caplog.messages == [text]
    assert printable("two\nlines and a\ttab") == r"two\nlines and a\ttab"


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\x1b" * 10_000_000, "\U000e0001" * 600])
def test_a_text_of_any_length_is_cut(caplog, text):
    logger.warning("%s", text)
    assert len(caplog.messages[0]) == LONGEST_TEXT
    assert caplog.messages[0].endswith("…")


def test_numbers_are_formatted_as_the_line_says(caplog):
    logger.warning("%d of %.1f (%s, %s)", 3, 2.55, True, None)
    assert caplog.messages == ["3 of 2.5 (True, None)"]


def test_a_record_about_a_task_has_its_ids_as_attributes_and_in_its_text(caplog):
    logger.warning("%s: too late", "ship", extra=about("ship", TASK, TASK.retry_count))
    (record,) = caplog.records
    assert (record.task_id, record.workflow_instance_id) == ("t1", "w1")
    assert (record.task_name, record.retry_count) == ("ship", 2)
    assert record.getMessage() == "ship: too late (task_id='t1' workflow_instance_id='w1')"
    assert record.funcName == sys._getframe().f_code.co_name


def test_an_error_whose_text_cannot_be_made_is_named_by_its_class(caplog):
    class Mute(Exception):
        def __str__(self):
            raise ValueError("no text")

    logger.warning("failed: %s", Mute())
    assert caplog.messages == ["failed: Mute"]


def test_a_record_factory_that_sets_the_same_attributes_loses_no_line(caplog):
    def make(*args, **kwargs):
        record = before(*args, **kwargs)
        record.task_id = "of the factory"
        return record

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(make)
    try:
        logger.warning("too late", extra=about("ship", TASK, None))
    finally:
        logging.setLogRecordFactory(before)
    (record,) = caplog.records
    assert record.getMessage() == "too late (task_id='t1' workflow_instance_id='w1')"
    assert record.task_id == "of the factory"


def test_a_line_that_is_not_wanted_makes_no_text(caplog):
    class Costly:
        def __str__(self):
            raise AssertionError("made")

    caplog.set_level(logging.WARNING)
    logger.debug("%s", Costly())
    assert caplog.records == []
