"""The parameters of queries, each with two values that have different effects in ``support.observed.World``."""

from support.observed import MISSING, step, workflow_def


def _row(operation, parameter, path, one, two, rest=None, body=None):
    """An operation and its parameter, and two requests: method, path, query and body."""
    method = operation.partition(" ")[0]
    queries = [dict(rest or {}) | ({} if value is MISSING else {parameter: value}) for value in (one, two)]
    return (operation, parameter), [(f"{method} {path}", query, body) for query in queries]


def _rows():
    yield from _searches()
    yield from _external_storage()
    yield from _bulk()
    yield from _correlated()
    get = "GET /api/"
    yield _row(f"{get}admin/task/{{tasktype}}", "start", "/admin/task/a", 0, 1)
    yield _row(f"{get}admin/task/{{tasktype}}", "count", "/admin/task/a", 0, 1)
    yield _row(f"{get}admin/queues", "verbose", "/admin/queues", "false", "true")
    yield _row(f"{get}event/{{event}}", "activeOnly", "/event/conductor:e", "true", "false")
    yield _row(f"{get}metadata/workflow", "classifier", "/metadata/workflow", "workflow", "special")
    yield _row(f"{get}metadata/workflow/{{name}}", "version", "/metadata/workflow/flow", 1, 2)
    flow = workflow_def("flow", 1, step("a"), step("b"))
    yield _row("POST /api/metadata/workflow", "overwrite", "/metadata/workflow", "false", "true", None, flow)
    batch = f"{get}tasks/poll/batch/{{tasktype}}"
    yield _row(batch, "workerid", "/tasks/poll/batch/a", MISSING, "w")
    yield _row(batch, "domain", "/tasks/poll/batch/a", MISSING, "d", {"timeout": 0})
    yield _row(batch, "count", "/tasks/poll/batch/a", 1, 2)
    yield _row(batch, "timeout", "/tasks/poll/batch/a", 0, 5001)  # five seconds at most
    yield _row(f"{get}tasks/poll/{{tasktype}}", "workerid", "/tasks/poll/a", MISSING, "w")
    yield _row(f"{get}tasks/poll/{{tasktype}}", "domain", "/tasks/poll/a", MISSING, "d")
    yield _row(f"{get}tasks/queue/polldata", "taskType", "/tasks/queue/polldata", "a", "b")
    size = f"{get}tasks/queue/size"
    yield _row(size, "taskType", "/tasks/queue/size", "a", "b")
    for parameter in ("domain", "isolationGroupId", "executionNamespace"):
        yield _row(size, parameter, "/tasks/queue/size", MISSING, "x", {"taskType": "a"})
    yield _row(f"{get}tasks/queue/sizes", "taskType", "/tasks/queue/sizes", "a", "b")
    running = f"{get}workflow/running/{{name}}"
    yield _row(running, "version", "/workflow/running/flow", 1, 7, {"startTime": 1, "endTime": 10**15})
    yield _row(running, "startTime", "/workflow/running/flow", 1, 10**14, {"endTime": 10**15})
    yield _row(running, "endTime", "/workflow/running/flow", 2, 10**15, {"startTime": 1})
    yield from _starts()
    workflow = f"{get}workflow/{{workflowId}}"
    yield _row(workflow, "includeTasks", "/workflow/{running}", "true", "false")
    yield _row(f"{workflow}/status", "includeOutput", "/workflow/{done}/status", "true", "false")
    yield _row(f"{workflow}/status", "includeVariables", "/workflow/{done}/status", "true", "false")
    yield _row(f"{workflow}/tasks", "start", "/workflow/{done}/tasks", 0, 1)
    yield _row(f"{workflow}/tasks", "count", "/workflow/{done}/tasks", 0, 1)
    yield _row(f"{workflow}/tasks", "status", "/workflow/{done}/tasks", "FAILED", "COMPLETED")
    yield from _ends()
    by_ref = "POST /api/tasks/{workflowId}/{taskRefName}/{status}"
    for operation, path in ((by_ref, ""), (f"{by_ref}/sync", "/sync")):
        yield _row(operation, "workerid", f"/tasks/{{running}}/a/COMPLETED{path}", MISSING, "w", None, {})
    signal = "POST /api/tasks/{workflowId}/{status}/signal/sync"
    path = "/tasks/{waits}/COMPLETED/signal/sync"
    yield _row(signal, "returnStrategy", path, MISSING, "BLOCKING_WORKFLOW", None, {})
    path = "/tasks/{bounded}/COMPLETED/signal/sync"  # it does not come to rest after the signal
    yield _row(signal, "timeoutMillis", path, 0, "long", None, {})


def _searches():
    for operation, some in (
        ("GET /api/tasks/search", "status=SCHEDULED"),
        ("GET /api/tasks/search-v2", "status=SCHEDULED"),
        ("GET /api/workflow/search", "status=RUNNING"),
        ("GET /api/workflow/search-v2", "status=RUNNING"),
        ("GET /api/workflow/search-by-tasks", "status=COMPLETED"),
        ("GET /api/workflow/search-by-tasks-v2", "status=COMPLETED"),
    ):
        path = operation.partition(" /api")[2]
        yield _row(operation, "start", path, 0, 1)
        yield _row(operation, "size", path, 1, 100)
        yield _row(operation, "sort", path, "status:ASC", "status:DESC")
        yield _row(operation, "freeText", path, "*", "nowhere")
        yield _row(operation, "query", path, MISSING, some)
        if operation.endswith(("workflow/search", "workflow/search-v2")):
            yield _row(operation, "classifier", path, MISSING, "special")
            yield _row(operation, "topLevelOnly", path, "false", "true")


def _external_storage():
    good = {"path": "p", "operation": "READ", "payloadType": "TASK_INPUT"}
    for base in ("tasks", "workflow"):
        for name in ("external-storage-location", "externalstoragelocation"):
            operation, path = f"GET /api/{base}/{name}", f"/{base}/{name}"
            yield _row(operation, "path", path, "p", "q", good)
            yield _row(operation, "operation", path, "READ", "PEEK", good)
            yield _row(operation, "payloadType", path, "TASK_INPUT", "SECRET", good)


def _bulk():
    operation = "POST /api/workflow/bulk/restart"
    yield _row(operation, "useLatestDefinitions", "/workflow/bulk/restart", "false", "true", None, ["{old}"])
    operation = "POST /api/workflow/bulk/terminate"
    yield _row(operation, "reason", "/workflow/bulk/terminate", MISSING, "enough", None, ["{running}"])
    operation = "DELETE /api/workflow/bulk/remove"
    yield _row(operation, "archiveWorkflow", "/workflow/bulk/remove", "true", "false", None, ["{running}"])
    operation, path = "DELETE /api/workflow/bulk/terminate-remove", "/workflow/bulk/terminate-remove"
    yield _row(operation, "reason", path, MISSING, "enough", None, ["{child}"])


def _correlated():
    for operation, path, body in (
        ("POST /api/workflow/{name}/correlated", "/workflow/flow/correlated", ["c", "d"]),
        ("GET /api/workflow/{name}/correlated/{correlationId}", "/workflow/flow/correlated/c", None),
    ):
        yield _row(operation, "includeClosed", path, "false", "true", None, body)
        yield _row(operation, "includeTasks", path, "false", "true", None, body)


def _starts():
    by_name = "POST /api/workflow/{name}"
    yield _row(by_name, "version", "/workflow/flow", 1, 2, None, {})
    yield _row(by_name, "correlationId", "/workflow/flow", MISSING, "c", None, {})
    yield _row(by_name, "priority", "/workflow/flow", 0, 5, None, {})
    execute, path, body = "POST /api/workflow/execute/{name}/{version}", "/workflow/execute/", {"name": "x"}
    at_once = {"waitUntilTaskRef": "n"}
    yield _row(execute, "requestId", f"{path}noop/1", "mine", "yours", at_once, body)
    yield _row(execute, "waitUntilTaskRef", f"{path}noop/1", MISSING, "n", {"waitForSeconds": 1}, body)
    yield _row(execute, "waitForSeconds", f"{path}noop/1", 1, "long", None, body)
    yield _row(execute, "returnStrategy", f"{path}waits/1", MISSING, "BLOCKING_TASK", None, body)


def _ends():
    one = "/api/workflow/{workflowId}"
    yield _row(f"DELETE {one}", "reason", "/workflow/{running}", MISSING, "enough")
    yield _row(f"DELETE {one}/remove", "archiveWorkflow", "/workflow/{running}/remove", "true", "false")
    yield _row(f"DELETE {one}/terminate-remove", "reason", "/workflow/{child}/terminate-remove", "x", "y")
    yield _row(f"POST {one}/restart", "useLatestDefinitions", "/workflow/{old}/restart", "false", "true")
    yield _row(f"POST {one}/retry", "resumeSubworkflowTasks", "/workflow/{failed}/retry", "false", "true")
    skip = f"PUT {one}/skiptask/{{taskReferenceName}}"
    yield (
        (skip, "arg2"),
        [("PUT /workflow/{other}/skiptask/b", query, None) for query in ({}, {"taskInput[n]": 1, "taskOutput[m]": 2})],
    )


EFFECTS = dict(_rows())

IGNORED = {
    ("POST /api/workflow/execute/{name}/{version}", "consistency"): "no server of this edition heeds it",
    (
        "DELETE /api/workflow/bulk/terminate-remove",
        "archiveWorkflow",
    ): "an archive is a search index of removed workflows",
    ("DELETE /api/workflow/{workflowId}/terminate-remove", "archiveWorkflow"): "as above",
}
"""Parameters that no request can show, with the reason."""
