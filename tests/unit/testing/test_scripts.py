"""Scripts of workflows: the answers of the server's own code, limits, and the extra that is not installed."""

import json
import sys
from pathlib import Path

import pytest

from conductor.testing.engine import Refusal
from conductor.testing.expressions import as_text
from conductor.testing.scripts import ScriptError, TimeLimitError, check_syntax, evaluate, javascript, transform

ANSWERS = json.loads(Path(__file__).with_name("script_answers.json").read_text())
DIFFERENT = {
    "$.list[9] = 7; $.list": "a Java list ignores an index beyond its end",
    "var r = []; for (const i in $.list) { r.push(i) } r": "the indexes of a Java list are numbers",
    "$.objs.sort((a, b) => b.v - a.v)": "a Java comparator must not return NaN",
    "$.m.keys": "a Java map has a member of this name, which is not public",
    "var s = 'a'; while (true) { s += s; }": "the limit of the memory comes first",
    "try { $.missing.x } catch (e) { e.message }": "the engine writes its messages in lower case",
}
"""Scripts with another answer here, and why."""
STEP = {"name": "b", "taskReferenceName": "b", "type": "SIMPLE"}
SLOW = {"while (true) {}", "for (;;) {}"}


def sorted_json(value):
    """Objects of Java have no order."""
    return json.dumps(value, sort_keys=True)


def kind_of(error):
    """``TypeError`` of a reason, or the thrown text."""
    return error.split("`")[1].split(":")[0]


@pytest.mark.parametrize(
    ("document", "script", "value", "text", "is_true", "error"),
    [row for row in ANSWERS["rows"] if row[1] not in SLOW],
    ids=[row[1][:60] for row in ANSWERS["rows"] if row[1] not in SLOW],
)
def test_a_script_has_the_answer_of_the_servers_own_code(document, script, value, text, is_true, error):
    """scripts/server_answers/ask.py has asked it."""
    try:
        found = evaluate(script, ANSWERS["documents"][document])
    except ScriptError as raised:
        is_same = error is not None and kind_of(str(raised)) == kind_of(error)
    else:
        has_same_text = as_text(found.value) == text or "{" in (text or "")
        is_same = error is None and has_same_text and found.is_true is is_true
        is_same = is_same and sorted_json(found.value) == sorted_json(value)
    assert is_same is (script not in DIFFERENT)


def test_a_script_without_an_end_is_ended(monkeypatch):
    monkeypatch.setattr(javascript, "TIME_LIMIT", 0.2)
    with pytest.raises(TimeLimitError, match=r"not evaluated within 0\.2 seconds"):
        evaluate("while (true) {}", {})


def test_a_script_that_takes_all_memory_is_ended(monkeypatch):
    monkeypatch.setattr(javascript, "MEMORY_LIMIT", 8 * 1024 * 1024)
    with pytest.raises(ScriptError, match="memory"):
        evaluate("var a = []; while (true) { a.push(new Array(10000).fill(1)); }", {})


def test_scripts_see_nothing_of_each_other():
    evaluate("shared = 1; $.x = 2", {})
    assert evaluate("typeof shared + $.x", {"x": 1}).value == "undefined1"


def test_the_syntax_is_checked_without_a_run():
    check_syntax("throw $.notYetThere")
    check_syntax("const x = ${workflow}; x".replace("${workflow}", "1"))
    with pytest.raises(ScriptError, match="SyntaxError"):
        check_syntax("return 1;")


def test_a_query_may_be_wrong_or_fail():
    assert transform(".a[] | . + 1", {"a": [1, 2]}) == [2, 3]
    for query in ("[", ".a | keys | .b.c"):
        with pytest.raises(ScriptError):
            transform(query, {"a": 1})


@pytest.fixture
def without_engines(monkeypatch):
    for name in ("quickjs", "jq"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed


@pytest.mark.usefixtures("without_engines")
@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("INLINE", {"inputParameters": {"expression": "1"}}),
        ("LAMBDA", {"inputParameters": {"scriptExpression": "return 1;"}}),
        ("JSON_JQ_TRANSFORM", {"inputParameters": {"queryExpression": "."}}),
        ("DO_WHILE", {"loopCondition": "f()", "loopOver": [STEP]}),
        ("SWITCH", {"evaluatorType": "javascript", "expression": "1", "decisionCases": {"1": [STEP]}}),
        ("DECISION", {"caseExpression": "1", "decisionCases": {"1": [STEP]}}),
    ],
)
def test_without_the_extra_a_script_is_refused_at_registration_and_the_extra_is_named(world, build, kind, members):
    with pytest.raises(Refusal) as caught:
        world.engine.metadata.update_workflow_defs([{"name": "w", "tasks": [build.system(kind, "a", **members)]}])
    assert caught.value.status == 400
    (problem,) = caught.value.validation_errors
    assert "pip install 'conductor-worker[dev-server]'" in problem["message"]
    assert f"taskType: {kind}" in problem["message"]


@pytest.mark.usefixtures("without_engines")
def test_without_the_extra_a_simple_condition_works(world, build):
    body = [build.system("NOOP", "n")]
    workflow_id = world.start(build.system("DO_WHILE", "a", loopCondition="$.a.iteration < 3", loopOver=body))
    assert world.tasks(workflow_id)[0]["iteration"] == 3
