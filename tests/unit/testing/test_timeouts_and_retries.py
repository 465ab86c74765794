"""The four timeouts with each policy, and the delays before another attempt."""

import pytest

from conductor.testing.engine.deciding.retries import retry_delay

TIMEOUTS = {
    "total": {"totalTimeoutSeconds": 30},
    "running": {"timeoutSeconds": 30, "responseTimeoutSeconds": 30},
    "poll": {"pollTimeoutSeconds": 30},
}
POLICIES = ("RETRY", "TIME_OUT_WF", "ALERT_ONLY")


def begin(world, build, name, **members):
    """A workflow whose task is in the state in which the timeout counts."""
    world.task_def(**{**TIMEOUTS[name], "retryDelaySeconds": 0, **members})
    workflow_id = world.start(build.simple())
    if name != "poll":
        world.take()
    if name == "running":  # lest the response timeout comes first, the lease is extended before it
        world.clock.advance(20)
        (task,) = world.tasks(workflow_id)
        ids = {member: task[member] for member in ("taskId", "workflowInstanceId")}
        world.engine.tasks.update({**ids, "extendLease": True})
        world.clock.advance(9)
    else:
        world.clock.advance(29)
    return workflow_id


@pytest.mark.parametrize("name", TIMEOUTS)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_timeout_comes_when_it_is_due_and_obeys_its_policy(world, build, name, policy):
    workflow_id = begin(world, build, name, timeoutPolicy=policy)
    assert world.status(workflow_id) == "RUNNING"
    before = world.tasks(workflow_id)[0]["status"]
    world.clock.advance(1)
    workflow = world.engine.workflows.get(workflow_id)
    first = workflow["tasks"][0]
    if policy == "ALERT_ONLY":
        assert (workflow["status"], first["status"], len(workflow["tasks"])) == ("RUNNING", before, 1)
        return
    assert first["status"] == "TIMED_OUT"
    assert "30 seconds" in first["reasonForIncompletion"]
    assert policy in first["reasonForIncompletion"]
    if policy == "TIME_OUT_WF":
        assert workflow["status"] == "TIMED_OUT"
        assert workflow["reasonForIncompletion"] == first["reasonForIncompletion"]
    elif name == "total":  # the budget of all attempts is gone: there is no other one
        assert workflow["status"] == "TIMED_OUT"
        assert "No further retries will be attempted" in workflow["reasonForIncompletion"]
    else:
        assert [task["status"] for task in workflow["tasks"]] == ["TIMED_OUT", "SCHEDULED"]
        assert workflow["tasks"][1]["retriedTaskId"] == first["taskId"]


def test_a_wait_for_a_signal_times_out_when_it_is_due(world, build):
    world.task_def("w", timeoutSeconds=30, responseTimeoutSeconds=30, timeoutPolicy="TIME_OUT_WF", retryCount=0)
    workflow_id = world.start(build.system("WAIT", "w"))
    world.clock.advance(29)
    assert (world.status(workflow_id), world.statuses(workflow_id)) == ("RUNNING", [("w", "IN_PROGRESS")])
    world.clock.advance(1)
    assert (world.status(workflow_id), world.statuses(workflow_id)) == ("TIMED_OUT", [("w", "TIMED_OUT")])


@pytest.mark.parametrize("policy", POLICIES)
def test_a_missing_response_times_the_task_out_whatever_the_policy(world, build, policy):
    world.task_def(responseTimeoutSeconds=30, timeoutPolicy=policy, retryDelaySeconds=0)
    workflow_id = world.start(build.simple())
    (task,) = world.take()
    world.clock.advance(29.9)
    assert world.task(task)["status"] == "IN_PROGRESS"
    world.clock.advance(0.1)
    assert world.task(task)["status"] == "TIMED_OUT"
    assert world.task(task)["reasonForIncompletion"] == (
        f"responseTimeout: 30 exceeded for the taskId: {task['taskId']} with Task Definition: a"
    )
    assert world.status(workflow_id) == "RUNNING"
    assert [task["retryCount"] for task in world.tasks(workflow_id)] == [0, 1]


def test_extending_the_lease_postpones_the_response_timeout(world, build):
    world.task_def(responseTimeoutSeconds=30)
    world.start(build.simple())
    (task,) = world.take()
    ids = {member: task[member] for member in ("taskId", "workflowInstanceId")}
    for _ in range(5):
        world.clock.advance(20)
        world.engine.tasks.update({**ids, "extendLease": True})
    assert world.task(task)["status"] == "IN_PROGRESS"
    world.clock.advance(30)
    assert world.task(task)["status"] == "TIMED_OUT"


def test_a_handed_back_task_has_no_response_timeout(world, build):
    world.task_def(responseTimeoutSeconds=30)
    world.start(build.simple())
    task = world.run(status="IN_PROGRESS", callbackAfterSeconds=100)
    world.clock.advance(99)
    assert world.task(task)["status"] == "SCHEDULED"


def test_a_poll_timeout_waits_for_the_callback_too(world, build):
    world.task_def(pollTimeoutSeconds=30, timeoutPolicy="TIME_OUT_WF")
    workflow_id = world.start(build.simple())
    world.run(status="IN_PROGRESS", callbackAfterSeconds=100)
    world.clock.advance(129)
    assert world.status(workflow_id) == "RUNNING"
    world.clock.advance(1)
    assert world.status(workflow_id) == "TIMED_OUT"


def test_a_task_that_timed_out_with_no_retry_left_times_the_workflow_out(world, build):
    world.task_def(responseTimeoutSeconds=30, retryCount=0)
    workflow_id = world.start(build.simple())
    (task,) = world.take()
    world.clock.advance(30)
    workflow = world.engine.workflows.get(workflow_id)
    assert workflow["status"] == "TIMED_OUT"
    assert workflow["reasonForIncompletion"].startswith(f"Task {task['taskId']} failed with status: TIMED_OUT")
    assert world.send(task) == task["taskId"]
    assert world.task(task)["status"] == "TIMED_OUT"


def test_a_workflow_times_out_by_its_own_limit(world, build):
    for policy, status in (("TIME_OUT_WF", "TIMED_OUT"), ("ALERT_ONLY", "RUNNING")):
        workflow_id = world.start(build.simple(), timeoutSeconds=60, timeoutPolicy=policy)
        world.clock.advance(60)
        assert world.status(workflow_id) == status
    (task,) = world.tasks(workflow_id)
    assert task["status"] == "SCHEDULED"


def test_next_due_tells_when_the_sweeper_is_needed(world, build):
    world.task_def(responseTimeoutSeconds=30)
    assert world.engine.next_due() is None
    world.start(build.simple())
    assert world.engine.next_due() is None
    (task,) = world.take()
    assert world.engine.next_due() == world.clock.now() + 30
    world.send(task)
    assert world.engine.next_due() is None


def test_a_retry_is_a_new_task_with_its_input_computed_again(world, build):
    world.task_def(retryDelaySeconds=5)
    workflow_id = world.start(build.simple(inputParameters={"id": "${CPEWF_TASK_ID}"}))
    task = world.run(status="FAILED", output={"n": 1}, reasonForIncompletion="why")
    old, new = world.tasks(workflow_id)
    assert old["retried"]
    assert (new["status"], new["retryCount"], new["retriedTaskId"]) == ("SCHEDULED", 1, task["taskId"])
    assert (new["pollCount"], new["outputData"], new["reasonForIncompletion"]) == (0, {}, "why")
    assert new["inputData"] == {"id": new["taskId"]}
    assert new["seq"] == 2
    assert new["callbackAfterSeconds"] == new["startDelayInSeconds"] == 5
    assert "workerId" not in new
    world.clock.advance(4.9)
    assert world.take() == []
    world.clock.advance(0.1)
    assert len(world.take()) == 1


def delays(world, build, attempts=3):
    """How long each attempt is invisible after the one before it failed."""
    world.start(build.simple())
    found = []
    for _ in range(attempts):
        world.run(status="FAILED")
        (open_task,) = world.engine.queues.open_work()
        found.append(open_task["visibleTime"] / 1000 - world.clock.now())
        world.clock.advance(found[-1] + 0.001)
    return found


@pytest.mark.parametrize(
    ("logic", "expected"),
    [("FIXED", [10, 10, 10]), ("LINEAR_BACKOFF", [20, 40, 60]), ("EXPONENTIAL_BACKOFF", [10, 20, 40])],
)
def test_each_retry_logic_has_its_delays_and_its_cap(make_world, build, logic, expected):
    members = {"retryLogic": logic, "retryDelaySeconds": 10, "backoffScaleFactor": 2}
    world = make_world()
    world.task_def(**members)
    assert delays(world, build) == pytest.approx(expected, abs=0.002)
    capped = make_world()
    capped.task_def(**members, maxRetryDelaySeconds=15)
    assert delays(capped, build) == pytest.approx([min(delay, 15) for delay in expected], abs=0.002)


def test_jitter_lies_between_nothing_and_its_limit(make_world, build):
    seen = set()
    for _ in range(40):
        world = make_world()
        world.task_def(retryDelaySeconds=1, backoffJitterMs=500)
        (delay,) = delays(world, build, attempts=1)
        assert 0.999 <= delay <= 1.501
        seen.add(round(delay, 2))
    assert len(seen) > 5


def test_a_delay_never_overflows():
    definition = {
        "retryLogic": "EXPONENTIAL_BACKOFF",
        "retryDelaySeconds": 60,
        "backoffScaleFactor": 1,
        "maxRetryDelaySeconds": 0,
    }
    assert retry_delay(definition, 500) == 2**31 - 1


def test_the_workflow_fails_when_the_retries_are_used_up(world, build):
    world.task_def(retryCount=1, retryDelaySeconds=0)
    workflow_id = world.start(build.simple())
    world.run(status="FAILED", reasonForIncompletion="first")
    task = world.run(status="FAILED", output={"n": 2}, reasonForIncompletion="second")
    workflow = world.engine.workflows.get(workflow_id)
    assert workflow["status"] == "FAILED"
    assert workflow["reasonForIncompletion"] == (
        f"Task {task['taskId']} failed with status: FAILED and reason: 'second'"
    )
    assert workflow["output"] == {"n": 2}
    assert workflow["failedReferenceTaskNames"] == workflow["failedTaskNames"] == ["a"]


def test_the_workflow_tasks_own_retry_count_counts(world, build):
    world.task_def(retryCount=5)
    workflow_id = world.start(build.simple(retryCount=0))
    world.run(status="FAILED")
    assert world.status(workflow_id) == "FAILED"


def test_a_terminal_error_is_not_retried(world, build):
    workflow_id = world.start(build.simple())
    world.run(status="FAILED_WITH_TERMINAL_ERROR")
    assert world.status(workflow_id) == "FAILED"
    assert len(world.tasks(workflow_id)) == 1


def test_an_unregistered_type_has_the_servers_defaults(world, build):
    workflow_id = world.start(build.simple())
    task = world.run(status="FAILED")
    assert task["responseTimeoutSeconds"] == 3600
    assert task["taskDefinition"]["retryCount"] == 3
    assert world.tasks(workflow_id)[1]["callbackAfterSeconds"] == 60


def test_an_optional_task_may_fail(world, build):
    workflow_id = world.start(build.simple(optional=True, retryCount=0), build.simple("b"))
    world.run(status="FAILED")
    assert world.statuses(workflow_id) == [("a", "COMPLETED_WITH_ERRORS"), ("b", "SCHEDULED")]
    world.run("b")
    assert world.status(workflow_id) == "COMPLETED"


def test_a_permissive_tasks_failure_counts_at_the_end(world, build):
    workflow_id = world.start(build.simple(permissive=True, retryCount=0), build.simple("b"))
    task = world.run(status="FAILED", reasonForIncompletion="oops")
    assert world.statuses(workflow_id) == [("a", "FAILED"), ("b", "SCHEDULED")]
    world.run("b")
    workflow = world.engine.workflows.get(workflow_id)
    assert workflow["status"] == "FAILED"
    assert workflow["reasonForIncompletion"] == f"Task {task['taskId']} failed with status: FAILED and reason: 'oops'"
