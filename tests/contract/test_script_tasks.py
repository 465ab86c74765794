"""The system tasks that evaluate scripts, and those that do nothing, on both servers."""

import pytest

from conductor import TaskDef, WorkflowDef, WorkflowTask
from support.waiting import eventually

OWNER = "team@example.com"
INPUT = {"l": [{"v": 1}, {"v": None}, {"q": 2}]}
FAILED, FINAL = "FAILED", "FAILED_WITH_TERMINAL_ERROR"


def step(kind, ref="a", **members):
    return WorkflowTask(ref, ref, type=kind, **members)


def inline(ref="a", **inputs):
    return step("INLINE", ref, input_parameters=inputs)


@pytest.fixture
def run(workflows, name, ended):
    """Runs a workflow of the tasks. Returns it, and its tasks by reference name."""

    def run(*steps):
        workflows.register_workflow(WorkflowDef(name, list(steps), owner_email=OWNER))
        return ended(workflows.start_workflow(name, INPUT))

    return run


@pytest.mark.parametrize(
    ("inputs", "status", "result"),
    [
        ({"evaluatorType": "javascript", "expression": "$.x + 1", "x": 2}, "COMPLETED", 3),
        ({"evaluatorType": "graaljs", "expression": "({a: $.x})", "x": 2}, "COMPLETED", {"a": 2}),
        ({"expression": "$.x", "x": "${workflow.input.l[*].v}"}, "COMPLETED", [1, None]),
        ({"expression": "$.x.length", "x": "${workflow.input.l}"}, "COMPLETED", 3),
        ({"expression": "0 / 0"}, "COMPLETED", "NaN"),
        ({"evaluatorType": "value-param", "expression": "x", "x": 5}, "COMPLETED", 5),
        ({"expression": "$.x.y.z"}, FINAL, "`TypeError: Cannot read property 'y' of undefined` at line 1"),
        ({"expression": "q"}, FINAL, "Error evaluating the script `ReferenceError: q is not defined` at line 1"),
        ({"expression": "a b"}, FINAL, "SyntaxError"),
        ({"evaluatorType": None, "expression": "1"}, "COMPLETED", 1),
        ({"evaluatorType": "${workflow.input.nothing}", "expression": "1"}, "COMPLETED", 1),
        ({"evaluatorType": " ", "expression": "1"}, FINAL, "Empty 'evaluatorType' in INLINE task's input parameters."),
        ({"evaluatorType": "ruby", "expression": "1"}, FINAL, "Unknown evaluator 'ruby' in INLINE task."),
        ({"expression": ""}, FINAL, "Empty 'expression' in Inline task's input parameters."),
        ({}, FINAL, "Empty 'expression' in Inline task's input parameters."),
    ],
    ids=str,
)
def test_an_inline_task_has_the_value_of_its_expression(run, inputs, status, result):
    _, tasks = run(inline(**inputs))
    task = tasks["a"]
    assert (task.task_type, task.status) == ("INLINE", status)
    if status == "COMPLETED":
        assert task.output_data == {"result": result}
    else:
        assert result in task.reason_for_incompletion
        assert task.output_data == {"error": task.reason_for_incompletion}


@pytest.mark.parametrize(
    ("script", "status", "result"),
    [
        ("return $.x * 2;", "COMPLETED", 8),
        ("if ($.x > 3) { return {big: true}; }", "COMPLETED", {"big": True}),
        ("$.x;", "COMPLETED", None),
        ("return $.y.z;", FAILED, "TypeError: Cannot read property 'z' of undefined"),
        (None, FAILED, "Empty 'scriptExpression' in Lambda task's input parameters."),
    ],
)
def test_a_lambda_task_has_the_value_that_its_script_returns(run, script, status, result):
    _, tasks = run(step("LAMBDA", input_parameters={"scriptExpression": script, "x": 4}))
    assert tasks["a"].status == status
    if status == "COMPLETED":
        assert tasks["a"].output_data == {"result": result}
    else:
        assert result in tasks["a"].reason_for_incompletion


@pytest.mark.parametrize(
    ("query", "results"),
    [
        (".l | map(.v)", [[1, None, None]]),
        (".l[] | .v", [1, None, None]),
        ("empty", []),
        (".q", [None]),
        ("[9007199254740993, 1.5]", [[2**53 + 1, 1.5]]),
        ("{n: (.l | length), first: .l[0].v}", [{"n": 3, "first": 1}]),
        ('.l | map(select(.v != null)) | .[0].v * 2 | tostring + "x"', ["2x"]),
    ],
)
def test_a_jq_task_has_the_values_of_its_query(run, query, results):
    _, tasks = run(step("JSON_JQ_TRANSFORM", input_parameters={"queryExpression": query, "l": "${workflow.input.l}"}))
    assert tasks["a"].status == "COMPLETED"
    assert tasks["a"].output_data == {"result": results[0] if results else None, "resultList": results}


@pytest.mark.parametrize("query", [".l[ |", ".l | keys | .a.b"])
def test_a_jq_task_whose_query_fails_is_failed_with_a_reason(run, query):
    workflow, tasks = run(step("JSON_JQ_TRANSFORM", input_parameters={"queryExpression": query, "l": 5}))
    assert (workflow.status, tasks["a"].status) == ("FAILED", FAILED)
    assert tasks["a"].output_data == {"error": tasks["a"].reason_for_incompletion}


def test_a_retry_runs_a_query_in_a_loop_before_it_looks_at_the_loop(run, workflows, ended):
    query = step("JSON_JQ_TRANSFORM", "q", input_parameters={"queryExpression": ".queryExpression.x"})
    failed, _ = run(step("DO_WHILE", "d", loop_condition="$.d['iteration'] < 2", loop_over=[query]))
    for _ in range(2):
        workflows.retry(failed.workflow_id)
        workflow, tasks = ended(failed.workflow_id)
        assert (workflow.status, tasks["d"].status) == ("FAILED", "CANCELED")
    assert [(task.status, task.retry_count) for task in workflow.tasks[1:]] == [(FAILED, 0), (FAILED, 1), (FAILED, 2)]


@pytest.mark.parametrize(
    ("language", "script", "case", "taken"),
    [
        ("javascript", "$.n > 2 ? 'big' : 'small'", "big", "b"),
        ("graaljs", "$.n > 2", "true", "b"),
        ("javascript", "$.n / 2", "2", "b"),
        ("javascript", "$.q", "null", "b"),
        ("javascript", "$.n + 0.5", "4.5", "c"),
    ],
)
def test_a_switch_takes_the_case_that_its_script_gives(run, language, script, case, taken):
    cases = {key: [step("NOOP", "b")] for key in ("big", "true", "2", "null")}
    _, tasks = run(
        step(
            *("SWITCH", "a"),
            evaluator_type=language,
            expression=script,
            input_parameters={"n": 4},
            decision_cases={case: cases[case]} if case in cases else {"other": [step("NOOP", "b")]},
            default_case=[step("NOOP", "c")],
        ),
        step("NOOP", "d"),
    )
    assert tasks.keys() == {"a", taken, "d"}
    assert tasks["a"].output_data == {"evaluationResult": [case], "selectedCase": case}
    assert tasks["a"].input_data == {"n": 4, "case": case, "hasChildren": "true"}


def test_a_switch_whose_script_fails_is_failed_and_takes_no_case(run):
    cases = {"null": [step("NOOP", "b")]}
    workflow, tasks = run(step("SWITCH", evaluator_type="javascript", expression="$.q.r", decision_cases=cases))
    assert (workflow.status, tasks.keys(), tasks["a"].status) == ("FAILED", {"a"}, FAILED)
    assert "Cannot read property 'r' of undefined" in tasks["a"].reason_for_incompletion


@pytest.mark.parametrize(
    ("members", "case", "taken"),
    [
        ({"case_value_param": "k"}, "x", "b"),
        ({"case_expression": "$.k + 'y'"}, "xy", "b"),
        ({"case_value_param": "other"}, "null", "c"),
        ({"case_expression": "$.k == 'x' ? 'empty' : 'no'"}, "empty", "c"),
    ],
    ids=str,
)
def test_a_decision_takes_a_case_and_the_default_for_an_empty_one(run, members, case, taken):
    cases = {"x": [step("NOOP", "b")], "empty": []} if case != "xy" else {"xy": [step("NOOP", "b")]}
    inputs = {"k": "x"}
    decision = step(
        "DECISION", decision_cases=cases, default_case=[step("NOOP", "c")], input_parameters=inputs, **members
    )
    _, tasks = run(decision, step("NOOP", "d"))
    assert tasks.keys() == {"a", taken, "d"}
    assert tasks["a"].output_data == {"caseOutput": [case]}
    assert tasks["a"].input_data == {"case": case, "hasChildren": "true"}


def test_a_decision_whose_script_fails_ends_the_workflow_without_a_task(run):
    workflow, tasks = run(step("DECISION", case_expression="$.k.l.m", decision_cases={"x": [step("NOOP", "b")]}))
    assert (workflow.status, tasks) == ("FAILED", {})
    assert workflow.reason_for_incompletion == "Error while evaluating script: $.k.l.m"


@pytest.mark.parametrize(
    ("condition", "iterations"),
    [
        ("$.a['iteration'] < $.n && $.b.result.length > 0", 3),
        ("if ($.a.iteration < 2) { true; } else { false; }", 2),
        ("(function () { return $.a.iteration < $.n; })()", 3),
        ("$.n - $.a.iteration", 3),
        ("'true'", 1),
        ("$.missing > 1", 1),
        ("[]", 1),
    ],
)
def test_a_loop_goes_on_while_its_condition_is_true_or_a_number_above_zero(run, condition, iterations):
    body = [inline("b", expression="'x'.repeat(3)")]
    _, tasks = run(step("DO_WHILE", loop_condition=condition, input_parameters={"n": 3}, loop_over=body))
    assert (tasks["a"].status, tasks["a"].iteration) == ("COMPLETED", iterations)


@pytest.mark.parametrize("condition", ["$.q.r.s", "a b", "return true;"])
def test_a_loop_whose_condition_fails_is_failed_for_good(run, condition):
    workflow, tasks = run(step("DO_WHILE", loop_condition=condition, loop_over=[step("NOOP", "b")]))
    assert (workflow.status, tasks["a"].status) == ("FAILED", FINAL)
    assert tasks["a"].reason_for_incompletion.startswith(f"Unable to evaluate condition {condition}, exception Error")


def test_a_failed_inline_task_in_a_fork_cancels_the_join(run, workflows):
    branches = [[inline("b", expression="1")], [inline("c", expression="q")]]
    workflow, tasks = run(step("FORK_JOIN", "f", fork_tasks=branches), step("JOIN", "j", join_on=["b", "c"]))
    assert (workflow.status, workflow.output) == ("FAILED", {})
    assert (tasks["b"].status, tasks["c"].status) == ("COMPLETED", FINAL)

    def statuses():
        return {task.reference_task_name: task.status for task in workflows.get_workflow(workflow.workflow_id).tasks}

    eventually(lambda: statuses()["j"] == "CANCELED")  # the server first ends the workflow, then its tasks


@pytest.mark.parametrize(("kind", "member"), [("LAMBDA", "scriptExpression"), ("JSON_JQ_TRANSFORM", "queryExpression")])
def test_a_failed_script_is_tried_again_as_its_definition_says(run, tasks, name, kind, member):
    tasks.register_task_defs(TaskDef(name, owner_email=OWNER, retry_count=1, retry_delay_seconds=1))
    workflow, _ = run(WorkflowTask(name, "a", type=kind, input_parameters={member: "["}))
    assert [(task.status, task.retry_count) for task in workflow.tasks] == [(FAILED, 0), (FAILED, 1)]


def test_a_noop_has_no_input_and_completes(run):
    workflow, tasks = run(step("NOOP", input_parameters={"x": 1}))
    assert (workflow.status, tasks["a"].task_type, tasks["a"].input_data) == ("COMPLETED", "NOOP", {})
