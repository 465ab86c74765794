"""What has to change in the server's document before a client can be generated from it, one rule a function, in order.

Each rule changes the document in place; ``apply.py`` fails the run when one changed nothing, so that a newer server's
document cannot slip past a rule unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Document = dict[str, Any]
Schema = dict[str, Any]

# springdoc numbers its operationIds by discovery order, so a module's name would change from server to server: ours.
OPERATIONS = {
    "GET /api/metadata/taskdefs": "getTaskDefs",
    "POST /api/metadata/taskdefs": "registerTaskDefs",
    "PUT /api/metadata/taskdefs": "updateTaskDef",
    "GET /api/metadata/taskdefs/{tasktype}": "getTaskDef",
    "DELETE /api/metadata/taskdefs/{tasktype}": "deleteTaskDef",
    "GET /api/metadata/workflow": "getWorkflowDefs",
    "POST /api/metadata/workflow": "registerWorkflowDef",
    "PUT /api/metadata/workflow": "updateWorkflowDefs",
    "GET /api/metadata/workflow/latest-versions": "getLatestWorkflowDefs",
    "GET /api/metadata/workflow/{name}": "getWorkflowDef",
    "DELETE /api/metadata/workflow/{name}/{version}": "deleteWorkflowDef",
    "POST /api/tasks": "updateTask",
    "POST /api/tasks/update-v2": "updateTaskV2",
    "GET /api/tasks/poll/{tasktype}": "pollTask",
    "GET /api/tasks/poll/batch/{tasktype}": "batchPollTasks",
    "GET /api/tasks/{taskId}": "getTask",
    "GET /api/tasks/{taskId}/log": "getTaskLogs",
    "POST /api/tasks/{taskId}/log": "addTaskLog",
    "POST /api/tasks/{workflowId}/{taskRefName}/{status}": "updateTaskByRefName",
    "POST /api/tasks/{workflowId}/{taskRefName}/{status}/sync": "updateTaskByRefNameSync",
    "POST /api/tasks/{workflowId}/{status}/signal": "signalWorkflowTask",
    "POST /api/tasks/{workflowId}/{status}/signal/sync": "signalWorkflowTaskSync",
    "GET /api/tasks/queue/all": "getQueueSizes",
    "GET /api/tasks/queue/all/verbose": "getQueueDetails",
    "GET /api/tasks/queue/size": "getQueueSize",
    "GET /api/tasks/queue/sizes": "getQueueSizesOfTaskTypes",
    "GET /api/tasks/queue/polldata": "getPollData",
    "GET /api/tasks/queue/polldata/all": "getAllPollData",
    "POST /api/tasks/queue/requeue/{taskType}": "requeuePendingTasks",
    "GET /api/tasks/search": "searchTasks",
    "GET /api/tasks/search-v2": "searchTasksV2",
    "GET /api/tasks/external-storage-location": "getTaskExternalStorageLocation",
    "POST /api/workflow": "startWorkflow",
    "POST /api/workflow/execute/{name}/{version}": "executeWorkflow",
    "GET /api/workflow/search": "searchWorkflows",
    "POST /api/workflow/{name}/correlated": "getWorkflowsByCorrelationIds",
    "GET /api/workflow/{workflowId}": "getWorkflow",
    "DELETE /api/workflow/{workflowId}": "terminateWorkflow",
    "GET /api/workflow/{workflowId}/status": "getWorkflowStatus",
    "PUT /api/workflow/decide/{workflowId}": "decideWorkflow",
    "PUT /api/workflow/{workflowId}/pause": "pauseWorkflow",
    "PUT /api/workflow/{workflowId}/resume": "resumeWorkflow",
    "POST /api/workflow/{workflowId}/restart": "restartWorkflow",
    "POST /api/workflow/{workflowId}/retry": "retryWorkflow",
    "POST /api/workflow/{workflowId}/rerun": "rerunWorkflow",
    "PUT /api/workflow/{workflowId}/skiptask/{taskReferenceName}": "skipTask",
    "DELETE /api/workflow/{workflowId}/remove": "removeWorkflow",
}

# Enums that stand inline at each use, under the one name they share.
ENUMS = {
    "TaskStatus": ["Task.status", "TaskSummary.status"],
    "TaskResultStatus": ["TaskResult.status"],
    "WorkflowStatus": ["Workflow.status", "WorkflowSummary.status", "WorkflowStatusSummary.status"],
    "WorkflowTaskType": ["WorkflowTask.workflowTaskType"],
    "IdempotencyStrategy": ["StartWorkflowRequest.idempotencyStrategy", "SubWorkflowParams.idempotencyStrategy"],
}
PARAMETER_ENUMS = {"status": "TaskResultStatus", "returnStrategy": "WorkflowReturnStrategy"}

# Maps that stand inline at each use: the schema of their values under the name they share.
MAPS: dict[str, Schema] = {
    "JsonMap": {},
    "StringMap": {"type": "string"},
    "IntMap": {"type": "integer", "format": "int64"},
}

# What a caller or the server must give. The document asks for less in some places and, in answers, for more than older
# servers send; a member that decoding needs but a server leaves out would cost a worker its task.
REQUIRED = {
    "Task": ["taskId", "workflowInstanceId"],
    "TaskResult": ["taskId", "workflowInstanceId", "status"],
    "TaskDef": ["name"],
    "WorkflowDef": ["name", "tasks"],
    "WorkflowTask": ["name", "taskReferenceName"],
    "StartWorkflowRequest": ["name"],
}

# What a poll brings, in the order in which a server writes it (3.32.3): it is read a quarter faster than in another.
SENT = {
    "Task": """taskType status inputData referenceTaskName retryCount seq pollCount taskDefName scheduledTime startTime
        endTime updateTime startDelayInSeconds retried executed callbackFromWorker responseTimeoutSeconds
        workflowInstanceId workflowType taskId callbackAfterSeconds workerId outputData workflowTask
        rateLimitPerFrequency rateLimitFrequencyInSeconds workflowPriority iteration subworkflowChanged firstStartTime
        executionMetadata taskDefinition loopOverTask queueWaitTime""",
    "TaskDef": """createTime updateTime createdBy name retryCount timeoutSeconds inputKeys outputKeys runtimeMetadata
        timeoutPolicy retryLogic retryDelaySeconds responseTimeoutSeconds inputTemplate rateLimitPerFrequency
        rateLimitFrequencyInSeconds ownerEmail backoffScaleFactor maxRetryDelaySeconds backoffJitterMs
        totalTimeoutSeconds taskStatusListenerEnabled enforceSchema""",
    "WorkflowTask": """name taskReferenceName inputParameters type decisionCases defaultCase forkTasks startDelay joinOn
        optional taskDefinition defaultExclusiveJoinTask asyncComplete loopOver onStateChange permissive metadata""",
}


def keep_operations(document: Document) -> None:
    """Only what a worker, its manager or its tests need, under our operationIds; without /api, which base URLs have."""
    kept: dict[str, Any] = {}
    for key, operation_id in OPERATIONS.items():
        method, path = key.split()
        operation = document["paths"][path][method.lower()]
        operation["operationId"] = operation_id
        kept.setdefault(path.removeprefix("/api"), {})[method.lower()] = operation
    document["paths"] = kept


def add_token_endpoint(document: Document) -> None:
    """Orkes' token endpoint, which the open-source server does not have (conductor-oss/javascript-sdk's document)."""
    string: Schema = {"type": "string"}
    document["components"]["schemas"]["GenerateTokenRequest"] = {
        "type": "object",
        "required": ["keyId", "keySecret"],
        "properties": {"keyId": string, "keySecret": string, "expiration": {"type": "integer", "format": "int64"}},
    }
    document["components"]["schemas"]["GenerateTokenResponse"] = {
        "type": "object",
        "required": ["token"],
        "properties": {"token": string, "userId": string},
    }
    document["paths"]["/token"] = {
        "post": {
            "tags": ["token-resource"],
            "operationId": "generateToken",
            "summary": "Exchange an access key for a token",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _ref("GenerateTokenRequest")}},
            },
            "responses": {"200": {"description": "OK", "content": {"*/*": {"schema": _ref("GenerateTokenResponse")}}}},
        }
    }


def add_version_endpoint(document: Document) -> None:
    """The server's version as a text, which its document leaves out (run on 3.32.3)."""
    string: Schema = {"type": "string"}
    document["paths"]["/version"] = {
        "get": {
            "tags": ["version-resource"],
            "operationId": "getVersion",
            "summary": "Get the version of the server",
            "responses": {"200": {"description": "OK", "content": {"text/plain": {"schema": string}}}},
        }
    }


def answer_in_json(document: Document) -> None:
    """``*/*`` is JSON; the generator would leave such an answer out."""
    for operation in _operations(document):
        for response in operation["responses"].values():
            content = response.get("content", {})
            if "*/*" in content:
                content["application/json"] = content.pop("*/*")


def declare_empty_answers(document: Document) -> None:
    """204 where there is nothing to give (run on 3.32.3: poll, update-v2, logs)."""
    for path, method in (
        ("/tasks/poll/{tasktype}", "get"),
        ("/tasks/poll/batch/{tasktype}", "get"),
        ("/tasks/update-v2", "post"),
        ("/tasks/{taskId}/log", "get"),
    ):
        document["paths"][path][method]["responses"]["204"] = {"description": "No Content"}


def leave_delivered_tasks_raw(document: Document) -> None:
    """Each delivered task is decoded on its own, so that a bad one does not cost the others of its batch."""
    for path, method, schema in (
        ("/tasks/poll/{tasktype}", "get", {}),
        ("/tasks/poll/batch/{tasktype}", "get", {"type": "array", "items": {}}),
        ("/tasks/update-v2", "post", {}),
    ):
        document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"] = schema


def drop_object_from_query(document: Document) -> None:
    """SkipTask's request is declared as an object in the query, which has no agreed form on the wire."""
    operation = document["paths"]["/workflow/{workflowId}/skiptask/{taskReferenceName}"]["put"]
    operation["parameters"] = [each for each in operation["parameters"] if each["in"] == "path"]


def drop_computed_members(document: Document) -> None:
    """Getters that the server computes and springdoc took for members."""
    schemas = document["components"]["schemas"]
    del schemas["TaskResult"]["properties"]["orCreateExecutionMetadata"]
    for name in ("empty", "executionDuration", "additionalContextMap"):
        del schemas["ExecutionMetadata"]["properties"][name]


def name_maps(document: Document) -> None:
    """See MAPS. A bare object is any value."""
    for schema in _schemas(document):
        if schema.get("type") == "object" and "properties" not in schema:
            values = schema.pop("additionalProperties", None)
            if values is None:
                del schema["type"]
            elif values in MAPS.values():
                name = next(name for name in MAPS if MAPS[name] == values)
                document["components"]["schemas"][name] = {"type": "object", "additionalProperties": values}
                schema.clear()
                schema.update(_ref(name))
            else:
                schema["additionalProperties"] = values


def name_answers(document: Document) -> None:
    """Names for the maps that are answers of one operation each; the generator's own run to seventy letters."""
    schemas = document["components"]["schemas"]
    for name, path, method in (
        ("QueueDetails", "/tasks/queue/all/verbose", "get"),
        ("QueueSizes", "/tasks/queue/sizes", "get"),
        ("CorrelatedWorkflows", "/workflow/{name}/correlated", "post"),
    ):
        answer = document["paths"][path][method]["responses"]["200"]["content"]["application/json"]
        schemas[name], answer["schema"] = answer["schema"], _ref(name)
    queues = schemas["QueueDetails"]
    schemas["QueueShards"], queues["additionalProperties"] = queues["additionalProperties"], _ref("QueueShards")


def name_enums(document: Document) -> None:
    """One class for an enum that is used in several places; the schema WorkflowStatus makes room for the enum."""
    schemas = document["components"]["schemas"]
    schemas["WorkflowStatusSummary"] = schemas.pop("WorkflowStatus")
    for schema in _schemas(document):
        if schema.get("$ref") == "#/components/schemas/WorkflowStatus":
            schema["$ref"] = "#/components/schemas/WorkflowStatusSummary"
    for name, places in ENUMS.items():
        for place in places:
            owner, member = place.split(".")
            schemas[name] = schemas[owner]["properties"][member]
            schemas[owner]["properties"][member] = _ref(name)
    for operation in _operations(document):
        for parameter in operation.get("parameters", []):
            if "enum" in parameter["schema"]:
                name = PARAMETER_ENUMS[parameter["name"]]
                parameter["schema"].pop("default", None)  # the server's business
                schemas.setdefault(name, parameter["schema"])
                parameter["schema"] = _ref(name)


def require_little(document: Document) -> None:
    """See REQUIRED."""
    for name, schema in document["components"]["schemas"].items():
        if name.startswith("GenerateToken"):
            continue
        schema.pop("required", None)
        if required := REQUIRED.get(name):
            schema["required"] = required


def order_members(document: Document) -> None:
    """See SENT; before that, members that callers may give by position. The document's own order is the alphabet's."""
    first = REQUIRED | {"TaskExecLog": ["log", "taskId"]}
    for name in first | SENT:
        properties = document["components"]["schemas"][name]["properties"]
        members = dict.fromkeys([*first.get(name, []), *SENT.get(name, "").split()])
        document["components"]["schemas"][name]["properties"] = {
            **{member: properties.pop(member) for member in members},
            **properties,
        }


def close_what_is_no_definition(document: Document) -> None:
    """Definitions are read, changed and sent again: they keep the members of newer servers; other models need none."""
    schemas = document["components"]["schemas"]
    definitions: set[str] = set()
    todo = {"TaskDef", "WorkflowDef"}
    while todo:
        name = todo.pop()
        definitions.add(name)
        todo |= references(schemas[name]) - definitions
    for name, schema in schemas.items():
        if "properties" in schema and name not in definitions:
            schema["additionalProperties"] = False


def give_tasks_zeros(document: Document) -> None:
    """A server always sends a task's numbers, flags and names; a default spares every worker the question for None."""
    properties = document["components"]["schemas"]["Task"]["properties"]
    for schema in properties.values():
        if schema.get("type") in ("integer", "boolean"):
            schema["default"] = 0 if schema["type"] == "integer" else False
    for name in ("taskType", "taskDefName", "referenceTaskName", "workflowType"):
        properties[name]["default"] = ""


RULES: list[Callable[[Document], None]] = [
    keep_operations,
    add_token_endpoint,
    add_version_endpoint,
    answer_in_json,
    declare_empty_answers,
    leave_delivered_tasks_raw,
    drop_object_from_query,
    drop_computed_members,
    name_maps,
    name_answers,
    name_enums,
    require_little,
    order_members,
    close_what_is_no_definition,
    give_tasks_zeros,
]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def references(value: Any) -> set[str]:
    """The names of the schemas that stand in a part of the document."""
    if isinstance(value, dict):
        own = {value["$ref"].rsplit("/", 1)[1]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    return set()


def _operations(document: Document) -> Iterator[dict[str, Any]]:
    for path_item in document["paths"].values():
        yield from path_item.values()


def _schemas(value: Any) -> Iterator[Schema]:
    """Every object in the document, parents after their children, so that a child may be replaced."""
    if isinstance(value, dict):
        for child in list(value.values()):
            yield from _schemas(child)
        yield value
    elif isinstance(value, list):
        for child in value:
            yield from _schemas(child)
