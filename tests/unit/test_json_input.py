"""JSON objects of a command line."""

import io

import pytest

from conductor import ConfigurationError
from conductor.operating.json_input import json_object


def no_input():
    raise AssertionError("standard input is read for - alone, because it may be closed")


def test_an_object_is_given_as_a_text():
    assert json_object('{"amount": 5}', no_input) == {"amount": 5}


def test_an_object_is_read_from_a_file(tmp_path):
    (tmp_path / "input.json").write_text('{"name": "né"}', encoding="utf-8")
    assert json_object(f"@{tmp_path}/input.json", no_input) == {"name": "né"}


def test_an_object_is_read_from_standard_input():
    assert json_object("-", lambda: io.BytesIO(b'{"amount": 5}\n')) == {"amount": 5}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "the text is no JSON: "),
        ("{", "the text is no JSON: "),
        ("quantity=3", """(byte 0). An example: '{"amount": 5}'"""),
        ('{"a": NaN}', "the text is no JSON: "),
        ('{"a": "\udcff"}', "the text is no JSON: "),  # an argument that is not UTF-8
        ("5", 'the text must be a JSON object, such as {"amount": 5}, not a number'),
        ("null", "not null"),
        ("[1]", "not a list"),
        ("@/nowhere/input.json", "file '/nowhere/input.json' cannot be read: No such file"),
        ('{"a": 1, "b": 2, "a": 3}', "the text: the key 'a' stands twice"),
        ('{"list": [{"b": 1, "b": 1}]}', "the text: the key 'b' stands twice"),
        ("@", "cannot be read"),
        ("@a\0b", "file 'a\\x00b' cannot be read: "),
    ],
)
def test_an_error_names_the_place_and_the_problem(given, problem):
    with pytest.raises(ConfigurationError) as caught:
        json_object(given, no_input)
    assert problem in str(caught.value)


def test_json_that_is_nested_too_deep_is_an_error():
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    with pytest.raises(ConfigurationError, match="standard input is nested too deep"):
        json_object("-", lambda: io.BytesIO(deep))


def test_a_key_may_be_in_several_objects():
    assert json_object('{"a": {"a": 1}, "b": {"a": 1}}', no_input) == {"a": {"a": 1}, "b": {"a": 1}}
