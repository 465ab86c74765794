"""Texts of any shape and values of any depth: an answer at once, and none that makes later calls fail."""

import contextlib
import re
import time

import pytest

from conductor.testing.engine import Refusal
from conductor.testing.engine.calls.queries import is_like
from conductor.testing.engine.tasks.conditions import parse
from conductor.testing.engine.tasks.durations import parse_duration, parse_until
from conductor.testing.expressions import as_text, expressions_in, fill
from conductor.testing.server.http_reader import Reader, RefusedError
from conductor.testing.server.http_wire import Request
from conductor.testing.server.parameters import flag, integer
from conductor.testing.server.router import _is_json

LENGTH = 20_000
DEEP = 400


def search(engine, text):
    return engine.searches.workflows(text, "*", 0, 10, None)


def free_text(engine, text):
    return engine.searches.workflows("", text, 0, 10, text)


def condition(_, text):
    return parse(text, "a")(1)


def expression(_, text):
    list(expressions_in(text))
    return fill("${" + text + "}", {})


class Connection:
    """A connection on which these bytes arrive, and then its end."""

    def __init__(self, data):
        self._data = data

    def recv(self, length):
        piece, self._data = self._data[:length], self._data[length:]
        return piece


def request(head):
    return Reader(Connection(head + b"\r\nHost: x\r\n\r\n")).request()


READERS = {
    "duration": lambda _, text: parse_duration(text),
    "until": lambda _, text: parse_until(text),
    "condition": condition,
    "expression": expression,
    "template": lambda _, text: fill(text, {}),
    "query": search,
    "free text and sort": free_text,
    "value with stars": lambda _, text: is_like("a" * LENGTH, f"{text}b"),
    "header": lambda _, text: request(b"GET / HTTP/1.1\r\nX: " + text.encode()),
    "header's name": lambda _, text: request(b"GET / HTTP/1.1\r\n" + text.encode()),
    "request line": lambda _, text: request(b"GET /" + text.encode() + b" HTTP/1.1"),
    "query string": lambda _, text: request(b"GET /?" + text.encode() + b" HTTP/1.1"),
    "media type": lambda _, text: _is_json(Request("POST", "/", {"content-type": "application/" + text}, b"{}")),
    "number": lambda _, text: integer("n").bind([text]),
    "flag": lambda _, text: flag("f", True).bind([text]),
}

PARTS = [
    *(
        " ",
        "\t",
        "1",
        "9 ",
        "a",
        "a ",
        "_",
        ".",
        "..",
        "[",
        "[[",
        "['",
        '["',
        "]",
        "[*]",
        "['a']",
        "$",
        "${",
        "$${",
        "{",
        "}",
    ),
    *(
        "${a}",
        "(",
        "((",
        ")",
        ") ",
        '"',
        "'",
        "!",
        "! ",
        "-",
        "1d ",
        "a=",
        "a=(",
        'a="',
        "a='",
        "a = ",
        "a IN (",
        "a AND ",
    ),
    *(
        "a || ",
        "a && ",
        "1 == 1 || ",
        "$.a && ",
        "return ",
        "; ",
        "}{",
        ",",
        "&",
        "%20",
        "+",
        "+json",
        "/",
        ";",
        "*",
        "*a",
    ),
]
BEGINNINGS = ["", "1 d", "1d", "2026-01-31", "if (1) { true", "if (1", "status=", "$.a", "a"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("reader", READERS)
def test_a_long_text_is_read_or_refused_at_once(world, build, reader):
    world.start(build.simple())
    for beginning in BEGINNINGS:
        for part in PARTS:
            text = beginning + part * (LENGTH // len(part)) + "x"
            started = time.thread_time()
            with contextlib.suppress(ValueError, Refusal, RefusedError):
                READERS[reader](world.engine, text)
            assert time.thread_time() - started < 1, (beginning, part)


@pytest.mark.parametrize("spaces", [400, 1000, LENGTH])
def test_a_duration_that_is_none_fails_its_workflow_at_once(world, build, spaces):
    wait = build.system("WAIT", "wait", inputParameters={"duration": "${workflow.input.text}"})
    workflow_id = world.start(wait, request={"input": {"text": "1 d" + " " * spaces + "x"}})
    assert world.status(workflow_id) == "FAILED"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2 days 3 hours 10 minutes 5 seconds", 184_205),
        ("1d2h3m4s", 93_784),
        (" 1 Day  1 hr 1 min 1 sec ", 90_061),
        ("5s", 5),
        ("10m", 600),
        ("1hrs", 3600),
        ("0s", 0),
    ],
)
def test_durations_are_read_as_before(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "1", "d", "1 x", "1s 1d", "1d 1d", "-1d", "1.5h", "1dd", "\u0661d", "9" * 5000 + "d"]
)
def test_what_is_no_duration_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - int() has a text of its own
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("1970-01-02", 86_400_000),
        ("1970-01-01 01:00", 3_600_000),
        ("1970-01-01T01:00", 3_600_000),
        ("1970-01-01 01:00 GMT", 3_600_000),
        ("1970-01-01 01:00Z", 3_600_000),
        ("1970-01-01 01:00 GMT+01:00", 0),
        ("1970-01-01 01:00 +0100", 0),
        ("1970-01-01 01:00-01:00", 7_200_000),
    ],
)
def test_dates_are_read_as_before(text, epoch):
    assert parse_until(text) == epoch


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=RUNNING", 1),
        ("status = 'RUNNING' AND workflowType=\"wf\"", 1),
        ("status IN (COMPLETED,RUNNING)", 1),
        ("(status IN ('COMPLETED',\"FAILED\") AND workflowType=wf)", 0),
        ("workflowType=wf AND status=COMPLETED", 0),
        ("startTime > 0 AND startTime < 9", 0),
        ("endTime < 9", 1),
        ("status>A", 1),
        ("correlationId='this OR that'", 1),
        ("parentWorkflowId=''", 1),
        ("status=(RUNNING", 1),
        ("status=", 0),
        ("", 1),
        ("workflowType=sign-in", 0),
    ],
)
def test_queries_are_read_as_on_the_real_server(world, build, query, found):
    world.start(build.simple(), request={"correlationId": "this OR that"})
    assert search(world.engine, query)["totalHits"] == found


@pytest.mark.parametrize("levels", [2_000, 20_000])
def test_a_query_that_makes_a_deep_value_fails_its_task(world, build, levels):
    query = f"reduce range({levels}) as $i (0; [.])"
    workflow_id = world.start(build.system("JSON_JQ_TRANSFORM", "q", inputParameters={"queryExpression": query}))
    (task,) = world.tasks(workflow_id)
    assert "nested too deep" in task["reasonForIncompletion"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("RUNNING", "Incorrectly formatted query string: RUNNING"),
        ("status!=RUNNING", "Incorrectly formatted query string: status!=RUNNING"),
        ("status in (RUNNING)", "Incorrectly formatted query string: status in (RUNNING)"),
        ("NOT status=RUNNING", "Incorrectly formatted query string: NOT status=RUNNING"),
        ("status=RUNNING AND", "a value with other signs or words is in quotes"),
        ("status=RUNNING OR status=FAILED", "a value with other signs or words is in quotes"),
        ("status=RUNNING && workflowType=wf", "a value with other signs or words is in quotes"),
        ("startTime>=5", "a value with other signs or words is in quotes"),
        ("startTime>2026-01-31", "a time is one number of milliseconds"),
        ("startTime IN (5,6)", "a time is one number of milliseconds"),
        ("status=RUNNING,FAILED", "several values need IN"),
        ("status IN (RUNNING, FAILED)", "takes the blanks around a value for a part of it"),
        ("version=1", "version is none of workflowId, workflowType, "),
        ("statis=RUNNING", "statis is none of workflowId, workflowType, "),
    ],
)
def test_a_query_that_is_not_read_whole_is_refused(world, query, reason):
    with pytest.raises(Refusal, match=re.escape(reason)) as caught:
        search(world.engine, query)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("if ($.a.iteration == 1) { true; } else { false; }", True),
        ("if ($.a.iteration == 1 && ($.a.iteration == 2 || !($.a['iteration'] < 3))) {true} else {false}", False),
        ("$.a.iteration == 1 || $.a.iteration == 2;", True),
        ("!($.a.iteration == 1)", False),
        (" || ".join(["$.a.iteration == 2"] * 5_000), False),
        (" && ".join(["$.a.iteration == 1"] * 5_000), True),
    ],
)
def test_long_conditions_are_read(text, holds):
    assert parse(text, "a")(1) is holds


@pytest.mark.parametrize(
    "text",
    [
        "if (true) { true; }",
        "if (true) { false; } else { true; }",
        "if true { true; } else { false; }",
        "if (true) { true; } else { false; } true",
        "(" * DEEP + "true" + ")" * DEEP,
        "!" * DEEP + "true",
    ],
)
def test_conditions_that_are_more_than_it_understands_are_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - each has a text of its own
        parse(text, "a")


# Values of any depth


def nested(kind, levels=DEEP):
    value = 1
    for _ in range(levels):
        value = [value] if kind is list else {"a": value}
    return value


def all_that_read(engine, workflow_id, task_id):
    engine.searches.workflows("status>A", "*", 0, 10, None)
    engine.searches.workflows("", "needle", 0, 10, "input:ASC")
    engine.searches.tasks("", "needle", 0, 10, "output:DESC")
    engine.searches.tasks_v2("", "*", 0, 10, None)
    engine.workflows.get(workflow_id)
    engine.workflows.status(workflow_id, True, True)
    engine.tasks.get(task_id)
    engine.overview.changes(None, "", "", "", 100)
    engine.queues.open_work()


@pytest.mark.parametrize("kind", [list, dict])
@pytest.mark.parametrize("durable", [False, True])
def test_a_deep_value_can_be_searched_for_and_read(make_world, build, tmp_path, kind, durable):
    world = make_world(db=str(tmp_path / "db") if durable else ":memory:")
    world.task_def("a", inputTemplate={"more": 1})
    second = build.simple("b", inputParameters={"whole": "${a.output}", "text": "in ${a.output} text"})
    loop = build.system("DO_WHILE", "loop", loopCondition="$.b['whole'] == 1", loopOver=[second])
    first = build.simple("a", inputParameters={"given": "${workflow.input.deep}"})
    given = {"deep": nested(kind)}
    workflow_id = world.start(first, loop, request={"input": given}, outputParameters={"result": "${b.output}"})
    world.run("a", output=given)
    all_that_read(world.engine, workflow_id, world.tasks(workflow_id)[-1]["taskId"])
    last = world.run("b", output=given)
    assert world.status(workflow_id) == "COMPLETED"
    all_that_read(world.engine, workflow_id, last["taskId"])
    assert world.engine.workflows.get(workflow_id)["output"] == {"result": given}


def test_a_value_that_grows_deeper_with_each_iteration_fails_its_workflow(world, build):
    deeper = build.system("SET_VARIABLE", "set", inputParameters={"v": [["${workflow.variables.v}"]]})
    loop = build.system("DO_WHILE", "loop", loopCondition="true", loopOver=[deeper])
    workflow_id = world.start(loop)
    while world.status(workflow_id) == "RUNNING":
        world.engine.sweep()
    assert world.status(workflow_id) == "FAILED"
    all_that_read(world.engine, workflow_id, world.tasks(workflow_id)[-1]["taskId"])
    (failed,) = [task for task in world.tasks(workflow_id) if task["status"] == "FAILED_WITH_TERMINAL_ERROR"]
    assert "nested too deep" in failed["reasonForIncompletion"]


def test_a_definition_of_many_levels_is_refused_in_words(world, build):
    tasks = [build.simple("a", inputParameters={"deep": nested(list)})]
    for call in (
        lambda: world.start(*tasks),
        lambda: world.engine.metadata.update_workflow_defs([{"name": "wf", "tasks": tasks}]),
        lambda: world.engine.workflows.start({"name": "wf", "workflowDef": {"name": "wf", "tasks": tasks}}),
        lambda: world.task_def(inputTemplate=nested(dict)),
    ):
        with pytest.raises(Refusal, match="definitions of at most 100 levels") as caught:
            call()
        assert caught.value.status == 400


def test_values_are_written_as_java_prints_them():
    value = {"a": None, "b": [True, False, 1.5, "x", [], {}], "c": {"d": "{e=1}"}}
    assert as_text(value) == "{a=null, b=[true, false, 1.5, x, [], {}], c={d={e=1}}}"
    assert as_text(nested(list, 10_000)) == "[" * 10_000 + "1" + "]" * 10_000


def test_paths_and_inner_expressions_have_their_bounds():
    assert fill("${a" + "[*]" * DEEP + "}", {"a": nested(list)}) is None
    assert fill("${a" + "[0]" * DEEP + "}", {"a": nested(list)}) is None
    assert fill("${a" + "..*" * 5 + "}", {"a": nested(list)}) is None
    assert fill("${a[?(" + "(" * DEEP + "@" + ")" * DEEP + ")]}", {"a": [1]}) is None
    assert fill("${" * DEEP + "a" + "}" * DEEP, {"a": 1}) is None
    assert fill("${a[" + "9" * 5_000 + "]}", {"a": [1]}) is None
