"""``run --once`` and ``--until-idle``: which tasks are done, and when the program ends."""

import pytest

from conductor import ApiClient, HttpSettings, Interceptor, TaskResult, Worker
from conductor.errors import ConfigurationError
from conductor.health import merged
from conductor.task_result import failed
from conductor.worker_program.ends import UntilIdle
from conductor.worker_program.options import RunOptions
from conductor.worker_program.program import Parts, started
from support.stub import POLL, UPDATE, UPDATE_V2, Answer, error
from support.waiting import eventually

ENDS = ["once", "idle"]


@pytest.fixture
def run(stub):
    """run(end, *workers): whether all was delivered when the program has ended by itself."""

    def run_until_end(end, *workers, interceptors=()):
        with ApiClient(http_settings=HttpSettings(stub.url)) as client:
            runner = started(RunOptions(names=[], end=end), client, Parts(workers, interceptors))
            is_delivered = runner.wait_workers(20)
            states = {worker.state for worker in runner.health().workers}
            runner.shutdown()
            runner.wait_workers()
            assert states == {"ended"}
            return is_delivered

    return run_until_end


def nothing(task):
    return None


def completed(stub):
    return [result["taskId"] for result in stub.results() if result["status"] == "COMPLETED"]


def test_once_each_worker_takes_one_task_whatever_its_batch_size(stub, run):
    ids = [stub.add_task("charge") for _ in range(3)]
    other = stub.add_task("refund")
    assert run("once", Worker("charge", nothing, batch_size=5), Worker("refund", nothing))
    assert sorted(completed(stub)) == sorted([ids[0], other])
    assert len(stub.tasks["charge", None]) == 2


def test_once_a_task_in_the_answer_to_a_result_does_not_run(stub, run):
    first = stub.add_task("charge")
    following = {"taskId": "following", "workflowInstanceId": "w", "taskType": "charge", "taskDefName": "charge"}
    stub.answers[UPDATE_V2].append(Answer(body=following))
    assert run("once", Worker("charge", nothing))
    assert completed(stub) == [first]


@pytest.mark.parametrize("end", ENDS)
def test_a_program_without_a_task_ends(stub, run, end):
    assert run(end, Worker("charge", nothing), Worker("refund", nothing))
    assert {request.operation for request in stub.of(POLL)} == {f"{POLL}charge", f"{POLL}refund"}


@pytest.mark.parametrize("end", ENDS)
def test_a_poll_that_fails_does_not_end_the_program(stub, run, end):
    stub.answers[POLL].append(error(503, "down"))
    task_id = stub.add_task("charge")
    assert run(end, Worker("charge", nothing))
    assert completed(stub) == [task_id]


@pytest.mark.parametrize("end", ENDS)
def test_a_failing_function_has_done_its_task(stub, run, end):
    def fail(task):
        raise ValueError("no")

    stub.add_task("charge")
    assert run(end, Worker("charge", fail))
    assert [result["status"] for result in stub.results()] == ["FAILED"]


@pytest.mark.parametrize("end", ENDS)
def test_a_result_that_is_lost_ends_the_program_with_work_left(stub, run, end):
    stub.add_task("charge")
    for update in (UPDATE, UPDATE_V2):
        stub.answers[update].extend([error(400, "refused")] * 3)
    assert not run(end, Worker("charge", nothing))


def test_until_idle_a_task_that_follows_from_a_result_is_done_too(stub, run):
    def queue_refund(request):
        stub.add_task("refund")

    for update in (UPDATE, UPDATE_V2):
        stub.answers[update].append(queue_refund)
    first = stub.add_task("charge")

    stub.answers[f"{POLL}refund"].append(Answer(body=[]))

    def wait_until_refund_has_polled(task):
        eventually(lambda: stub.of(f"{POLL}refund"))

    workers = Worker("charge", wait_until_refund_has_polled), Worker("refund", nothing, poll_interval=1.0)
    assert run("idle", *workers)
    done = completed(stub)
    assert done[0] == first
    assert len(done) == 2


def test_until_idle_a_running_task_is_waited_for(stub, run):
    first = stub.add_task("charge")
    others = []

    def add_another_task_after_some_polls(task):
        if task.task_id == first:
            eventually(lambda: len(stub.of(POLL)) >= 4)
            others.append(stub.add_task("charge"))

    assert run("idle", Worker("charge", add_another_task_after_some_polls, batch_size=2))
    assert sorted(completed(stub)) == sorted([first, *others])
    assert others


def test_until_idle_a_task_on_its_way_back_into_the_queue_is_waited_for(stub, run):
    again = []

    class IsSlow(Interceptor):
        def update(self, result, proceed):
            if result.status == "IN_PROGRESS":
                eventually(lambda: len(stub.of(POLL)) >= 4)
                again.append(stub.add_task("charge"))
            proceed()

    def put_back_once(task):
        return None if again else TaskResult(task.task_id, task.workflow_instance_id, "IN_PROGRESS")

    stub.add_task("charge")
    assert run("idle", Worker("charge", put_back_once, batch_size=2), interceptors=[IsSlow()])
    assert completed(stub) == again


@pytest.mark.parametrize("end", ENDS)
def test_a_paused_worker_is_not_waited_for(stub, run, monkeypatch, end):
    monkeypatch.setenv("CONDUCTOR_WORKER_REFUND_PAUSED", "true")
    stub.add_task("charge")
    assert run(end, Worker("charge", nothing), Worker("refund", nothing))
    assert run(end, Worker("refund", nothing))
    assert len(completed(stub)) == 1


def test_until_idle_a_result_during_the_look_at_the_tasks_in_hand_counts(stub):
    """It may have brought a new task, so the workers must poll again."""
    end = UntilIdle()
    worker = Worker("charge", nothing)

    class Runner:
        is_shut_down = False

        def health(self):
            end.update(failed("1", "w", "no"), lambda: None)
            return merged([])

        def shutdown(self):
            self.is_shut_down = True

    runner = Runner()
    end.begin(runner, [worker])
    end.poll(worker, list)
    assert not runner.is_shut_down


seen = []


class Noting(Interceptor):
    def execute(self, task, proceed):
        seen.append(task.task_id)
        return proceed()


def test_an_interceptor_may_be_named_by_its_class(stub, run):
    ids = [stub.add_task("charge"), stub.add_task("charge")]
    assert run("idle", Worker("charge", nothing), interceptors=[Noting])
    assert seen == ids


def test_another_object_is_no_interceptor(run):
    with pytest.raises(ConfigurationError, match="must be an Interceptor, or a class of them, not 'charge'"):
        run("idle", Worker("charge", nothing), interceptors=["charge"])
    with pytest.raises(ConfigurationError) as caught:
        run("idle", Worker("charge", nothing), interceptors=[list(range(10_000))])
    assert len(str(caught.value)) < 150
