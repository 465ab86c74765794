"""Scripts of workflows: the answers of the server's own code, limits, and the extra that is not installed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conductor.testing.engine import Refusal
from conductor.testing.expressions import as_text
from conductor.testing.scripts import (
    ScriptError,
    Scripts,
    TimeLimitError,
    check_syntax,
    javascript,
    jq,
    scripts as limits,
)
from support.programs import children_of, is_alive
from support.waiting import eventually

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
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def scripts():
    made = Scripts()
    yield made
    made.close()


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
def test_a_script_has_the_answer_of_the_servers_own_code(scripts, document, script, value, text, is_true, error):
    """scripts/server_answers/ask.py has asked it."""
    try:
        found = scripts.evaluate(script, ANSWERS["documents"][document])
    except ScriptError as raised:
        is_same = error is not None and kind_of(str(raised)) == kind_of(error)
    else:
        has_same_text = as_text(found.value) == text or "{" in (text or "")
        is_same = error is None and has_same_text and found.is_true is is_true
        is_same = is_same and sorted_json(found.value) == sorted_json(value)
    assert is_same is (script not in DIFFERENT)


@pytest.fixture
def short_time(monkeypatch):
    monkeypatch.setattr(limits, "TIME_LIMIT", 0.4)
    monkeypatch.setattr(limits, "LEAST", 0.1)


@pytest.mark.usefixtures("short_time")
def test_a_script_without_an_end_is_ended():
    scripts = Scripts()
    with pytest.raises(TimeLimitError, match=r"not evaluated within 0\.4 seconds"):
        scripts.evaluate("while (true) {}", {})


@pytest.mark.timeout(20)
@pytest.mark.usefixtures("short_time")
def test_a_query_without_an_end_is_ended_and_the_next_one_is_answered(scripts):
    scripts.begin()
    with pytest.raises(TimeLimitError, match=r"not evaluated within 0\.4 seconds"):
        scripts.transform("last(range(1e15))", {})
    assert scripts.transform(".a", {"a": 1}) == [1]


@pytest.mark.usefixtures("short_time")
def test_the_scripts_of_a_transaction_share_their_time(scripts):
    scripts.begin()
    for limit in (0.4, 0.1, 0.1):
        with pytest.raises(TimeLimitError, match=f"within {limit} seconds"):
            scripts.evaluate("while (true) {}", {})
        assert not scripts.have_time
    assert scripts.evaluate("1 + 1", {}).value == 2
    scripts.begin()
    assert scripts.have_time


def test_a_script_that_takes_all_memory_is_ended(scripts, monkeypatch):
    monkeypatch.setattr(javascript, "MEMORY_LIMIT", 8 * 1024 * 1024)
    with pytest.raises(ScriptError, match="memory"):
        scripts.evaluate("var a = []; while (true) { a.push(new Array(10000).fill(1)); }", {})


@LINUX
@pytest.mark.timeout(20)
def test_a_query_that_takes_all_memory_is_ended_and_the_next_one_is_answered(scripts, monkeypatch):
    monkeypatch.setattr(jq, "MEMORY_LIMIT", 64 * 1024 * 1024)
    with pytest.raises(ScriptError, match="may need more than 64 MB of memory"):
        scripts.transform("[repeat(1)]", {})
    assert scripts.transform(".a", {"a": 1}) == [1]


@LINUX
def test_one_process_answers_all_queries_and_ends_with_the_scripts(scripts):
    before = set(children_of(os.getpid()))
    assert [scripts.transform(".a", {"a": n}) for n in range(3)] == [[0], [1], [2]]
    (process,) = set(children_of(os.getpid())) - before
    scripts.close()
    assert not is_alive(process)


@LINUX
def test_a_process_that_somebody_has_killed_is_started_again(scripts):
    before = set(children_of(os.getpid()))
    scripts.transform(".", {})
    (process,) = set(children_of(os.getpid())) - before
    os.kill(process, signal.SIGKILL)
    eventually(lambda: not is_alive(process))
    assert scripts.transform(".a", {"a": 1}) == [1]


def cpu_ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


ENDLESS_PROGRAM = """
from conductor.testing.scripts import Scripts
scripts = Scripts()
scripts.transform(".", {})
print("ready", flush=True)
scripts.transform("last(range(1e15))", {})
"""


@LINUX
@pytest.mark.timeout(30)
def test_an_endless_query_outlives_its_program_by_the_time_limit_at_most():
    with subprocess.Popen([sys.executable, "-c", ENDLESS_PROGRAM], stdout=subprocess.PIPE) as program:
        assert program.stdout.readline() == b"ready\n"
        (process,) = children_of(program.pid)
        began = cpu_ticks(process)
        eventually(lambda: cpu_ticks(process) > began + 10)  # it runs the endless query
        program.kill()
    eventually(lambda: not is_alive(process), timeout=20)


def test_scripts_see_nothing_of_each_other(scripts):
    scripts.evaluate("shared = 1; $.x = 2", {})
    assert scripts.evaluate("typeof shared + $.x", {"x": 1}).value == "undefined1"


def test_the_syntax_is_checked_without_a_run():
    check_syntax("throw $.notYetThere")
    check_syntax("const x = ${workflow}; x".replace("${workflow}", "1"))
    with pytest.raises(ScriptError, match="SyntaxError"):
        check_syntax("return 1;")


def test_a_query_may_be_wrong_or_fail(scripts):
    assert scripts.transform(".a[] | . + 1", {"a": [1, 2]}) == [2, 3]
    for query in ("[", ".a | keys | .b.c"):
        with pytest.raises(ScriptError):
            scripts.transform(query, {"a": 1})


@pytest.mark.parametrize("query", ["", ". ) | (.", ".a # a comment"])
def test_a_query_is_read_as_it_is(scripts, query):
    if "#" in query:
        assert scripts.transform(query, {"a": 1}) == [1]
    else:
        with pytest.raises(ScriptError):
            scripts.transform(query, {"a": 1})


def test_a_query_that_has_failed_is_answered_with_another_input(scripts):
    for _ in range(2):
        with pytest.raises(ScriptError, match="has no keys"):
            scripts.transform(".a[] | keys", {"a": [{}, 1]})
        assert scripts.transform(".a[] | keys", {"a": [{"b": 1}]}) == [["b"]]


@pytest.mark.parametrize("number", [2**53 + 1, 1.0, 1.5, -7, 1e20])
def test_a_query_that_does_not_compute_with_a_number_leaves_it_as_it_is(scripts, number):
    """Seen on the real server too."""
    (found,) = scripts.transform(".a", {"a": number})
    assert json.dumps(found) == json.dumps(number)


def test_values_of_any_kind_get_to_a_query_and_back(scripts):
    given = {"text": "line\nline \u2028 \u00e9 \U0001f600", "n": [1, -2.5, True, None], "o": {}}
    assert scripts.transform(".", given) == [given]


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
        ("DO_WHILE", {"loopCondition": "$.b.list.length < 3", "loopOver": [STEP]}),
        ("DO_WHILE", {"loopCondition": "$.missing < 1", "loopOver": [STEP]}),
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


@pytest.mark.usefixtures("without_engines")
def test_without_the_extra_a_loop_inside_of_another_is_not_found_by_its_name(world, build):
    """As on the real server: tests/contract/matrix.json."""
    inner = build.system("DO_WHILE", "x", loopCondition="$.x.iteration < 2", loopOver=[build.system("NOOP", "n")])
    workflow_id = world.start(build.system("DO_WHILE", "o", loopCondition="$.o.iteration < 2", loopOver=[inner]))
    failed = next(task for task in world.tasks(workflow_id) if task["referenceTaskName"] == "x__1")
    assert "`TypeError: Cannot read property 'iteration' of undefined` at line 1" in failed["reasonForIncompletion"]
