"""What an executor is given is checked before anything is sent."""

import pytest

from conductor import (
    ApiClient,
    ConfigurationError,
    HttpSettings,
    NotFoundError,
    TaskDef,
    TaskExecutor,
    WorkflowExecutor,
)
from support.stub import Answer


@pytest.mark.parametrize("executor", [TaskExecutor, WorkflowExecutor])
@pytest.mark.parametrize("api_client", ["http://host", 0, HttpSettings("http://host"), ApiClient])
def test_an_executor_takes_nothing_but_an_api_client(executor, api_client):
    with pytest.raises(ConfigurationError, match="api_client must be an ApiClient, not "):
        executor(api_client)


STARTS = [
    *(("name", {"name": name}) for name in (None, "", " ", "a\nb")),
    *(("version", {"version": version}) for version in ("1", -1, 1.0, True, 2**31)),
    *(("priority", {"priority": priority}) for priority in (-1, 100, 200, "1", True, None)),
    *(("correlation_id", {"correlation_id": text}) for text in (5, b"c", "\ud800")),
    *(
        ("task_to_domain", {"task_to_domain": domains})
        for domains in ("abc", [("a", "b")], {"a": None}, {"a": ""}, {1: "b"}, {"a": "b\n"})
    ),
]


@pytest.mark.parametrize(("argument", "given"), STARTS)
@pytest.mark.parametrize("method", [WorkflowExecutor.start_workflow, WorkflowExecutor.execute_workflow])
def test_a_workflow_that_cannot_be_started_is_refused_by_the_argument(stub, api_client, method, argument, given):
    with pytest.raises(ConfigurationError, match=f"^{argument} must "):
        method(WorkflowExecutor(api_client), **{"name": "flow", **given})
    assert stub.requests == []


def test_a_workflow_starts_with_whatever_a_server_takes(stub, api_client):
    workflows = WorkflowExecutor(api_client)
    workflows.start_workflow("flow", version=0, priority=99, correlation_id="", task_to_domain={"*": "a,b,NO_DOMAIN"})
    workflows.start_workflow("orders/my flow", version=2**31 - 1, priority=0)
    first, second = (request.json() for request in stub.requests)
    assert (first["version"], first["priority"], first["taskToDomain"]) == (0, 99, {"*": "a,b,NO_DOMAIN"})
    assert (second["name"], second["version"]) == ("orders/my flow", 2**31 - 1)


CALLS = [
    *(
        (argument, lambda api, kind=kind, given={argument: bad}: kind(api).search(**given))
        for kind in (TaskExecutor, WorkflowExecutor)
        for argument, bads in {
            "query": (5, "\ud800"),
            "free_text": (5,),
            "sort": (5,),
            "start": (-1, "0", 2**31),
            "size": (-1, 1.5, True),
        }.items()
        for bad in bads
    ),
    ("task_defs", lambda api: TaskExecutor(api).register_task_defs(TaskDef("a"), {"name": "b"})),
    ("task_defs", lambda api: TaskExecutor(api).register_task_defs([TaskDef("a")])),
    ("task_def", lambda api: TaskExecutor(api).update_task_def("a")),
    ("workflow_defs", lambda api: WorkflowExecutor(api).register_workflow(TaskDef("a"))),
    ("workflow_defs", lambda api: WorkflowExecutor(api).register_workflow(TaskDef("a"), overwrite=False)),
    *(("domain", lambda api, bad=bad: TaskExecutor(api).queue_size("a", bad)) for bad in ("", " ", "a\nb", 5)),
    ("path", lambda api: TaskExecutor(api).external_storage_location(None, "READ", "TASK_INPUT")),
    ("operation", lambda api: TaskExecutor(api).external_storage_location("p", "PEEK", "TASK_INPUT")),
    ("payload_type", lambda api: TaskExecutor(api).external_storage_location("p", "READ", ["TASK_INPUT"])),
    ("task_id", lambda api: WorkflowExecutor(api).rerun("w", task_id=5)),
    ("correlation_id", lambda api: WorkflowExecutor(api).rerun("w", correlation_id=5)),
    ("reason", lambda api: WorkflowExecutor(api).terminate("w", 5)),
]


@pytest.mark.parametrize(("argument", "call"), CALLS)
def test_a_call_that_cannot_work_is_refused_by_the_argument(stub, api_client, argument, call):
    with pytest.raises(ConfigurationError, match=f"^{argument} must "):
        call(api_client)
    assert stub.requests == []


def test_an_update_of_a_task_that_is_not_pending_names_one_status(stub, api_client):
    stub.answers["POST /tasks/w/ref/COMPLETED"].append(Answer(body="", content_type="text/plain"))
    with pytest.raises(NotFoundError) as caught:
        TaskExecutor(api_client).update_task_by_ref_name("ref", "w", "COMPLETED")
    assert str(caught.value).endswith(" answered 404: no task 'ref' is pending in workflow 'w'")
