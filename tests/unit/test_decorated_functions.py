"""The parameters of functions inside of decorators and of functools.partial."""

import functools

import pytest

from conductor import ConfigurationError
from conductor.testing import run_worker
from conductor.worker import Worker


def two(x: int, y: int = 2):
    return [x, y]


def keyword_only(*, x: int):
    return [x]


def positional_only(x: int, /):
    return [x]


def rest(x: int, **more: int):
    return [x, more]


def by_keyword(function):
    @functools.wraps(function)
    def wrapper(**kwargs):
        return function(**kwargs)

    return wrapper


def by_position(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


def with_option(function):
    @functools.wraps(function)
    def wrapper(*args, verbose=False, **kwargs):
        assert verbose is False
        return function(*args, **kwargs)

    return wrapper


def with_keyword_option(function):
    @functools.wraps(function)
    def wrapper(*, verbose=False, **kwargs):
        assert verbose is False
        return function(**kwargs)

    return wrapper


def with_own_y(function):
    @functools.wraps(function)
    def wrapper(*args, y=5, **kwargs):
        return function(*args, y=y + 1, **kwargs)

    return wrapper


def with_nothing(function):
    @functools.wraps(function)
    def wrapper():
        return function(7)

    return wrapper


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (by_keyword(two), {"x": 1, "y": 3}, [1, 3]),
        (by_keyword(keyword_only), {"x": 1}, [1]),
        (by_keyword(rest), {"x": 1, "y": 3}, [1, {"y": 3}]),
        (by_position(two), {"x": 1, "y": 3}, [1, 3]),
        (by_position(positional_only), {"x": 1}, [1]),
        (with_option(two), {"x": 1, "y": 3, "verbose": True}, [1, 3]),
        (with_option(keyword_only), {"x": 1}, [1]),
        (with_option(by_keyword(two)), {"x": 1}, [1, 2]),
        (with_keyword_option(two), {"x": 1, "y": 3}, [1, 3]),
        (with_own_y(two), {"x": 1, "y": 3}, [1, 4]),
        (with_own_y(with_option(two)), {"x": 1, "y": 3}, [1, 4]),
        (with_nothing(two), {"x": 1}, [7, 2]),
        (functools.partial(by_keyword(two), y=4), {"x": 1, "y": 3}, [1, 4]),
        (functools.partial(with_option(two), 8), {"x": 1, "y": 3}, [8, 3]),
    ],
)
def test_a_wrapper_gets_the_arguments_as_it_takes_them(function, given, expected):
    result = run_worker(function, given)
    assert (result.reason_for_incompletion or result.output_data["result"]) == expected


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (by_keyword(positional_only), "x"),
        (by_position(keyword_only), "x"),
        (by_position(rest), "more"),
        (by_keyword(by_position(two)), "x"),
    ],
)
def test_a_parameter_that_a_wrapper_cannot_pass_on_is_refused(function, name):
    with pytest.raises(ConfigurationError, match=f"has a parameter '{name}' that its decorator cannot pass on"):
        Worker("t", function)


def test_an_option_of_a_function_without_a_decorator_is_read():
    def work(*args, verbose: bool = False, **more: int):
        return [*args, verbose, more]

    assert run_worker(work, {"verbose": True, "x": 1}).output_data == {"result": [True, {"x": 1}]}


@pytest.mark.parametrize(
    "function",
    [
        functools.partial(two, 1, 2, 3),
        functools.partial(two, z=1),
        functools.partial(with_option(two), 1, 2, 3),
        functools.partial(by_keyword(two), 1),
    ],
)
def test_a_partial_with_arguments_that_its_function_does_not_take_is_refused(function):
    with pytest.raises(ConfigurationError, match="it is a partial with arguments that its function does not take"):
        Worker("t", function)
