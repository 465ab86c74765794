"""The members of requests, each with two values that have different effects in ``support.observed.World``."""

from support.observed import MISSING, given, step, workflow_def


def _pair(schema, member, one, two, act):
    """act: takes the world, and the members."""
    return (schema, member), [lambda world, value=value: act(world, given(**{member: value})) for value in (one, two)]


def _started(schema, request):
    def row(member, one, two):
        return _pair(
            schema, member, one, two, lambda world, members: world.request(request, None, {"name": "flow", **members})
        )

    yield row("name", "flow", "child")
    yield row("version", 1, 2)
    yield row("correlationId", MISSING, "c")
    yield row("priority", 0, 5)
    yield row("input", {}, {"n": 1})
    yield row("taskToDomain", MISSING, {"b": "d"})
    yield row("workflowDef", MISSING, workflow_def("own", 7, step("b")))
    yield row("externalInputPayloadStoragePath", MISSING, "nowhere.json")


def _rerun():
    def row(member, one, two, **more):
        path = "POST /workflow/{done}/rerun"
        return _pair(
            *("RerunWorkflowRequest", member, one, two),
            lambda world, members: world.request(path, None, {**more, **members}),
        )

    yield row("correlationId", MISSING, "other")
    yield row("reRunFromTaskId", MISSING, "{last}")
    yield row("taskInput", MISSING, {"x": 1}, reRunFromTaskId="{last}")
    yield row("workflowInput", MISSING, {"x": 1})


def _send(world, members):
    """A result of a polled task."""
    task = world.poll("a")
    ids = {name: task[name] for name in ("taskId", "workflowInstanceId")}
    world.ids.update(ids)
    world.request("POST /tasks", None, {**ids, "status": "COMPLETED", **members})


def _results():
    def row(member, one, two, **more):
        return _pair("TaskResult", member, one, two, lambda world, members: _send(world, {**more, **members}))

    yield row("taskId", "nothing", "{taskId}")
    yield row("workflowInstanceId", "nothing", "{workflowInstanceId}")
    yield row("status", "COMPLETED", "FAILED")
    yield row("outputData", {}, {"x": 1})
    yield row("reasonForIncompletion", MISSING, "out of paper", status="FAILED")
    yield row("callbackAfterSeconds", 0, 60, status="IN_PROGRESS")
    yield row("extendLease", False, True, status="IN_PROGRESS")
    yield row("workerId", MISSING, "w")
    yield row("subWorkflowId", MISSING, "s")
    yield row("logs", [], [{"log": "a line"}])
    yield row("externalOutputPayloadStoragePath", MISSING, "nowhere.json")
    for member, one, two in (("log", "a", "b"), ("createdTime", 1, 2)):
        yield _pair(
            *("TaskExecLog", member, one, two),
            lambda world, members: _send(world, {"logs": [{"log": "a line", "createdTime": 3, **members}]}),
        )


def _mocks():
    def run(world, request):
        world.ask("POST", "/workflow/test", {"name": "flow", "version": 1, **request})

    outputs = [{"a": [{"output": {"x": 1}}]}, {"a": [{"output": {"x": 2}}]}]
    yield _pair("WorkflowTestRequest", "taskRefToMockOutput", *outputs, run)
    children = [{"child": {"name": "child", "taskRefToMockOutput": {"b": [each["a"][0]]}}} for each in outputs]
    yield _pair(
        *("WorkflowTestRequest", "subWorkflowTestRequest", *children),
        lambda world, members: run(world, {"name": "parent", **members}),
    )

    def row(member, one, two):
        return _pair(
            *("TaskMock", member, one, two),
            lambda world, members: run(world, {"taskRefToMockOutput": {"a": [{"output": {}, **members}]}}),
        )

    yield row("output", {}, {"x": 1})
    yield row("status", "COMPLETED", "FAILED")
    yield row("executionTime", 0, 50)
    yield row("queueWaitTime", 0, 50)


def _rows():
    yield from _started("StartWorkflowRequest", "POST /workflow")
    yield from _started("WorkflowTestRequest", "POST /workflow/test")
    yield from _rerun()
    yield from _results()
    yield from _mocks()


EFFECTS = dict(_rows())

_BY_THE_SERVER = "the server does not read it"

IGNORED = {
    **{
        ("StartWorkflowRequest", each): _BY_THE_SERVER
        for each in ("createdBy", "idempotencyKey", "idempotencyStrategy")
    },
    **{
        ("WorkflowTestRequest", each): _BY_THE_SERVER for each in ("createdBy", "idempotencyKey", "idempotencyStrategy")
    },
    ("RerunWorkflowRequest", "reRunFromWorkflowId"): "the id in the path counts",
    ("TaskResult", "executionMetadata"): _BY_THE_SERVER,
    ("TaskResult", "orCreateExecutionMetadata"): "it is no member but a method of Java, named like one",
    ("TaskResult", "supportsCancellation"): "the server reads it and does nothing with it",
    ("TaskExecLog", "taskId"): "the id of the result counts",
}
"""Members that the real server replaces or does not read, with the reason."""
