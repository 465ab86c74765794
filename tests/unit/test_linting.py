"""The faults that the linter finds in definitions, and the good definitions in which it finds none."""

import json
import sys

import pytest

from conductor import Worker
from conductor.linting.javascript import has_placeholder, names_read
from conductor.linting.lint import lint


def step(ref="a", kind="SIMPLE", **members):
    return {"name": ref, "taskReferenceName": ref, "type": kind, **members}


def reads(text, ref="r", **members):
    return step(ref, inputParameters={"x": text}, **members)


def switch(*tasks, **members):
    given = {"evaluatorType": "value-param", "expression": "x", "inputParameters": {"x": "${workflow.input.x}"}}
    return step("s", "SWITCH", **{**given, "decisionCases": {"y": list(tasks)}, **members})


def fork(*branches, ref="f"):
    return step(ref, "FORK_JOIN", forkTasks=list(branches))


def join(*refs, ref="j", **members):
    return step(ref, "JOIN", joinOn=list(refs), **members)


def loop(*tasks, condition="$.l['iteration'] < 3", **members):
    return step("l", "DO_WHILE", loopCondition=condition, loopOver=list(tasks), **members)


def inline(script, evaluator="graaljs", **inputs):
    return step("i", "INLINE", inputParameters={"evaluatorType": evaluator, "expression": script, **inputs})


def http(request):
    return step("h", "HTTP", inputParameters={"http_request": request})


def end(status):
    return step("e", "TERMINATE", inputParameters={"terminationStatus": status})


def sub(**param):
    return step("u", "SUB_WORKFLOW", subWorkflowParam=param)


@pytest.fixture
def faults_of(tmp_path):
    """The findings of definitions, as lines without the file."""

    def find(*definitions, workers=()):
        (tmp_path / "all.json").write_text(json.dumps(definitions if len(definitions) > 1 else definitions[0]))
        return [f"{each.place}: {each.severity}: {each.text}" for each in lint(tmp_path, workers)]

    return find


def workflow(*tasks, **members):
    return {"name": "order", "tasks": list(tasks), **members}


GOOD = [
    [step(), reads("${a.output.x} ${workflow.input.y} ${CPEWF_TASK_ID} $${none} ${workflow.variables['a b']}")],
    [reads("${a.output[?(@.x == 1)]} ${a.output['x y'].z} ${a.output.length()} ${a.output.x }"), step()][::-1],
    [switch(step(), reads("${a.output.x} ${s.output.selectedCase}"), defaultCase=[step("d")]), reads("${a}", "q")],
    [fork([step(), reads("${a.output.x}")], [step("b")]), join("r", "b"), reads("${j.output.b}", "q")],
    [fork([step()], [switch(fork([step("b")], ref="g"))]), join("a", "b")],
    [loop(reads("${b.output.x}"), step("b"), condition="$.r['x'] > 1 && $.p", inputParameters={"p": "${b.output.x}"})],
    [loop(step(), condition="$.a['x'] != '${workflow.input.x}'")],
    [step("d", "FORK_JOIN_DYNAMIC", dynamicForkTasksParam="t", dynamicForkTasksInputParamName="i",
          inputParameters={"t": "${workflow.input.t}", "i": {}}), join("made"), switch(reads("${made.output}"))],
    [step("d", "FORK_JOIN_DYNAMIC", inputParameters={"forkTaskName": "x", "forkTaskInputs": []}), join("a"), step()],
    [step("w", "WAIT", inputParameters={"duration": "10 minutes"}), end("FAILED")],
    [loop(end("${workflow.input.x}"))],
    [sub(name="order", version=1), sub(name="${workflow.input.name}") | {"taskReferenceName": "v"}],
    [inline("$.x + $['y'] + $.toString()", x=1, y=2)],
    [step("l", "LAMBDA", inputParameters={"scriptExpression": "return $.x + 1", "x": 1})],
    [inline("$.x + ${workflow.input.y} + )", "${workflow.input.language}", x=1)],
    [loop(step(), condition="if ($.l['iteration'] < 3) { true; } else { false; }")],
    [http("${workflow.input.request}"), {**http({"uri": "${workflow.input.uri}", "method": "GET"}),
                                         "taskReferenceName": "g"}],
    [step("q", "JSON_JQ_TRANSFORM", taskDefinition={"name": "q", "inputTemplate": {"queryExpression": "."}})],
]  # fmt: skip


@pytest.mark.parametrize("tasks", GOOD)
def test_a_good_workflow_has_no_faults(faults_of, tasks):
    assert faults_of(workflow(*tasks)) == []


JOIN_FIRST = "cannot run before this JOIN, which waits for ever"
NO_NAME = "no task has the reference name"
FAULTS = [
    ([reads("${foo}")], f"tasks[0].inputParameters.x: error: {NO_NAME} 'foo': the server refuses it"),
    ([step("pay_ref"), reads("${pay_rf.output.x}")], "the nearest is 'pay_ref'"),
    ([reads({"y": ["${foo.x}"]})], f"tasks[0].inputParameters.x.y[0]: error: {NO_NAME} 'foo'"),
    ([reads("${FOO}")], f"warning: {NO_NAME} FOO: it must be an environment variable of the server"),
    ([reads("${workflow.input.x y}")], "error: ${workflow.input.x y} is no path"),
    ([reads("${}")], "error: ${} is no path"),
    ([reads("${a.output.}", "a")], "error: ${a.output.} is no path"),
    ([reads("${workflow.input.x")], "warning: the expression ${workflow.input.x is not closed"),
    ([reads("${workflow.inputs.x}")], "warning: workflow has no member 'inputs'; the nearest is 'input'"),
    ([step(), reads("${a.outputs.x}")], "warning: a has no member 'outputs'; the nearest is 'output'"),
    ([switch(reads("${foo.output}"))], f".decisionCases.y[0].inputParameters.x: warning: {NO_NAME} 'foo'"),
    ([reads("${a.output}"), step()], "warning: a comes after this task, so it has no output yet"),
    ([reads("${r.output}")], "warning: r is this task itself"),
    ([switch(step(), defaultCase=[reads("${a.output}")])], "warning: a is in another case of the same SWITCH"),
    ([fork([step()], [reads("${a.output}")]), join("a", "r")], "warning: a is in another branch of the same FORK_JOIN"),
    ([switch(step(), inputParameters={"x": "${a.output}"})], "warning: a is inside of this task"),
    ([step(), switch(step())], "decisionCases.y[0].taskReferenceName: error: another task has the reference name 'a'"),
    ([{"name": "", "taskReferenceName": ""}], "tasks[0].name: error: it is empty"),
    ([step(kind="SWICH")], "tasks[0].type: warning: 'SWICH' is no type of the server"),
    ([step(kind="SWITCH")], "tasks[0].evaluatorType: error: SWITCH tasks need it"),
    ([switch(step(), evaluatorType="value")], "error: the server has no evaluator 'value'"),
    ([switch(step(), inputParameters={})], "tasks[0].expression: warning: inputParameters do not name 'x'"),
    ([switch(step(), defaultCase=None)], "tasks[0].defaultCase: error: it must be a list, not null"),
    ([loop()], "tasks[0].loopOver: error: DO_WHILE tasks need it"),
    ([loop(step(kind="HTTP"))], "tasks[0].loopOver[0].inputParameters.http_request: error: HTTP tasks need it"),
    ([loop(step(), condition="$.b.x == 1")], "warning: $.b has no value: it is no task in this loop"),
    ([step("b"), loop(step(), condition="$.b.x == 1")], "warning: b is no task in this loop, so $.b has no value"),
    ([loop(step(), condition="${a.output.x} < 2")], "tasks[0].loopCondition: error: the server fills in no ${…} here"),
    ([loop({**step(), "name": ""})], "tasks[0].loopOver[0].name: warning: it is empty"),
    ([loop(step(kind="DECISION"))], "tasks[0].loopOver[0].decisionCases: warning: DECISION tasks need it"),
    ([reads("${workflow.input[0}")], "error: ${workflow.input[0} is no path"),
    ([fork([step()]), step("b")], "tasks[0]: error: no JOIN follows this FORK_JOIN"),
    ([loop(fork([step()])), join("a")], "tasks[0].loopOver[0]: error: no JOIN follows this FORK_JOIN"),
    ([fork([]), join()], "tasks[0].forkTasks[0]: error: a branch needs a task"),
    ([fork([step()]), join("b")], f"tasks[1].joinOn[0]: error: {NO_NAME} 'b': the JOIN waits for ever"),
    ([join("a"), step()], f"error: a {JOIN_FIRST}"),
    ([join("j")], "error: the JOIN waits for itself"),
    ([step(), loop(join("a"))], "error: a is outside of the DO_WHILE around this JOIN"),
    ([step(), join("a")], "warning: a is in no FORK_JOIN before this JOIN"),
    ([step(kind="FORK_JOIN_DYNAMIC"), join()], "dynamicForkTasksParam: error: FORK_JOIN_DYNAMIC"),
    ([step(kind="DYNAMIC", dynamicTaskNameParam="t")], "Param: warning: inputParameters do not name 't'"),
    ([end("${workflow.input.x}")], "terminationStatus: error: it must be one of COMPLETED, FAILED, TERMINATED"),
    ([step(kind="WAIT", inputParameters={"duration": 5})], "error: '5' is no duration: write it as"),
    ([step(kind="WAIT", inputParameters={"duration": "5s", "until": "x"})], "error: it cannot stand beside duration"),
    ([step(kind="DECISION")], "caseValueParam: error: DECISION tasks need it, or caseExpression"),
    ([sub()], "tasks[0].subWorkflowParam.name: error: SUB_WORKFLOW tasks need it"),
    ([sub(workflowDefinition="refund")], "workflowDefinition: error: it must be an object, or one expression"),
    ([step(kind="WAIT", inputParameters=None)], "tasks[0].inputParameters: error: it must be an object, not null"),
    ([sub(name="refund")], "warning: no workflow 'refund' is among these definitions"),
    ([sub(name="order", version=2)], "warning: no version 2 of workflow 'order' is among these definitions"),
    ([inline("$.x > 1", y=2)], "expression: warning: the script reads $.x, and inputParameters do not name it"),
    ([inline("$.x", "javscript", x=1)], "evaluatorType: error: the server has no evaluator 'javscript'"),
    ([http({"method": "GET"})], "tasks[0].inputParameters.http_request.uri: error: HTTP tasks need it"),
    ([http({"uri": "http://x"})], "tasks[0].inputParameters.http_request.method: error: HTTP tasks need it"),
    ([step(kind="HTTP", inputParameters={"uri": "http://x"})], "inputParameters.method: error: HTTP tasks need it"),
    ([inline("$.x +", x=1)], "inputParameters.expression: error: the script is no JavaScript: SyntaxError"),
    ([step("l", "LAMBDA", inputParameters={"scriptExpression": "return $.x +", "x": 1})], "error: the script is no Ja"),
    ([switch(step(), evaluatorType="javascript", expression="${workflow.input.x}")], "error: the server fills in no"),
    ([switch(step(), evaluatorType="graaljs", expression="$.x ==")], "expression: error: the script is no JavaScript"),
    ([loop(step(), condition="$.l['iteration'] <")], "loopCondition: error: the script is no JavaScript: SyntaxError"),
    ([step(startDelay=-1)], "tasks[0].startDelay: error: it must be 0 or more"),
    ([], "tasks: error: there is no task in it"),
]  # fmt: skip


@pytest.mark.parametrize(("tasks", "fault"), FAULTS)
def test_a_fault_is_told_with_its_place(faults_of, tasks, fault):
    assert any(fault in line for line in faults_of(workflow(*tasks)))


def test_inputs_of_the_workflow_must_be_declared_if_any_is(faults_of):
    used = reads("${workflow.input.order_id} ${workflow.input.extra.y} ${workflow.input.z}")
    assert faults_of(workflow(used)) == []
    (fault,) = faults_of(workflow(used, inputParameters=["orderId", "extra"], inputTemplate={"z": 1}))
    assert fault == (
        "tasks[0].inputParameters.x: warning: inputParameters of the workflow do not name 'order_id'; the nearest is"
        " 'orderId'"
    )


def test_inline_sub_workflows_are_checked_and_their_steps_are_their_own(faults_of):
    inner = {"name": "inner", "tasks": [reads("${a.output} ${foo.output}", "a"), step("b", "SWITCH")]}
    lines = faults_of(workflow(step("a"), sub(name="inner", workflowDefinition=inner)))
    path = "tasks[1].subWorkflowParam.workflowDefinition.tasks"
    assert f"{path}[0].inputParameters.x: warning: a is this task itself, which has no output yet" in lines
    assert f"{path}[0].inputParameters.x: warning: {NO_NAME} 'foo': its value is null" in lines
    assert f"{path}[1].evaluatorType: error: SWITCH tasks need it" in lines


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"timeoutSeconds": 120}, "it must not exceed timeoutSeconds: 3600 s, the default, and 120 s"),
        (
            {"timeoutSeconds": 9, "responseTimeoutSeconds": 9, "totalTimeoutSeconds": 8},
            "timeoutSeconds: error: it must not exceed totalTimeoutSeconds: 9 s, and 8 s",
        ),
        ({"retryCount": -1}, "retryCount: error: it must be 0 or more"),
        ({"responseTimeoutSeconds": 0}, "responseTimeoutSeconds: error: it must be 1 or more"),
        ({"name": ""}, "name: error: it is empty"),
        ({"retry_count": 1}, "retry_count: error: unknown key; the nearest known one is retryCount"),
    ],
)
def test_a_task_definition_that_a_server_refuses_is_an_error(faults_of, members, fault):
    (line,) = faults_of({"name": "pay", **members})
    assert fault in line
    assert faults_of({"name": "pay", "timeoutSeconds": 9, "responseTimeoutSeconds": 9}) == []


def test_scripts_are_not_checked_without_an_engine(faults_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "quickjs", None)
    assert faults_of(workflow(inline("$.x +", x=1))) == []


def charge(amount: int, note: str = "") -> None: ...


def test_a_step_may_pass_the_trace_on_to_a_worker_that_has_no_such_parameter(faults_of):
    inputs = {"amount": "${workflow.input.x}", "_trace": "${workflow.input._trace}"}
    assert faults_of(workflow(step("charge", inputParameters=inputs)), workers=[Worker("charge", charge)]) == []


def test_tasks_need_a_worker_that_takes_their_inputs_if_workers_are_given(faults_of):
    tasks = [
        step("charge", inputParameters={"amount": "${workflow.input.x}"}),
        {**step("b", inputParameters={"amount": "many"}), "name": "charge"},
        {**step("c"), "name": "charge"},
        step("refund"),
        step("e", "NOOP"),
    ]
    assert faults_of(workflow(*tasks)) == []
    found = faults_of(workflow(*tasks), workers=[Worker("charge", charge)])
    assert found == [
        "tasks[1].inputParameters: error: the worker of 'charge': $.amount: expected int, got str",
        "tasks[2].inputParameters: error: the worker of 'charge': it needs the input 'amount'",
        "tasks[3]: warning: no worker of these modules takes the task 'refund'",
    ]
    either = [Worker("charge", charge), Worker("charge", lambda task: None, domain="eu")]
    assert len(faults_of(workflow(*tasks), workers=either)) == 1
    template = {"name": "charge", "inputTemplate": {"amount": 1}}
    assert len(faults_of(workflow(*tasks), template, workers=[Worker("charge", charge)])) == 2


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("$.a + $['b'] + $[\"c d\"] + $?.e", ["a", "b", "c d", "e"]),
        ("$.a.b.c > $.a.d", ["a"]),
        ("function f() { return $.a / 2 / $.b } f()", ["a", "b"]),
        ("// $.a\n/* $.b ' */ '$.c' + \"it's $.d\" + `$.e` + $.f", ["f"]),
        ("return /['\"$.a]/.test($.b)", ["b"]),
        ("x = /[/]$.a'/; $.b", ["b"]),
        ("if ($.a) /'/.test($.b)", []),  # a pattern or two divisions: not known
        ("if ($.a) /$.b/.test($.c)", []),
        ("($.a + 1) / 2", ["a"]),
        ("$.a = 1; $.a + $.b; $.c += 1; $.d++", ["b"]),
        ("$.a == 1 && $.b === 2 && $.c => 1", ["a", "b", "c"]),
        ("$.hasOwnProperty('a') ? $.a : $.b", ["b"]),
        ("'a' in $ ? 1 : 2", []),
        ("typeof $.a == 'undefined' ? 1 : $.a", []),
        ("$.keySet() + $.toString", []),
        ("var $ = {}; $.a", []),
        ("(function($) { return $.a })({})", []),
        ("[1].map($ => $.a)", []),
        ("with ($) { a }", []),
        ("Object.assign($, {a: 1}); $.a", []),
        ("x.$.a + $x.b", []),
        ("$.a + 'not closed", []),
        ("$[name] = 1; $.a", []),
        ("", []),
    ],
)  # fmt: skip
def test_a_script_reads_the_inputs_that_are_certain(script, names):
    assert names_read(script) == names


@pytest.mark.parametrize(
    ("script", "found"), [("${a.b} < 2", True), ("'${a.b}' == $.x // ${c}", False), ("`${$.x}`", False), ("'", False)]
)
def test_a_placeholder_counts_in_code_alone(script, found):
    assert has_placeholder(script) is found
