"""What an executor is given is checked before anything is sent."""

import enum
import math
import re
from contextlib import suppress
from pathlib import PurePosixPath
from types import MappingProxyType

import msgspec
import pytest

from conductor import (
    ApiClient,
    ConfigurationError,
    DecodeError,
    HttpSettings,
    IdempotencyStrategy,
    NotFoundError,
    TaskDef,
    TaskDefRetryLogic,
    TaskExecutor,
    TaskRunner,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
)
from support.stub import POLL, Answer
from support.waiting import eventually


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
    *(("idempotency_key", {"idempotency_key": key}) for key in ("", " ", 5, "a\nb")),
    *(
        ("idempotency_strategy", {"idempotency_key": "k", "idempotency_strategy": strategy})
        for strategy in ("", "RETURN", 5, ["FAIL"])
    ),
    ("idempotency_key", {"idempotency_strategy": "FAIL"}),
]


@pytest.mark.parametrize(("argument", "given"), STARTS)
@pytest.mark.parametrize("method", [WorkflowExecutor.start_workflow, WorkflowExecutor.execute_workflow])
def test_a_workflow_that_cannot_be_started_is_refused_by_the_argument(stub, api_client, method, argument, given):
    with pytest.raises(ConfigurationError, match=f"^{argument} must "):
        method(WorkflowExecutor(api_client), **{"name": "flow", **given})
    assert stub.requests == []


@pytest.mark.parametrize("ref", ["", " ", 5, ["a"], "a\n"])
def test_a_workflow_cannot_be_waited_for_until_no_task(stub, api_client, ref):
    with pytest.raises(ConfigurationError, match="^wait_until_task_ref must "):
        WorkflowExecutor(api_client).execute_workflow("flow", wait_until_task_ref=ref)
    assert stub.requests == []


@pytest.mark.parametrize("strategy", [IdempotencyStrategy.RETURN_EXISTING, "RETURN_EXISTING"])
def test_a_workflow_starts_with_an_idempotency_key(stub, api_client, strategy):
    workflows = WorkflowExecutor(api_client)
    workflows.start_workflow("flow", idempotency_key="order-7", idempotency_strategy=strategy)
    with pytest.raises(DecodeError):  # the stub's answer
        workflows.execute_workflow("flow", idempotency_key="order-7", idempotency_strategy=strategy)
    workflows.start_workflow("flow", idempotency_key="order-7")
    started, executed, without = (request.json() for request in stub.requests)
    for sent in (started, executed):
        assert (sent["idempotencyKey"], sent["idempotencyStrategy"]) == ("order-7", "RETURN_EXISTING")
    assert without["idempotencyKey"] == "order-7"
    assert "idempotencyStrategy" not in without


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
    *(
        ("task_defs", lambda api, bad=bad: TaskExecutor(api).register_task_defs(TaskDef("a"), *bad))
        for bad in ([5], [None], [b"a.json"], [WorkflowDef("a", [])], [[TaskDef("a"), 5]], [[[TaskDef("a")]]])
    ),
    ("task_defs", lambda api: TaskExecutor(api).register_task_defs()),
    ("task_defs", lambda api: TaskExecutor(api).register_task_defs([])),
    *(
        ("task_def", lambda api, bad=bad: TaskExecutor(api).update_task_def(bad))
        for bad in (5, None, WorkflowDef("a", []), [TaskDef("a")])
    ),
    *(
        ("workflow_defs", lambda api, bad=bad, to=to: WorkflowExecutor(api).register_workflow(*bad, overwrite=to))
        for bad in ([TaskDef("a")], [5], [])
        for to in (True, False)
    ),
    *(
        ("version", lambda api, bad=bad: WorkflowExecutor(api).get_workflow_def("a", bad))
        for bad in ("1", -1, 1.0, True)
    ),
    *(
        ("version", lambda api, bad=bad: WorkflowExecutor(api).delete_workflow_def("a", bad))
        for bad in ("1", -1, None, True)
    ),
    *(("task_names", lambda api, bad=bad: TaskExecutor(api).queue_sizes("a", bad)) for bad in ("", None, ["a"], "a/b")),
    *(
        ("correlation_ids", lambda api, bad=bad: WorkflowExecutor(api).get_by_correlation_ids("a", *bad))
        for bad in ([], [5], ["a", None], [["a"]], ["\ud800"])
    ),
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


class Name(str, enum.Enum):  # noqa: UP042 - its str() is not its value
    EMAIL = "email"


class Number(enum.IntEnum):
    TWO = 2


PLAIN = [
    (lambda api: TaskExecutor(api).get_task(Name.EMAIL), "GET /tasks/email"),
    (lambda api: TaskExecutor(api).delete_task_def(Name.EMAIL), "DELETE /metadata/taskdefs/email"),
    (
        lambda api: TaskExecutor(api).update_task_by_ref_name(Name.EMAIL, Name.EMAIL, "COMPLETED"),
        "POST /tasks/email/email/COMPLETED",
    ),
    (lambda api: WorkflowExecutor(api).pause(Name.EMAIL), "PUT /workflow/email/pause"),
    (lambda api: WorkflowExecutor(api).skip_task(Name.EMAIL, Name.EMAIL), "PUT /workflow/email/skiptask/email"),
]


@pytest.mark.parametrize(("call", "operation"), PLAIN)
def test_a_name_out_of_an_enum_stands_in_the_path_as_its_value(stub, api_client, call, operation):
    call(api_client)
    assert [request.operation for request in stub.requests] == [operation]


def test_a_query_out_of_an_enum_is_sent_as_its_value(stub, api_client):
    executor = TaskExecutor(api_client)
    for call in (
        lambda: executor.search(Name.EMAIL, free_text=Name.EMAIL, sort=Name.EMAIL, start=Number.TWO),
        lambda: executor.queue_size(Name.EMAIL, Name.EMAIL),
        lambda: executor.external_storage_location(Name.EMAIL, "READ", "TASK_INPUT"),
    ):
        with suppress(DecodeError):  # what the stub answers is none of theirs
            call()
    search, size, location = (request.query for request in stub.requests)
    assert (search["query"], search["freeText"], search["sort"], search["start"]) == ("email", "email", "email", "2")
    assert (size["taskType"], size["domain"], location["path"]) == ("email", "email", "email")


def test_a_workflow_starts_with_values_out_of_enums(stub, api_client):
    WorkflowExecutor(api_client).start_workflow(
        Name.EMAIL,
        version=Number.TWO,
        correlation_id=Name.EMAIL,
        task_to_domain={Name.EMAIL: Name.EMAIL},
        priority=Number.TWO,
    )
    sent = stub.requests[0].json()
    assert (sent["name"], sent["version"], sent["priority"]) == ("email", 2, 2)
    assert (sent["correlationId"], sent["taskToDomain"]) == ("email", {"email": "email"})
    with pytest.raises(DecodeError):
        WorkflowExecutor(api_client).execute_workflow(Name.EMAIL, version=Number.TWO)
    assert stub.requests[1].operation == "POST /workflow/execute/email/2"


def test_a_log_line_out_of_an_enum_is_sent_as_its_value(stub, api_client):
    TaskExecutor(api_client).add_log("t", Name.EMAIL)
    assert stub.requests[0].body == b"email"


def test_a_worker_with_names_out_of_an_enum_polls_and_answers(stub, api_client):
    stub.add_task("email", domain="email")
    lost = []
    with TaskRunner(api_client, worker_id=Name.EMAIL, on_result_lost=lambda *given: lost.append(given)) as runner:
        runner.start_worker(Name.EMAIL, lambda task: 1, domain=Name.EMAIL)
        eventually(stub.results)
        assert runner.get_batch_size_for_all() == {("email", "email"): 1}
    assert [result["workerId"] for result in stub.results()] == ["email"]
    assert lost == []
    assert {request.query["workerid"] for request in stub.of(POLL)} == {"email"}


UNSENDABLE = {
    "object()": (object, "object has no JSON form"),
    "NaN": (lambda: math.nan, "NaN and infinity have no JSON form"),
    "a lone surrogate": (lambda: "\ud800", "text that is not valid Unicode"),
}


@pytest.mark.parametrize("bad", UNSENDABLE)
@pytest.mark.parametrize(
    ("path", "call"),
    [
        (
            "task_defs[1].input_template.x",
            lambda api, bad: TaskExecutor(api).register_task_defs(
                TaskDef("a"), TaskDef("b", input_template={"x": bad})
            ),
        ),
        ("task_def.name", lambda api, bad: TaskExecutor(api).update_task_def(TaskDef(bad))),
        *(
            (
                "workflow_defs[0].tasks[0].input_parameters.x",
                lambda api, bad, overwrite=overwrite: WorkflowExecutor(api).register_workflow(
                    WorkflowDef("w", [WorkflowTask("a", "a", input_parameters={"x": bad})]), overwrite=overwrite
                ),
            )
            for overwrite in (True, False)
        ),
        ("input", lambda api, bad: WorkflowExecutor(api).start_workflow("w", bad)),
        ("input.x", lambda api, bad: WorkflowExecutor(api).execute_workflow("w", {"x": bad})),
        ("task_input", lambda api, bad: WorkflowExecutor(api).rerun("w", task_input=bad)),
        ("workflow_input[0]", lambda api, bad: WorkflowExecutor(api).rerun("w", workflow_input=[bad])),
        ("output", lambda api, bad: TaskExecutor(api).update_task("t", "w", "COMPLETED", bad)),
        ("output.x", lambda api, bad: TaskExecutor(api).update_task_by_ref_name("r", "w", "COMPLETED", {"x": bad})),
        ("output", lambda api, bad: TaskExecutor(api).update_task_by_ref_name_sync("r", "w", "COMPLETED", bad)),
        ("output", lambda api, bad: TaskExecutor(api).signal("w", "COMPLETED", bad)),
    ],
)
def test_what_json_cannot_hold_is_refused_by_argument_and_path(stub, api_client, path, call, bad):
    make, problem = UNSENDABLE[bad]
    with pytest.raises(ConfigurationError, match=f"^{re.escape(f'{path}: {problem}')}$"):
        call(api_client, make())
    assert stub.requests == []


def test_a_definition_that_holds_itself_is_refused(stub, api_client):
    circle = {}
    circle["again"] = circle
    with pytest.raises(ConfigurationError, match=r"^task_defs\[0\].input_template.again: circular$"):
        TaskExecutor(api_client).register_task_defs(TaskDef("a", input_template=circle))


FULL = TaskDef(
    "a",
    retry_count=0,
    retry_logic=TaskDefRetryLogic.FIXED,
    timeout_policy="ALERT_ONLY",
    input_keys=["k"],
    input_template={"none": None, "floats": [1.0, 1e300], "many": 10**30},
    owner_email="",
)


def test_a_definition_goes_out_as_it_is_written_by_itself(stub, api_client):
    TaskExecutor(api_client).register_task_defs(FULL, TaskDef("b"))
    TaskExecutor(api_client).update_task_def(FULL)
    workflow = WorkflowDef("w", [WorkflowTask("a", "a", input_parameters={"x": None})], output_parameters={"y": ""})
    WorkflowExecutor(api_client).register_workflow(workflow, overwrite=False)
    assert [request.body for request in stub.requests] == [
        msgspec.json.encode(sent) for sent in ([FULL, TaskDef("b")], FULL, workflow)
    ]


class Described(TaskDef, rename="camel", omit_defaults=True):
    """A definition with a member that only its user's server knows."""

    cost_centre: Name | None = None


def test_a_definition_may_hold_whatever_an_output_may(stub, api_client):
    template = {Name.EMAIL: PurePosixPath("/p"), "map": MappingProxyType({"a": (1, 2)})}
    definition = Described(Name.EMAIL, input_template=MappingProxyType(template), cost_centre=Name.EMAIL)
    TaskExecutor(api_client).register_task_defs(definition)
    assert stub.requests[0].json() == [
        {"name": "email", "inputTemplate": {"email": "/p", "map": {"a": [1, 2]}}, "costCentre": "email"}
    ]


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("include_tasks", lambda api, bad: WorkflowExecutor(api).get_workflow("w", include_tasks=bad)),
        ("overwrite", lambda api, bad: WorkflowExecutor(api).register_workflow(WorkflowDef("w", []), overwrite=bad)),
        ("latest_versions", lambda api, bad: WorkflowExecutor(api).get_workflow_defs(latest_versions=bad)),
        ("use_latest_definitions", lambda api, bad: WorkflowExecutor(api).restart("w", bad)),
        ("resume_subworkflow_tasks", lambda api, bad: WorkflowExecutor(api).retry("w", bad)),
        ("include_closed", lambda api, bad: WorkflowExecutor(api).get_by_correlation_ids("w", "c", include_closed=bad)),
        ("include_tasks", lambda api, bad: WorkflowExecutor(api).get_by_correlation_ids("w", "c", include_tasks=bad)),
    ],
)
@pytest.mark.parametrize("bad", ["no", 0, None])
def test_a_flag_is_true_or_false(stub, api_client, argument, call, bad):
    with pytest.raises(ConfigurationError, match=f"^{argument} must be True or False, not {bad!r}$"):
        call(api_client, bad)
    assert stub.requests == []
