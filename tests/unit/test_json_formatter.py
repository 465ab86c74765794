import json
import logging
import math
import sys

import pytest

from conductor import JsonFormatter


def written(**attributes):
    record = logging.makeLogRecord({"name": "shop", "levelname": "INFO", "created": 1764401229.1852} | attributes)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    return json.loads(line)


def test_a_record_is_a_line_of_json_with_a_time_in_utc():
    entry = written(msg="charging %s\n", args=("A7",), process=7)
    assert entry == {
        "time": "2025-11-29T07:27:09.185Z",
        "level": "INFO",
        "process": 7,
        "logger": "shop",
        "message": "charging A7\n",
    }


def test_the_ids_of_a_task_are_there_inside_of_a_task():
    inside = {"task_id": "t", "workflow_instance_id": "w", "task_name": "charge", "retry_count": 0}
    assert inside.items() <= written(**inside).items()
    outside = {"task_id": "", "workflow_instance_id": "", "task_name": "", "retry_count": None}
    assert not outside.keys() & written(**outside).keys()


def test_an_exception_is_a_text():
    try:
        raise ValueError("no stock")
    except ValueError:
        entry = written(exc_info=sys.exc_info(), stack_info="Stack (most recent call last):")
    assert entry["exception"].startswith("Traceback")
    assert entry["exception"].endswith("ValueError: no stock")
    assert entry["stack"].startswith("Stack")


class Unprintable:
    def __str__(self):
        raise RuntimeError


CIRCULAR = []
CIRCULAR.append(CIRCULAR)


@pytest.mark.parametrize(
    ("value", "in_json"),
    [
        ({"ids": [1, 2.5, None, True]}, {"ids": [1, 2.5, None, True]}),
        (1 + 2j, "(1+2j)"),
        (math.nan, "nan"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (CIRCULAR, "[[...]]"),
        (Unprintable(), "Unprintable"),
    ],
)
def test_further_attributes_are_members_and_as_texts_if_json_does_not_have_them(value, in_json):
    assert written(order=value)["order"] == in_json


def test_a_further_attribute_cannot_replace_a_member():
    assert written(level="mine", time="mine")["level"] == "INFO"
