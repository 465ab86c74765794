"""The members of definitions, each with two values that have different effects in ``support.observed.World``.

Each row registers one of two definitions, starts two workflows, and goes on by some words.
"""

from support.observed import MISSING, given, step, task_def, workflow_def


def _run(world, flow, words="", task=None, request=None):
    world.ask("POST", "/metadata/taskdefs", [task or task_def("a")])
    world.ask("POST", "/metadata/workflow", flow)
    for _ in range(2):
        world.ids["started"] = world.start(**{"name": "tried", **(request or {})})
    world.go_on(words)


def _flow(*steps, **members):
    return workflow_def("tried", 1, *(steps or [step("a")]), **members)


def _row(schema, member, flows, words=""):
    return (schema, member), [lambda world, flow=flow: _run(world, flow, words) for flow in flows]


def _task(member, one, two, words="", **more):
    """A member of a TaskDef."""
    tasks = [task_def("a", **{**more, **given(**{member: value})}) if member != "name" else task_def(value, **more)
             for value in (one, two)]  # fmt: skip
    return ("TaskDef", member), [lambda world, task=task: _run(world, _flow(), words, task) for task in tasks]


def _workflow(member, one, two, words="", request=None, **more):
    """A member of a WorkflowDef."""
    flows = [{**_flow(), **more, **given(**{member: value})} for value in (one, two)]
    return (
        ("WorkflowDef", member),
        [lambda world, flow=flow: _run(world, flow, words, request=request) for flow in flows],
    )


def _step(member, one, two, words="", after=(), schema="WorkflowTask", **more):
    """A member of a WorkflowTask. after: the steps after it."""
    steps = [{**step("a"), **more, **given(**{member: value})} for value in (one, two)]
    return _row(schema, member, [_flow(each, *after) for each in steps], words)


def _task_definitions():
    yield _task("name", "a", "other", "fail", retryCount=2)
    yield _task("retryCount", 0, 1, "fail")
    yield _task("retryDelaySeconds", 0, 60, "fail poll poll", retryCount=1)
    slowly = {"retryCount": 3, "retryDelaySeconds": 10}
    yield _task("retryLogic", "FIXED", "LINEAR_BACKOFF", "fail", **slowly, backoffScaleFactor=3)
    yield _task("backoffScaleFactor", 1, 3, "fail", **slowly, retryLogic="LINEAR_BACKOFF")
    yield _task("maxRetryDelaySeconds", 0, 5, "fail", **slowly)
    yield _task("backoffJitterMs", 0, 10**9, "fail poll poll", retryCount=1, retryDelaySeconds=0)
    yield _task("timeoutSeconds", 0, 5, "poll +6", responseTimeoutSeconds=5, retryCount=1)
    yield _task("timeoutPolicy", "TIME_OUT_WF", "ALERT_ONLY", "poll +6", timeoutSeconds=5, responseTimeoutSeconds=5)
    yield _task("responseTimeoutSeconds", 60, 5, "poll +6")
    yield _task("totalTimeoutSeconds", 0, 5, "poll +6")
    yield _task("pollTimeoutSeconds", MISSING, 5, "+6")
    yield _task("concurrentExecLimit", MISSING, 1, "poll poll")
    yield _task("rateLimitPerFrequency", 0, 1, "poll poll", rateLimitFrequencyInSeconds=60)
    yield _task("rateLimitFrequencyInSeconds", 1, 60, "poll +2 poll", rateLimitPerFrequency=1)
    yield _task("inputTemplate", {}, {"x": 1})


def _workflow_definitions():
    yield _workflow("name", "tried", "other")
    yield _workflow("version", 1, 2, request={"version": 1})
    yield _workflow("tasks", [step("a")], [step("b")])
    yield _workflow("outputParameters", {}, {"o": 1}, "do")
    yield _workflow("failureWorkflow", MISSING, "rescue", "fail")
    yield _workflow("failureWorkflowVersion", 1, 2, "fail", failureWorkflow="rescue")
    yield _workflow("restartable", True, False, "do do restart")
    yield _workflow("schemaVersion", 2, 1)
    yield _workflow("timeoutSeconds", 0, 5, "+6", timeoutPolicy="TIME_OUT_WF")
    yield _workflow("timeoutPolicy", "ALERT_ONLY", "TIME_OUT_WF", "+6", timeoutSeconds=5)
    yield _workflow("variables", {}, {"v": 1})
    yield _workflow("inputTemplate", {}, {"t": 1}, request={"input": {"n": 1}})
    yield _workflow("metadata", {}, {"classifier": "special"})


def _plain_steps():
    yield _step("name", "a", "b")
    yield _step("taskReferenceName", "a", "z")
    yield _step("type", "SIMPLE", "NOOP")
    yield _step("workflowTaskType", MISSING, "NOOP")
    yield _step("inputParameters", {}, {"x": 1})
    yield _step("optional", False, True, "fail")
    yield _step("startDelay", 0, 60, "poll")
    yield _step("retryCount", MISSING, 2, "fail")
    yield _step("taskDefinition", MISSING, task_def("a", retryCount=2), "fail")


def _forks():
    join = [step("j", type="JOIN", joinOn=["b"])]
    fork = {"type": "FORK_JOIN", "name": "f", "taskReferenceName": "f"}
    yield _step("forkTasks", [[step("b")], [step("c")]], [[step("b")], [step("d")]], after=join, **fork)
    branches = [[step("a")], [step("b")]]
    forked = step("f", type="FORK_JOIN", forkTasks=branches)
    joins = [step("j", type="JOIN", joinOn=refs) for refs in (["a"], ["a", "b"])]
    yield _row("WorkflowTask", "joinOn", [_flow(forked, each) for each in joins], "do")
    flows = []
    for permissive in (False, True):
        branches = [[step("a", permissive=permissive)], [step("b")]]
        flows.append(_flow(step("f", type="FORK_JOIN", forkTasks=branches), step("j", type="JOIN", joinOn=["a", "b"])))
    yield _row("WorkflowTask", "permissive", flows, "fail")
    cases = {"1": [step("n", type="NOOP"), step("m", type="NOOP")], "2": [step("never")]}
    switch = step("s", type="SWITCH", evaluatorType="value-param", expression="x", decisionCases=cases)
    switch["inputParameters"] = {"x": "1"}
    joins = [step("j", type="EXCLUSIVE_JOIN", joinOn=["never"], defaultExclusiveJoinTask=[ref]) for ref in ("n", "b")]
    flows = [_flow(switch, each) for each in joins]
    yield _row("WorkflowTask", "defaultExclusiveJoinTask", flows)


def _choices():
    values = {"x": "1", "y": "2"}
    cases = {"1": [step("b")], "2": [step("c", type="NOOP")]}
    switch = {"type": "SWITCH", "inputParameters": values, "decisionCases": cases}
    yield _step("expression", "x", "y", evaluatorType="value-param", **switch)
    yield _step("evaluatorType", "value-param", "nonsense", expression="x", **switch)
    some = {**switch, "evaluatorType": "value-param", "expression": "x"}
    del some["decisionCases"]
    yield _step("decisionCases", cases, {"1": [step("d")]}, **some)
    yield _step("defaultCase", [], [step("d")], decisionCases={"9": [step("c")]}, **some)
    decision = {"type": "DECISION", "inputParameters": values, "decisionCases": cases}
    yield _step("caseValueParam", "x", "y", **decision)
    yield _step("caseExpression", "$.x", "$.y", **decision)


def _dynamic_steps():
    yield _step("dynamicTaskNameParam", "x", "y", type="DYNAMIC", inputParameters={"x": "b", "y": "c"})
    join = [step("j", type="JOIN")]
    fork = {"type": "FORK_JOIN_DYNAMIC", "name": "f", "taskReferenceName": "f"}
    values = {"x": [step("b")], "y": [step("c")], "p": {"b": {"q": 1}}, "r": {"b": {"q": 2}}}
    apart = {**fork, "inputParameters": values}
    yield _step("dynamicForkTasksParam", "x", "y", after=join, dynamicForkTasksInputParamName="p", **apart)
    yield _step("dynamicForkTasksInputParamName", "p", "r", after=join, dynamicForkTasksParam="x", **apart)
    values = {name: [{"taskName": each, "type": "SIMPLE", "referenceName": each}] for name, each in ("xb", "yc")}
    yield _step("dynamicForkJoinTasksParam", "x", "y", after=join, inputParameters=values, **fork)


def _sub_workflows():
    yield _step("subWorkflowParam", {"name": "child"}, {"name": "flow"}, type="SUB_WORKFLOW")
    for member, one, two in (
        ("name", "child", "flow"),
        ("version", 1, 2),
        ("taskToDomain", MISSING, {"b": "d"}),
        ("idempotencyKey", MISSING, "k"),
        ("idempotencyStrategy", MISSING, "FAIL"),
        ("priority", MISSING, 5),
        ("workflowDefinition", MISSING, workflow_def("child", 1, step("a"))),
    ):
        params = [{"name": "child", **given(**{member: value})} for value in (one, two)]
        flows = [_flow(step("a", type="SUB_WORKFLOW", subWorkflowParam=each)) for each in params]
        yield _row("SubWorkflowParams", member, flows)


def _events_and_loops():
    body = [step("b", type="NOOP")]
    loop = {"type": "DO_WHILE", "name": "l", "taskReferenceName": "l"}
    yield _step("loopCondition", "$.l['iteration'] < 2", "$.l['iteration'] < 3", loopOver=body, **loop)
    once = {**loop, "loopCondition": "$.l['iteration'] < 2"}
    yield _step("loopOver", body, [step("c", type="NOOP")], **once)
    yield _step("sink", "conductor", "conductor:q", type="EVENT")
    yield _step("asyncComplete", False, True, type="EVENT", sink="conductor")
    yield _step("items", MISSING, "${workflow.input.list}", loopOver=body, **once)


def _rows():
    yield from _task_definitions()
    yield from _workflow_definitions()
    yield from _plain_steps()
    yield from _forks()
    yield from _choices()
    yield from _dynamic_steps()
    yield from _sub_workflows()
    yield from _events_and_loops()


EFFECTS = dict(_rows())

_NOT_ENFORCED = "the server does not compare values with schemas"
_NO_LISTENER = "listeners are plug-ins, and none is installed"
_NO_CACHE = "the server caches no outputs"
_FOR_READERS = "for readers of the definition alone"

KEPT = {
    **{
        ("TaskDef", each): _FOR_READERS for each in ("description", "ownerEmail", "ownerApp", "inputKeys", "outputKeys")
    },
    **{("TaskDef", each): _NOT_ENFORCED for each in ("inputSchema", "outputSchema", "enforceSchema")},
    ("TaskDef", "baseType"): _FOR_READERS,
    ("TaskDef", "runtimeMetadata"): "it names secrets, and there are none",
    ("TaskDef", "taskStatusListenerEnabled"): _NO_LISTENER,
    ("TaskDef", "isolationGroupId"): "it chooses threads for the server's own tasks",
    ("TaskDef", "executionNameSpace"): "as isolationGroupId",
    **{("WorkflowDef", each): _FOR_READERS for each in ("description", "ownerEmail", "ownerApp", "inputParameters")},
    **{("WorkflowDef", each): _FOR_READERS for each in ("createdBy", "updatedBy")},
    **{("WorkflowDef", each): _NOT_ENFORCED for each in ("inputSchema", "outputSchema", "enforceSchema")},
    ("WorkflowDef", "workflowStatusListenerEnabled"): _NO_LISTENER,
    ("WorkflowDef", "workflowStatusListenerSink"): _NO_LISTENER,
    ("WorkflowDef", "maskedFields"): "the server masks nothing",
    ("WorkflowDef", "cacheConfig"): _NO_CACHE,
    ("WorkflowDef", "rateLimitConfig"): "the server lets any number of workflows run",
    **{("WorkflowTask", each): _FOR_READERS for each in ("description", "metadata")},
    ("WorkflowTask", "cacheConfig"): _NO_CACHE,
    ("WorkflowTask", "onStateChange"): "the server sends no events of tasks",
    ("WorkflowTask", "rateLimited"): "the server does not read it",
    ("WorkflowTask", "joinStatus"): "the server does not read it",
    ("WorkflowTask", "scriptExpression"): "a LAMBDA has its script in its inputParameters",
    ("WorkflowTask", "joinMode"): "it says how soon a JOIN is looked at again, which is at once here",
}
"""Members that are given back as they came and do nothing more, on the real server too, with the reason."""

IGNORED = {
    **{
        ("TaskDef", each): "the server writes it itself"
        for each in ("createTime", "createdBy", "updateTime", "updatedBy")
    },
    (
        "WorkflowDef",
        "createTime",
    ): "kept by PUT, and by POST of a new one replaced, see tests/contract/test_definitions.py",
    ("WorkflowDef", "updateTime"): "kept by POST of a new one, and by PUT replaced",
}
"""Members that the real server replaces or does not read, with the reason."""
