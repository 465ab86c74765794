"""A replay runs the function on the input that a task had, compares the results, and sends nothing."""

import asyncio
import json
from contextlib import asynccontextmanager, contextmanager

import pytest

from conductor import (
    ApiClient,
    ConductorError,
    ConfigurationError,
    HttpSettings,
    Interceptor,
    NonRetryableError,
    NotFoundError,
    PayloadError,
    TaskExecutor,
    TaskRunner,
    Worker,
    WorkflowDef,
    WorkflowExecutor,
    WorkflowTask,
    process_pool,
    task_context,
    worker_task,
)
from conductor.models import Task, TaskDef
from conductor.replaying.differences import Difference, differences
from conductor.replaying.recording import Recording, recording_of
from conductor.replaying.replay import Replayer
from conductor.testing import DevServer, run_worker
from support.stub import Answer, Stub
from support.waiting import eventually

FLOW = WorkflowDef(
    "flow",
    [WorkflowTask("pay", "pay", input_parameters={"amount": "${workflow.input.amount}"})],
    owner_email="team@example.com",
)


def recorded(server, function, given, executions=1, **options):
    """The recording of a task that a worker has run with this input."""
    with ApiClient(http_settings=HttpSettings(server.url)) as client, TaskRunner(client, **options) as runner:
        workflows, tasks = WorkflowExecutor(client), TaskExecutor(client)
        tasks.register_task_defs(TaskDef("pay", retry_count=0, response_timeout_seconds=60))
        workflows.register_workflow(FLOW)
        workflow_id = workflows.start_workflow("flow", given)
        runner.start_worker("pay", function)
        task = eventually(lambda: workflows.get_workflow(workflow_id).tasks[0])
        eventually(lambda: tasks.get_task(task.task_id).poll_count == executions)
        eventually(lambda: tasks.get_task(task.task_id).status not in ("SCHEDULED", "IN_PROGRESS"))
        return recording_of(tasks, task.task_id)


def pay(amount):
    task_context().log(f"paying {amount}")
    return {"paid": amount, "by": task_context().task.retry_count}


def ended(**members):
    """A recording of a task that has ended."""
    task = Task("task-1", "workflow-1", **{"task_type": "pay", "poll_count": 1, "status": "COMPLETED"} | members)
    return Recording(task, [])


def test_the_same_function_has_the_recorded_result(server):
    replay = Replayer(pay).replay(recorded(server, pay, {"amount": 5}))
    assert replay.is_same
    assert replay.is_good
    assert replay.here.output_data == replay.recorded.output_data == {"paid": 5, "by": 0}
    assert replay.here.logs == replay.recorded.logs == ["paying 5"]


def test_another_output_is_shown_place_by_place(server):
    def other(amount):
        return {"paid": amount + 1, "more": [True]}

    replay = Replayer(other).replay(recorded(server, pay, {"amount": 5}))
    assert replay.is_same is False
    assert not replay.is_good
    assert replay.differences == [Difference("$.paid", 5, 6), Difference("$.by", 0), Difference("$.more", here=[True])]


def test_a_failure_that_was_recorded_and_happens_again_is_the_same_and_not_good(server):
    def fails(amount):
        raise NonRetryableError("no such card")

    replay = Replayer(fails).replay(recorded(server, fails, {"amount": 5}))
    assert replay.recorded.status == replay.here.status == "FAILED_WITH_TERMINAL_ERROR"
    assert replay.is_same
    assert not replay.is_good


def test_a_failure_that_is_repaired_differs():
    replay = Replayer(pay).replay(
        ended(status="FAILED", reason_for_incompletion="KeyError: 'VAT'", input_data={"amount": 5})
    )
    assert (replay.recorded.status, replay.here.status) == ("FAILED", "COMPLETED")
    assert replay.is_same is False


def test_a_task_that_has_not_ended_has_no_recorded_result():
    replay = Replayer(pay).replay(ended(status="IN_PROGRESS", input_data={"amount": 5}))
    assert replay.recorded is None
    assert replay.is_same is None
    assert replay.is_good


def test_the_replay_of_any_function_only_reads():
    """The function does all that a running function can tell a server."""

    @worker_task("pay", lease_extension=True, register=True, task_def=TaskDef("pay"))
    def talks(amount: int):
        context = task_context()
        context.log("a line")
        context.set_output({"half": True})
        return context.in_progress(60)

    with Stub() as stub, ApiClient(http_settings=HttpSettings(stub.url)) as client:
        task = {"taskId": "t", "workflowInstanceId": "w", "taskType": "pay", "status": "COMPLETED", "pollCount": 1}
        stub.answers["GET /tasks/t"].append(Answer(body={**task, "inputData": {"amount": 1}}))
        stub.answers["GET /tasks/t/log"].append(Answer(body=[]))
        replay = Replayer(talks).replay(recording_of(TaskExecutor(client), "t"))
        assert replay.here.status == "IN_PROGRESS"
        assert [request.operation for request in stub.requests] == ["GET /tasks/t", "GET /tasks/t/log"]


def test_the_function_sees_the_members_of_the_task():
    seen = []
    task = ended(
        retry_count=2, poll_count=3, workflow_type="flow", output_data={"final": 1}, reason_for_incompletion="late"
    )
    Replayer(lambda task: seen.append((task_context(), task))).replay(task)
    ((context, task),) = seen
    assert (context.task_id, context.workflow_instance_id, context.retry_count, context.poll_count) == (
        *("task-1", "workflow-1"),
        *(2, 3),
    )
    assert (task.workflow_type, task.status, task.output_data) == ("flow", "IN_PROGRESS", {})
    assert task.reason_for_incompletion is None


def test_it_is_known_that_an_earlier_output_is_missing():
    assert ended(poll_count=2).lacks_earlier_output
    assert not ended(poll_count=1).lacks_earlier_output
    unfinished = ended(poll_count=2, status="SCHEDULED", output_data={"asked": 1})
    assert not unfinished.lacks_earlier_output
    assert unfinished.as_delivered().output_data == {"asked": 1}


def test_the_deadline_counts_from_the_replay_and_not_from_the_recorded_times():
    left = []
    yesterday = {"start_time": 1_000_000, "end_time": 2_000_000, "update_time": 2_000_000}
    definition = TaskDef("pay", timeout_seconds=600)
    Replayer(lambda task: left.append(task_context().seconds_left())).replay(
        ended(**yesterday, task_definition=definition)
    )
    assert 500 < left[0] <= 600


def manager(kind, calls):
    @contextmanager
    def plain():
        calls.append("enter")
        yield "pool"
        calls.append("leave")

    @asynccontextmanager
    async def coroutine():
        calls.append(asyncio.get_running_loop())
        yield "pool"
        calls.append("leave")

    return plain if kind == "plain" else coroutine


@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("form", ["def", "async def"])
def test_a_lifespan_is_entered_before_the_function_and_left_after_it(kind, form):
    calls = []

    def function(task):
        calls.append("function")
        return {"state": task_context().state}

    async def coroutine(task):
        calls.append(asyncio.get_running_loop())
        return {"state": task_context().state}

    replay = Replayer(function if form == "def" else coroutine, manager(kind, calls)).replay(ended())
    assert replay.here.output_data == {"state": "pool"}
    assert len(calls) == 3
    assert calls[-1] == "leave"
    if (kind, form) == ("async", "async def"):
        assert calls[0] is calls[1]  # as a pool of connections needs it


@pytest.mark.parametrize("form", ["def", "async def"])
def test_a_lifespan_that_fails_is_named(form):
    @contextmanager
    def fails():
        raise OSError("no database")
        yield

    async def coroutine(task): ...

    with pytest.raises(ConductorError, match="the lifespan failed: OSError: no database"):
        Replayer(pay if form == "def" else coroutine, fails).replay(ended())


def test_a_lifespan_that_cannot_work_is_refused_before_anything_runs():
    with pytest.raises(ConfigurationError, match="lifespan must be"):
        Replayer(pay, 5)


class Doubled(Interceptor):
    """Changes the input of the function, and its value."""

    def execute(self, task, proceed):
        task.input_data["amount"] *= 2
        return {**proceed(), "was": task_context().task_id}


class Held(Interceptor):
    async def execute_async(self, task, proceed):
        return {"held": await proceed()}


def test_interceptors_run_around_the_function():
    replay = Replayer(pay, None, [Interceptor(), Doubled()]).replay(ended(input_data={"amount": 5}))
    assert replay.here.output_data == {"paid": 10, "by": 0, "was": "task-1"}


def test_interceptors_run_around_a_coroutine():
    async def coroutine(amount):
        return amount

    replay = Replayer(coroutine, None, [Held(), Interceptor()]).replay(ended(input_data={"amount": 5}))
    assert replay.here.output_data == {"held": 5}


def test_an_interceptor_that_cannot_work_is_refused_before_anything_runs():
    with pytest.raises(ConfigurationError, match="interceptors"):
        Replayer(pay, None, [5])


INITIALIZED = []


def test_a_function_for_processes_runs_here_after_the_initializer():
    pool = process_pool(1, initializer=INITIALIZED.append, initargs=("model",))
    worker = Worker("pay", lambda task: {"models": INITIALIZED}, executor=pool)
    assert Replayer(worker).replay(ended()).here.output_data == {"models": ["model"]}


def test_a_function_that_exits_has_failed():
    def quits(task):
        raise SystemExit(0)

    replay = Replayer(quits).replay(ended())
    assert replay.here.reason_for_incompletion == "SystemExit: 0"
    assert not replay.is_good


def test_ctrl_c_ends_the_replay():
    def interrupted(task):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Replayer(interrupted).replay(ended())


@worker_task("refund")
def refund(amount: int): ...


def test_a_worker_for_another_type_is_refused():
    with pytest.raises(ConfigurationError, match="of the type 'pay', and the given workers are for 'refund'"):
        Replayer(refund).replay(ended())


def test_of_several_workers_the_one_of_the_type_and_the_domain_runs():
    workers = [Worker("refund", refund), *(Worker("pay", lambda task: {}, domain=each) for each in ("red", "blue"))]
    workers[2].bound = lambda context: {"domain": "blue"}
    assert Replayer(workers).replay(ended(domain="blue")).here.output_data == {"domain": "blue"}


def test_something_that_no_worker_can_call_is_refused():
    with pytest.raises(ConfigurationError, match="has no worker"):
        Replayer(5)


def test_the_case_runs_the_function_in_a_test(server):
    recording = recorded(server, pay, {"amount": 5})
    case = json.loads(json.dumps(recording.case()))
    assert case["input_data"] == {"amount": 5}
    assert run_worker(pay, **case).output_data == recording.outcome.output_data
    assert run_worker(lambda task: {"id": task.task_id}, **case).output_data == {"id": recording.task.task_id}


def test_payloads_are_fetched_from_the_storage():
    with DevServer(payload_storage=True, task_payload_threshold=100) as server:
        text = "x" * 1000
        recording = recorded(server, lambda amount: {"was": amount}, {"amount": text})
        assert recording.task.input_data == {"amount": text}
        assert Replayer(lambda amount: {"was": amount}).replay(recording).is_same


def test_a_payload_that_cannot_be_read_is_an_error():
    with Stub() as stub, ApiClient(http_settings=HttpSettings(stub.url)) as client:
        stub.answers["GET /tasks/t"].append(
            Answer(body={"taskId": "t", "workflowInstanceId": "w", "externalInputPayloadStoragePath": "task/1.json"})
        )
        stub.answers["GET /tasks/externalstoragelocation"].append(Answer(404))
        with pytest.raises(PayloadError, match=r"task/1\.json"):
            recording_of(TaskExecutor(client), "t")


def test_an_unknown_task_is_an_error(server):
    with ApiClient(http_settings=HttpSettings(server.url)) as client, pytest.raises(NotFoundError):
        recording_of(TaskExecutor(client), "nosuch")


@pytest.mark.parametrize(
    ("recorded", "here", "places"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, ["$.a"]),
        ({"a": [1, 2]}, {"a": [1]}, ["$.a[1]"]),
        ({"a": {"b c": None}}, {"a": {}}, ['$.a["b c"]']),
        ({"a": {}}, {"a": []}, ["$.a"]),
        ({}, {"b": None}, ["$.b"]),
        ({"a": 1, "b": 1}, {"b": 2, "a": 2}, ["$.a", "$.b"]),
    ],
)
def test_differences_have_the_path_of_their_place(recorded, here, places):
    assert [each.path for each in differences(recorded, here)] == places


def test_values_of_any_depth_are_compared():
    recorded = here = 1
    for _ in range(5_000):
        recorded, here = [recorded], [here]
    assert list(differences(recorded, here)) == []
