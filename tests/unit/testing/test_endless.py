"""Workflows that would never be at rest: each goes on at its own pace, and stops nobody else."""

import threading
import time

import pytest

from conductor.testing.engine import Engine
from conductor.testing.scripts import scripts as limits


def loop(build, condition="true", body=None):
    return build.system(
        "DO_WHILE", "loop", loopCondition=condition, loopOver=body or [build.system("SET_VARIABLE", "set")]
    )


def endless(build, kind):
    """Tasks of the workflow ``wf``, and its other members."""
    itself = {"subWorkflowParam": {"name": "wf", "version": 1}}
    children = [build.system("SUB_WORKFLOW", name, **itself) for name in ("left", "right")]
    fail = build.system("TERMINATE", "end", inputParameters={"terminationStatus": "FAILED"})
    return {
        "a loop of system tasks": ([loop(build)], {}),
        "a loop of sub-workflows": (
            [loop(build, body=[build.system("SUB_WORKFLOW", "quick", subWorkflowParam={"name": "quick"})])],
            {},
        ),
        "its own sub-workflow": (children[:1], {}),
        "two sub-workflows that are itself": (
            [
                build.system("FORK_JOIN", "fork", forkTasks=[[child] for child in children]),
                build.system("JOIN", "join", joinOn=["left", "right"]),
            ],
            {},
        ),
        "its own failure workflow": ([fail], {"failureWorkflow": "wf"}),
    }[kind]


KINDS = [
    "a loop of system tasks",
    "a loop of sub-workflows",
    "its own sub-workflow",
    "two sub-workflows that are itself",
    "its own failure workflow",
]


@pytest.fixture
def start(world, build):
    def start(kind):
        world.engine.metadata.register_workflow_def(
            {"name": "wf", "tasks": [build.simple()]}
        )  # a sub-workflow must exist
        world.engine.metadata.register_workflow_def({"name": "quick", "tasks": [build.system("SET_VARIABLE", "set")]})
        tasks, members = endless(build, kind)
        return world.start(*tasks, **members)

    return start


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", KINDS)
def test_a_workflow_without_an_end_stops_no_other(world, build, start, kind):
    start(kind)
    for _ in range(20):
        world.engine.sweep()
    world.engine.metadata.register_workflow_def({"name": "other", "tasks": [build.simple("b")]})
    world.engine.workflows.start({"name": "other"})
    world.run("b")
    started = time.monotonic()
    world.engine.close()
    assert time.monotonic() - started < 1


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "kind", ["a loop of system tasks", "a loop of sub-workflows", "two sub-workflows that are itself"]
)
def test_it_goes_on_with_each_sweep_and_can_be_ended(world, start, kind):
    workflow_id = start(kind)

    def tasks():
        return world.engine.searches.tasks("", "*", 0, 1, None)["totalHits"]

    before = tasks()
    assert world.engine.next_due() is not None
    for _ in range(5):
        world.engine.sweep()
    assert tasks() > before
    world.engine.control.terminate(workflow_id)
    world.engine.sweep()
    assert world.status(workflow_id) == "TERMINATED"
    assert (world.engine.next_due(), world.engine.queues.open_work()) == (None, [])


def test_two_workflows_without_an_end_both_go_on(world, build):
    ids = [world.start(loop(build)) for _ in range(2)]
    before = [len(world.tasks(each)) for each in ids]
    for _ in range(4):
        world.engine.sweep()
    assert all(len(world.tasks(each)) > count for each, count in zip(ids, before, strict=True))


def test_a_long_loop_comes_to_its_end(world, build):
    workflow_id = world.start(loop(build, "$.loop['iteration'] < 300"))
    while world.status(workflow_id) == "RUNNING":
        world.engine.sweep()
    assert len(world.tasks(workflow_id)) == 301


def test_a_workflow_that_is_its_own_sub_workflow_fails_and_names_itself(world, start):
    workflow_id = start("its own sub-workflow")
    world.engine.sweep()
    assert world.status(workflow_id) == "FAILED"
    failed = world.engine.searches.tasks("status=FAILED_WITH_TERMINAL_ERROR", "*", 0, 10, None)["results"]
    assert [task["reasonForIncompletion"] for task in failed] == [
        "Sub-workflow wf is over 100 levels deep: does it start itself?"
    ]


def test_a_workflow_without_an_end_goes_on_after_a_restart(build, tmp_path):
    engine = Engine(db=str(tmp_path / "db"))
    engine.metadata.register_workflow_def({"name": "wf", "tasks": [loop(build)]})
    workflow_id = engine.workflows.start({"name": "wf"})
    count = len(engine.workflows.get(workflow_id)["tasks"])
    engine.close()
    engine = Engine(db=str(tmp_path / "db"))
    engine.sweep()
    assert len(engine.workflows.get(workflow_id)["tasks"]) > count
    engine.close()


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("skipped", "done"), [(["a"], ["a", "b"]), (["b"], ["a"]), (["a", "b"], ["a"])], ids="+".join)
def test_a_task_skipped_inside_a_loop_that_runs_lets_the_loop_stand_still(world, build, skipped, done):
    """As server 3.32.3 does with a task that is not the first; with the first it spins, so that nothing ends it."""
    body = [build.simple("a"), build.simple("b")]
    workflow_id = world.start(loop(build, "$.loop['iteration'] < 3", body), build.simple("after"))
    for ref in skipped:
        world.engine.control.skip_task(workflow_id, ref)
    for name in done:
        world.run(name)
    assert world.status(workflow_id) == "RUNNING"
    assert world.engine.queues.open_work()[0]["taskDefName"] == "loop"
    world.engine.control.terminate(workflow_id)
    assert world.status(workflow_id) == "TERMINATED"


@pytest.mark.timeout(20)
def test_a_task_skipped_before_its_loop_begins_keeps_the_loop_at_its_start(world, build):
    """Seen on server 3.32.3: the loop is IN_PROGRESS in iteration 0."""
    workflow_id = world.start(build.simple("first"), loop(build, "$.loop['iteration'] < 3", [build.simple("a")]))
    world.engine.control.skip_task(workflow_id, "a")
    world.run("first")
    (found,) = [task for task in world.tasks(workflow_id) if task["referenceTaskName"] == "loop"]
    assert (found["status"], found["iteration"]) == ("IN_PROGRESS", 0)


@pytest.mark.timeout(20)
def test_a_wait_until_a_date_before_1970_is_over_at_once(world, build):
    workflow_id = world.start(build.system("WAIT", "w", inputParameters={"until": "1969-12-31"}))
    world.engine.sweep()
    assert world.status(workflow_id) == "COMPLETED"


@pytest.mark.timeout(20)
def test_a_retried_task_that_a_rerun_opens_again_never_times_out(world, build):
    world.task_def(responseTimeoutSeconds=30)
    workflow_id = world.start(build.simple(), build.simple("b"))
    world.engine.control.terminate(workflow_id)
    world.engine.again.retry(workflow_id)
    world.run()
    behind = world.run("b")
    world.engine.again.rerun(workflow_id, {"reRunFromTaskId": behind["taskId"]})
    (opened,) = world.take()
    world.clock.advance(3600)
    assert (world.task(opened)["status"], world.status(workflow_id)) == ("IN_PROGRESS", "RUNNING")
    world.run("b")
    world.send(opened)
    assert world.status(workflow_id) == "COMPLETED"


def test_a_workflow_without_an_open_task_is_looked_at_once_more(world, build):
    switch = build.system(
        "SWITCH", "s", evaluatorType="value-param", expression="x", decisionCases={"1": [build.simple()]}
    )
    switch["inputParameters"] = {"x": "1"}
    workflow_id = world.start(switch, build.simple("b"))
    world.run()
    world.run("b")
    first = world.tasks(workflow_id)[0]
    world.engine.again.rerun(workflow_id, {"reRunFromTaskId": first["taskId"]})
    assert world.statuses(workflow_id) == [("s", "COMPLETED"), ("a", "SCHEDULED")]


# Scripts


def endless_script(build, kind, ref):
    """A step whose script has no end."""
    forever = "while (true) {}"
    branch = {"decisionCases": {"1": [build.system("NOOP", f"{ref}_in_case")]}}
    return {
        "INLINE": build.system("INLINE", ref, inputParameters={"evaluatorType": "graaljs", "expression": forever}),
        "LAMBDA": build.system("LAMBDA", ref, inputParameters={"scriptExpression": forever}),
        "SWITCH": build.system("SWITCH", ref, evaluatorType="graaljs", expression=forever, **branch),
        "JSON_JQ_TRANSFORM": build.system(
            "JSON_JQ_TRANSFORM", ref, inputParameters={"queryExpression": "last(range(1e15))"}
        ),
    }[kind]


SCRIPTS = ["INLINE", "LAMBDA", "SWITCH", "JSON_JQ_TRANSFORM"]


@pytest.fixture
def short_time(monkeypatch):
    monkeypatch.setattr(limits, "TIME_LIMIT", 0.4)
    monkeypatch.setattr(limits, "LEAST", 0.1)


@pytest.mark.timeout(20)
@pytest.mark.usefixtures("short_time")
@pytest.mark.parametrize("kind", SCRIPTS)
def test_the_endless_scripts_of_a_fork_have_the_time_of_one(world, build, kind):
    branches = [[endless_script(build, kind, f"s{number}")] for number in range(4)]
    join = build.system("JOIN", "join", joinOn=[step["taskReferenceName"] for (step,) in branches])
    workflow_id = world.start(build.system("FORK_JOIN", "fork", forkTasks=branches), join)
    reasons = [task.get("reasonForIncompletion", "") for task in world.tasks(workflow_id)]
    assert sorted(filter(None, reasons)) == [
        *[f"Script not evaluated within {limit} seconds, interrupted." for limit in (0.1, 0.1, 0.1, 0.4)]
    ]


@pytest.mark.timeout(20)
@pytest.mark.usefixtures("short_time")
@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_loop_of_endless_scripts_stops_no_other(world, build, kind):
    body = [{**endless_script(build, kind, "s"), "optional": True}]
    workflow_id = world.start(loop(build, body=body))
    world.engine.metadata.register_workflow_def({"name": "other", "tasks": [build.simple("b")]})

    def scripts_ended():  # the next iteration may or may not be scheduled by the same sweep
        return sum(task["status"] == "COMPLETED_WITH_ERRORS" for task in world.tasks(workflow_id))

    for _ in range(2):
        before = scripts_ended()
        world.engine.sweep()
        assert scripts_ended() > before
        world.engine.workflows.start({"name": "other"})
        world.run("b")


@pytest.mark.timeout(20)
def test_an_endless_query_of_one_engine_lets_the_other_threads_go_on(make_world, build, monkeypatch):
    monkeypatch.setattr(limits, "TIME_LIMIT", 2)
    busy, other = make_world(), make_world()
    thread = threading.Thread(target=busy.start, args=[endless_script(build, "JSON_JQ_TRANSFORM", "q")])
    thread.start()
    for _ in range(20):
        other.start(build.simple())
        other.run()
    assert thread.is_alive()
    thread.join()
