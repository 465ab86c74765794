"""What stands between tasks and in conditions: expressions, comparisons, durations and dates."""

import json
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies

from conductor.testing.engine.tasks.conditions import parse
from conductor.testing.engine.tasks.durations import parse_duration, parse_until
from conductor.testing.expressions import expressions_in, fill, problems_in, unresolved_in
from conductor.testing.scripts import ScriptError, Scripts

VALUES = {"workflow": {"input": {"l": [1, {"z": 2}], "t": True, "n": None, "a b": 7, "who": "l"}}}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("${workflow.input.l}", [1, {"z": 2}]),
        ("${workflow.input.l[1].z}", 2),
        ("${workflow.input.l[-1]['z']}", 2),
        ("${workflow.input.l[9]}", None),
        ("${workflow.input.l.length()}", 2),
        ("${workflow.input.l[*].z}", [2]),
        ("${workflow.input['a b']}", 7),
        ("${workflow.input.nope.deeper}", None),
        ("${nobody.output.x}", None),
        ("${workflow.input.${workflow.input.who}[0]}", 1),
        ("v ${workflow.input.t} ${workflow.input.n} ${workflow.input.l}", "v true null [1, {z=2}]"),
        ("$${kept} ${workflow.input.t}", "${kept} true"),
        ("${}", ""),
        ("${unclosed", "${unclosed"),
        (["${workflow.input.t}", {"q": "${workflow.input.n}"}], [True, {"q": None}]),
        (5, 5),
    ],
)
def test_an_expression_keeps_its_type_alone_and_is_text_inside_a_text(template, expected):
    assert fill(template, VALUES) == expected


ANSWERS = json.loads(Path(__file__).with_name("expression_answers.json").read_text())


@pytest.mark.parametrize(
    ("document", "template", "answer", "problems"), ANSWERS["rows"], ids=[str(row[1])[:60] for row in ANSWERS["rows"]]
)
def test_an_expression_has_the_answer_of_the_servers_own_code(document, template, answer, problems):
    """scripts/server_answers/ask.py has asked it. JSON shows 1 and 1.0 as different."""
    filled = fill(template, ANSWERS["documents"][document])
    assert json.dumps(filled) == json.dumps(answer)
    assert list(problems_in({"x": template}, "t1", {"t1"})) == problems


@pytest.mark.parametrize(("pattern", "fits", "too_long"), [(".*a.*b", 9000, 11_000), ("[a-z]+.*(1|2)?.*", 280, 300)])
def test_a_text_that_is_too_long_for_a_regular_expression_makes_a_null(pattern, fits, too_long):
    template = f"${{rows[?(@.x =~ /{pattern}/)].x}}"
    assert fill(template, {"rows": [{"x": "a" + "b" * (fits - 1)}]}) == ["a" + "b" * (fits - 1)]
    assert fill(template, {"rows": [{"x": "a" + "b" * (too_long - 1)}]}) is None


@pytest.mark.parametrize(
    "pattern", ["(a+)+$/x", "(?x)(a+) +$/", "(a){2,}/", "((a|b)|c){9}/", "(?=a*)*b/", "[a/", "(a/"]
)
def test_a_regular_expression_that_may_take_for_ever_makes_a_null_if_it_comes_late(pattern):
    assert fill(f"${{rows[?(@.x =~ /{pattern})].x}}", {"rows": [{"x": "a"}]}) is None


def test_the_id_of_the_task_stands_in_place_of_its_name():
    assert fill("${CPEWF_TASK_ID}", {}, "t-1") == "t-1"
    assert fill("x-${CPEWF_TASK_ID}", {}, "t-1") == "x-t-1"


def test_expressions_are_found_anywhere_in_a_text():
    assert list(expressions_in("x ${b.c} ${d}")) == ["b.c", "d"]


CONDITIONS = [
    "$.d['iteration'] < 3",
    "$.d.iteration >= 3;",
    '  if ($["d"]["iteration"] < 2) { true; } else { false; }\n',
    "if($.d.iteration<2){true}else{false};",
    "!($.d['iteration'] == 2) || $.d.iteration === 2.0 && 3 > $.d['iteration']",
    "!(!true) && ($.d.iteration != 1 || 1 !== $.d.iteration || false)",
    "-1.5 <= $.d.iteration",
    "true",
    "!false",
]


@pytest.fixture(scope="module")
def scripts():
    return Scripts()


def in_javascript(scripts, text, iteration):
    scripts.begin()
    return scripts.evaluate(text, {"d": {"iteration": iteration}}).is_true


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_without_an_engine_has_the_answers_of_javascript(scripts, text):
    for iteration in (1, 2, 3):
        assert parse(text, "d")(iteration) is in_javascript(scripts, text, iteration)


PIECES = [
    "$.d.iteration",
    "$.d['iteration']",
    "0",
    "1",
    "2.5",
    "-1",
    "010",
    "true",
    "false",
    "null",
    "if",
    "else",
    "return",
]
PIECES += [
    "<",
    ">",
    "<=",
    ">=",
    "==",
    "===",
    "!=",
    "!==",
    "=",
    "&&",
    "||",
    "!",
    "(",
    ")",
    "{",
    "}",
    ";",
    ".",
    "-",
    " ",
    "\n",
]


@hypothesis.given(strategies.lists(strategies.sampled_from(PIECES), max_size=9).map("".join))
def test_each_text_that_is_taken_as_a_condition_has_the_answers_of_javascript(scripts, text):
    try:
        condition = parse(text, "d")
    except ValueError:
        return
    for iteration in (1, 2):
        assert condition(iteration) is in_javascript(scripts, text, iteration)


def test_a_condition_that_reads_the_number_of_a_loop_without_a_name_fails():
    assert parse("true || $.d.iteration < 2", "d")(None)
    with pytest.raises(ScriptError, match="TypeError: Cannot read property 'iteration' of undefined"):
        parse("false || $.d.iteration < 2", "d")(None)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "foo()",
            "$.d.iteration +",
            "($.d.iteration < 1",
            "1 < 1 2",
            "for (;;) {}",
            "$.d.iteration < ",
            "if (true)",
        ),
        "if ($.d.iteration < 3) { return true; } else { return false; }",  # a SyntaxError on the server
        "$.missing < 1",  # false in JavaScript, where it is undefined
        "$.d.items.length < 3",
        "$.d['iteration'] < $.limit",
        "$.e.iteration < 3",
        "$.d.iteration == '2'",
        "$.d.iteration",
        "-1",
        "!$.d.iteration == 2",
        "1 < $.d.iteration < 3",
        "$.d.iteration < 010",
    ],
)
def test_a_condition_that_is_more_is_not_understood(text):
    with pytest.raises(ValueError, match="."):
        parse(text, "d")


def test_durations_and_dates_are_read_as_the_server_reads_them():
    assert parse_duration("2 days 3 hours 4 minutes 5 seconds") == 183845
    assert parse_duration("10s") == 10
    assert parse_until("1970-01-02") == 86_400_000
    assert parse_until("1970-01-01 02:00 GMT+01:00") == 3_600_000
    for text in ("", "soon", "5"):
        with pytest.raises(ValueError, match="not a"):
            parse_duration(text)
        with pytest.raises(ValueError, match="not a"):
            parse_until(text)


DOCUMENT = {
    "workflow": {"input": {"order": {"lines": [1, 2], "note": None}, "city": "Oslo"}, "correlationId": None},
    "validate": {"output": {"total": 9, "currency": "EUR"}},
    "nothing": {"output": {}},
}


@pytest.mark.parametrize(
    ("template", "unresolved"),
    [
        ({"amount": "${validate.output.total}", "n": 1, "note": "${workflow.input.order.note}"}, []),
        ({"id": "${CPEWF_TASK_ID}", "key": "${workflow.secrets.key}", "found": "${validate..nope}"}, []),
        (
            {"amount": "${validate.output.totl}"},
            ["amount: ${validate.output.totl} has no value: validate.output has currency, total; did you mean total?"],
        ),
        (
            {"a": ["x", {"b": "to ${workflow.input.order.lines[7]}!"}]},
            ["a[1].b: ${workflow.input.order.lines[7]} has no value: workflow.input.order.lines is a list of 2"],
        ),
        (
            {"a": "${valdate.output.total}"},
            ["a: ${valdate.output.total} has no value: there are nothing, validate, workflow; did you mean validate?"],
        ),
        ({"a": "${nothing.output.x}"}, ["a: ${nothing.output.x} has no value: nothing.output is empty"]),
        (
            {"a": "${workflow.input.city.x}"},
            ["a: ${workflow.input.city.x} has no value: workflow.input.city is a text"],
        ),
        (
            {"a": "${workflow.correlationId.x}"},
            ["a: ${workflow.correlationId.x} has no value: workflow.correlationId is null"],
        ),
        (
            {"a": "${validate.output['totals']}"},
            ["a: ${validate.output['totals']} has no value: validate.output has currency, total; did you mean total?"],
        ),
        (
            {"a": "${validate.output.${workflow.input.nme}}"},
            ["a: ${workflow.input.nme} has no value: workflow.input has city, order"],
        ),
        ({"a": "${workflow.env.HOME}"}, ["a: ${workflow.env.HOME} has no value: workflow has correlationId, input"]),
    ],
    ids=str,
)
def test_an_expression_without_a_value_is_told_with_the_values_that_there_are(template, unresolved):
    assert list(unresolved_in(template, DOCUMENT)) == unresolved
