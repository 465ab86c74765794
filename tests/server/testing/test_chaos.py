"""``DevServer(chaos=seed)``: faults by a seed, which a worker gets over if its functions may run twice."""

import threading
from contextlib import contextmanager

import pytest

from conductor import (
    ApiClient,
    AuthenticationSettings,
    ConfigurationError,
    HttpSettings,
    TaskExecutor,
    TaskResult,
    TaskResultStatus,
    TaskRunner,
)
from conductor.testing.dev_server import DevServer
from conductor.testing.server.chaos import FATES, MOST_REMEMBERED, Chaos
from support.waiting import eventually

SEEDS = range(len(FATES))


def client_of(server):
    return ApiClient(AuthenticationSettings("", ""), HttpSettings(server.url, read_timeout=5))


@contextmanager
def running(seed, connect, **options):
    with (
        DevServer(chaos=seed, **options) as server,
        client_of(server) as client,
        TaskRunner(client, worker_id="worker-1", shutdown_timeout=5) as runner,
    ):
        yield server, connect(server), runner


def ends(http, workflow):
    state = http.get(f"/api/workflow/{workflow}").json()
    return state["status"], [task["status"] for task in state["tasks"]]


def run_one(seed, connect, **of_definition):
    """Run a workflow of one task. Returns the faults, the ids that the function got, and the statuses."""
    with running(seed, connect) as (server, http, runner):
        executed = []
        runner.start_worker("one", lambda task: executed.append(task.task_id), poll_timeout=0.1)
        workflow = http.start("one", **{"retryCount": 3, "retryDelaySeconds": 60, **of_definition})
        server.join(20)
        return list(server.chaos.events), executed, ends(http, workflow)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_seed_has_another_fate_for_a_task_and_none_fails_it(seed, connect):
    fates = [Chaos(each).fate_of("one", 1) for each in SEEDS]
    assert sorted(fates) == sorted(FATES)
    events, executed, (status, statuses) = run_one(seed, connect)
    assert events[:1] == [f"one number 1: {fates[seed]}"] * (fates[seed] != "none")
    assert status == "COMPLETED"
    if fates[seed] == "late":  # the retry is another task, with a fate of its own
        assert len(set(executed)) >= 2
        assert {*statuses[:-1]} == {"TIMED_OUT"}
    else:
        assert (len(executed) > 1) == (fates[seed] == "twice")
        assert len(set(executed)) == 1
        assert statuses == ["COMPLETED"]


def test_more_seeds_combine_the_fates_of_tasks_in_other_ways():
    pairs = [(Chaos(seed).fate_of("one", 1), Chaos(seed).fate_of("two", 1)) for seed in range(20 * len(FATES))]
    assert len(set(pairs)) > 3 * len(FATES)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_workflow_of_many_tasks_completes(seed, connect):
    with running(seed, connect) as (server, http, runner):
        names = [f"step_{number}" for number in range(4)]
        for name in names:
            runner.start_worker(name, lambda task: {"n": 1}, batch_size=3, poll_timeout=0.1)

        async def last(task):
            return {"last": True}

        runner.start_worker("last", last, batch_size=3, poll_timeout=0.1)
        workflows = [http.start(*names, "last", retryCount=3) for _ in range(3)]
        server.join(40)
        assert {ends(http, workflow)[0] for workflow in workflows} == {"COMPLETED"}


def test_the_same_seed_makes_the_same_faults(connect):
    def faults():
        with running(4, connect) as (server, http, runner):
            for name in ("one", "two", "three"):
                runner.start_worker(name, lambda task: None, poll_timeout=0.1)
            http.start("one", "two", "three", retryCount=3)
            server.join(20)
            return list(server.chaos.events)

    first = faults()
    assert first
    assert first == faults()


@pytest.mark.parametrize(("pause", "second"), [(1000.0, "unheard"), (0.0, "restart")])
def test_a_restart_soon_after_another_one_is_no_restart_and_is_not_called_one(connect, monkeypatch, pause, second):
    monkeypatch.setattr("conductor.testing.server.chaos.BETWEEN_RESTARTS", pause)
    seed = next(
        seed for seed in range(1000) if [Chaos(seed).fate_of(name, 1) for name in ("one", "two")] == ["restart"] * 2
    )
    with running(seed, connect) as (server, http, runner):
        for name in ("one", "two"):
            runner.start_worker(name, lambda task: None, poll_timeout=0.1)
        http.start("one", "two", retryCount=3)
        server.join(20)
        assert list(server.chaos.events) == ["one number 1: restart", f"two number 1: {second}"]


@pytest.mark.parametrize("retries", [0, 1])
def test_no_lease_runs_out_if_a_retry_is_needed_for_the_function_itself(retries, connect):
    late = next(seed for seed in SEEDS if Chaos(seed).fate_of("one", 1) == "late")
    events, executed, (status, statuses) = run_one(late, connect, retryCount=retries)
    assert events == ["one number 1: twice"]
    assert len(executed) > 1
    assert (status, statuses) == ("COMPLETED", ["COMPLETED"])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_function_that_fails_once_by_itself_still_completes(seed, connect):
    with running(seed, connect) as (server, http, runner):

        def flaky(task):
            if task.retry_count == 0:
                raise ConnectionError("once")

        runner.start_worker("one", flaky, poll_timeout=0.1)
        workflow = http.start("one", retryCount=2, retryDelaySeconds=0)
        server.join(20)
        assert ends(http, workflow)[0] == "COMPLETED"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_task_that_comes_back_later_completes(seed, connect):
    with running(seed, connect) as (server, http, runner):

        def later(task):
            result = TaskResult.from_task(task)
            if not task.output_data:
                result.status, result.output_data = TaskResultStatus.IN_PROGRESS, {"seen": True}
            return result

        runner.start_worker("one", later, poll_timeout=0.1)
        workflow = http.start("one", retryCount=3)
        server.join(20)
        assert ends(http, workflow)[0] == "COMPLETED"


@pytest.mark.parametrize("seed", SEEDS)
def test_calls_from_outside_of_workers_meet_no_fault(seed, connect):
    with running(seed, connect) as (server, http, _), client_of(server) as client:
        tasks = TaskExecutor(client)
        workflow = http.start("one", "two", retryCount=3)
        for name in ("one", "two"):
            task_id = eventually(lambda name=name: open_task(http, workflow, name))
            tasks.update_task(task_id, workflow, TaskResultStatus.COMPLETED, {})
        assert ends(http, workflow)[0] == "COMPLETED"
        assert not server.chaos.events


def open_task(http, workflow, name):
    tasks = http.get(f"/api/workflow/{workflow}").json()["tasks"]
    return next((task["taskId"] for task in tasks if task["taskDefName"] == name), None)


def test_the_answers_to_several_tasks_at_once_are_shuffled(connect):
    orders = set()
    for seed in range(0, 6 * len(FATES), len(FATES)):
        with DevServer(chaos=seed) as server:
            http = connect(server)
            ids = [http.start("one") for _ in range(6)]
            polled = []
            while len(polled) < 6:  # a fate may put some of them off
                polled += poll_through(http, 6 - len(polled))
            orders.add(tuple(ids.index(task["workflowInstanceId"]) for task in polled))
    assert len(orders) > 1


def poll_through(http, count):
    try:
        return http.poll("one", count=count)
    except OSError:
        return []


def test_a_failure_tells_the_seed_and_the_faults(connect):
    twice = next(seed for seed in SEEDS if Chaos(seed).fate_of("one", 1) == "twice")

    def expect_one_execution():
        with running(twice, connect) as (server, http, runner):
            executed = []
            runner.start_worker("one", lambda task: executed.append(task.task_id), poll_timeout=0.1)
            http.start("one")
            server.join(20)
            assert len(executed) == 1

    with pytest.raises(AssertionError) as caught:
        expect_one_execution()
    assert caught.value.__notes__ == [f"DevServer(chaos={twice}) made these faults:\none number 1: twice"]


@pytest.mark.parametrize(("seed", "notes"), [(7, ["DevServer(chaos=7) made these faults:"]), (None, [])])
def test_an_error_of_join_tells_the_seed_once(connect, seed, notes):
    def join():
        with DevServer(chaos=seed) as server:
            connect(server).start("nobody_polls_this")
            server.join(0.05)

    with pytest.raises(TimeoutError) as caught:
        join()
    assert getattr(caught.value, "__notes__", []) == notes


@pytest.mark.parametrize("seed", [-1, 1.5, "7", True])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ConfigurationError, match="chaos must be a whole number"):
        DevServer(chaos=seed)


def test_a_worker_with_many_slots_is_not_stopped_by_its_growing_pauses(connect):
    """Its answers have many tasks each, so that nearly every answer has one that is to be lost."""
    with running(2, connect) as (server, http, runner):
        done, lock = set(), threading.Lock()

        def work(task):
            with lock:
                done.add(task.workflow_instance_id)

        http.start("one", retryCount=3)
        workflows = {http.post("/api/workflow", {"name": "flow"}).body.decode() for _ in range(300)}
        runner.start_worker("one", work, batch_size=20, poll_timeout=0.1)
        server.join(50)
        assert done >= workflows


def test_the_fates_of_old_tasks_are_forgotten():
    chaos = Chaos(0)
    for number in range(MOST_REMEMBERED + 50):
        chaos._fate_at_delivery({"taskId": str(number), "taskType": "one", "retryCount": 0}, "w")
    assert len(chaos._deliveries) == MOST_REMEMBERED
