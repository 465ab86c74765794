"""What operators can do to workflows, what survives a restart, and what is forgotten."""

import pytest

from conductor.testing.engine import Engine, Refusal
from conductor.testing.engine.state.clock import FakeClock


def fail(world, build, *more):
    workflow_id = world.start(build.simple(retryCount=0), *more)
    task = world.run(status="FAILED", output={"n": 1})
    assert world.status(workflow_id) == "FAILED"
    return workflow_id, task


def test_a_retried_workflow_tries_the_failed_task_again(world, build):
    workflow_id, task = fail(world, build)
    ended = world.engine.workflows.get(workflow_id)["endTime"]
    world.clock.advance(1)
    world.engine.again.retry(workflow_id)
    workflow = world.engine.workflows.get(workflow_id)
    old, new = workflow["tasks"]
    assert (workflow["status"], workflow["endTime"]) == ("RUNNING", ended)
    assert workflow["lastRetriedTime"] == workflow["updateTime"]
    assert "reasonForIncompletion" not in workflow
    assert (old["retried"], old["executed"]) == (True, True)
    assert (new["retriedTaskId"], new["retryCount"], new["outputData"]) == (task["taskId"], 1, {})
    world.run()
    assert world.engine.workflows.get(workflow_id)["endTime"] == ended + 1000
    assert world.status(workflow_id) == "COMPLETED"
    with pytest.raises(Refusal, match="There are no retryable tasks"):
        world.engine.again.retry(workflow_id)


def test_a_retried_fork_brings_back_its_canceled_branches_and_its_join(world, build):
    branches = [[build.simple("a", retryCount=0)], [build.simple("b")]]
    workflow_id = world.start(
        build.system("FORK_JOIN", "f", forkTasks=branches), build.system("JOIN", "j", joinOn=["a", "b"])
    )
    world.run("a", "FAILED")
    world.engine.again.retry(workflow_id)
    world.run("a")
    world.run("b")
    assert world.status(workflow_id) == "COMPLETED"


def test_a_restarted_workflow_begins_again(world, build):
    workflow_id, task = fail(world, build)
    world.clock.advance(1)
    world.engine.again.restart(workflow_id)
    workflow = world.engine.workflows.get(workflow_id)
    (again,) = workflow["tasks"]
    assert (workflow["status"], workflow["endTime"], again["seq"], again["retryCount"]) == ("RUNNING", 0, 1, 0)
    assert again["taskId"] != task["taskId"]
    with pytest.raises(Refusal, match="Task not found"):
        world.task(task)
    world.run()
    assert world.status(workflow_id) == "COMPLETED"
    fixed = world.start(build.simple(), restartable=False)
    world.run()
    with pytest.raises(Refusal, match="is non-restartable"):
        world.engine.again.restart(fixed)


def test_a_workflow_is_rerun_wholly_or_from_a_task_on(world, build):
    workflow_id = world.start(build.simple("a"), build.simple("b"), build.simple("c", retryCount=0))
    world.run("a")
    second = world.run("b")
    world.run("c", "FAILED")
    assert (
        world.engine.again.rerun(workflow_id, {"reRunFromTaskId": second["taskId"], "taskInput": {"n": 1}})
        == workflow_id
    )
    assert world.statuses(workflow_id) == [("a", "COMPLETED"), ("b", "SCHEDULED")]
    again = world.run("b")
    assert (again["taskId"], again["inputData"]) == (second["taskId"], {"n": 1})
    world.run("c")
    assert world.status(workflow_id) == "COMPLETED"
    world.engine.again.rerun(workflow_id, {"workflowInput": {"x": 2}, "correlationId": "other"})
    workflow = world.engine.workflows.get(workflow_id)
    assert (workflow["input"], workflow["correlationId"], len(workflow["tasks"])) == ({"x": 2}, "other", 1)
    with pytest.raises(Refusal, match="unable to rerun"):
        world.engine.again.rerun(workflow_id, {})
    world.engine.control.terminate(workflow_id)
    with pytest.raises(Refusal, match="Task zz not found"):
        world.engine.again.rerun(workflow_id, {"reRunFromTaskId": "zz"})


def test_a_retried_child_brings_its_parent_back(world, build):
    world.engine.metadata.register_workflow_def({"name": "child", "tasks": [build.simple("c", retryCount=0)]})
    workflow_id = world.start(build.system("SUB_WORKFLOW", "s", subWorkflowParam={"name": "child"}), build.simple("z"))
    child = world.tasks(workflow_id)[0]["subWorkflowId"]
    world.run("c", "FAILED")
    assert world.status(workflow_id) == "FAILED"
    world.engine.again.retry(child)
    assert world.status(workflow_id) == "RUNNING"
    world.run("c")
    assert world.statuses(workflow_id) == [("s", "COMPLETED"), ("z", "SCHEDULED")]


@pytest.mark.parametrize("resume", [True, False])
def test_a_retry_may_resume_the_innermost_sub_workflow_that_failed(world, build, resume):
    loop = build.system("DO_WHILE", "l", loopCondition="$.l['iteration'] < 1")
    loop["loopOver"] = [build.system("SUB_WORKFLOW", "s", subWorkflowParam={"name": "child"})]
    failing = build.simple("c", retryCount=0)
    world.engine.metadata.register_workflow_def({"name": "child", "tasks": [build.simple("b"), failing]})
    workflow_id = world.start(loop)
    child = world.tasks(workflow_id)[1]["subWorkflowId"]
    world.run("b")
    world.run("c", "FAILED")
    assert world.status(workflow_id) == "FAILED"
    world.engine.again.retry(workflow_id, resume)
    assert world.status(workflow_id) == "RUNNING"
    assert world.status(child) == ("RUNNING" if resume else "FAILED")
    assert world.tasks(workflow_id)[-1]["subWorkflowId" if resume else "retriedTaskId"]
    if not resume:
        world.run("b")
    world.run("c")
    assert world.status(workflow_id) == "COMPLETED"


def test_a_retry_that_resumes_is_a_plain_one_where_no_sub_workflow_failed(world, build):
    workflow_id, task = fail(world, build)
    world.engine.again.retry(workflow_id, True)
    assert world.tasks(workflow_id)[1]["retriedTaskId"] == task["taskId"]


def test_a_restart_with_the_latest_definition_is_kept_in_the_file(make_world, build, tmp_path):
    world = make_world(db=str(tmp_path / "db"))
    workflow_id = world.start(build.simple())
    world.engine.control.terminate(workflow_id)
    world.engine.metadata.register_workflow_def({"name": "wf", "version": 3, "tasks": [build.simple("b")]})
    world.engine.again.restart(workflow_id)
    assert world.statuses(workflow_id) == [("a", "SCHEDULED")]
    world.engine.control.terminate(workflow_id)
    world.engine.again.restart(workflow_id, True)
    world.engine.close()
    again = make_world(db=str(tmp_path / "db"))
    assert again.statuses(workflow_id) == [("b", "SCHEDULED")]
    assert again.engine.workflows.get(workflow_id)["workflowVersion"] == 3
    again.engine.control.terminate(workflow_id)
    again.engine.metadata.delete_workflow_def("wf", 1)
    again.engine.metadata.delete_workflow_def("wf", 3)
    assert again.engine.metadata.get_latest_workflow_defs() == []
    with pytest.raises(Refusal, match=f"Unable to find latest definition for {workflow_id}"):
        again.engine.again.restart(workflow_id, True)


def test_workflows_are_found_by_name_and_correlation_id(make_world, build, tmp_path):
    world = make_world(db=str(tmp_path / "db"))
    open_one, ended = (world.start(build.simple(), request={"correlationId": "c"}) for _ in range(2))
    world.start(build.simple())
    world.engine.control.terminate(ended)

    def found(*by):
        return {each: {w["workflowId"] for w in many} for each, many in world.engine.searches.correlated(*by).items()}

    assert found("wf", False, False, ["c", "d"]) == {"c": {open_one}, "d": set()}
    assert found("wf", True, False, ["c"]) == {"c": {open_one, ended}}
    assert found("other", True, False, ["c"]) == {"c": set()}
    for include_tasks in (False, True):
        (workflow,) = world.engine.searches.correlated("wf", False, include_tasks, ["c"])["c"]
        assert len(workflow["tasks"]) == include_tasks


def test_a_task_that_has_not_begun_can_be_skipped(world, build):
    workflow_id = world.start(build.simple("a"), build.simple("b"), build.simple("c"))
    world.engine.control.skip_task(workflow_id, "b", {"taskOutput": {"n": 1}})
    world.run("a")
    assert world.statuses(workflow_id) == [("b", "SKIPPED"), ("a", "COMPLETED"), ("c", "SCHEDULED")]
    assert world.engine.searches.tasks("status=SKIPPED", "*", 0, 10, None)["totalHits"] == 1
    for ref, text in (("a", "has already been processed"), ("zz", "does not exist in the WorkflowDefinition wf")):
        with pytest.raises(Refusal, match=text):
            world.engine.control.skip_task(workflow_id, ref)
    world.run("c")
    assert world.status(workflow_id) == "COMPLETED"
    with pytest.raises(Refusal, match="is not running"):
        world.engine.control.skip_task(workflow_id, "a")


def test_a_removed_workflow_is_gone_with_its_tasks_and_logs(world, build):
    for end in (False, True):
        workflow_id = world.start(build.simple())
        (task,) = world.take()
        world.engine.tasks.add_log(task["taskId"], "text")
        if end:
            world.send(task)
        world.engine.control.remove(workflow_id)
        for call in (world.status, world.engine.control.remove):
            with pytest.raises(Refusal, match="No such workflow found by id"):
                call(workflow_id)
        with pytest.raises(Refusal, match="Task not found"):
            world.task(task)
    assert world.engine.queues.open_work() == []


def test_executing_answers_when_the_workflow_ended_or_is_blocked(world, build):
    world.engine.metadata.register_workflow_def({"name": "quick", "tasks": [build.system("SET_VARIABLE", "v")]})
    world.engine.metadata.register_workflow_def({"name": "blocked", "tasks": [build.system("WAIT", "w")]})
    world.engine.metadata.register_workflow_def({"name": "slow", "tasks": [build.simple()]})
    execute = world.engine.signals.execute
    found = [execute(name, 0, {"input": {"x": 1}}, 0.01) for name in ("quick", "blocked", "slow")]
    assert [(answer["status"], answer["signalTimeout"]) for answer in found] == [
        ("COMPLETED", False),
        ("RUNNING", False),
        ("RUNNING", True),
    ]
    assert found[0]["input"] == {"x": 1}


def test_executing_answers_when_a_named_task_has_ended_also_in_a_sub_workflow(world, build):
    variable = build.system("SET_VARIABLE", "v")
    world.engine.metadata.register_workflow_def({"name": "slow", "tasks": [variable, build.simple()]})
    sub = build.system("SUB_WORKFLOW", "s", subWorkflowParam={"name": "slow"})
    world.engine.metadata.register_workflow_def({"name": "outer", "tasks": [sub]})
    for name in ("slow", "outer"):
        assert not world.engine.signals.execute(name, 0, {}, 5, ["x", "v"])["signalTimeout"]
        assert world.engine.signals.execute(name, 0, {}, 0.01, ["a"])["signalTimeout"]


def test_a_status_is_a_summary(world, build):
    workflow_id = world.start(build.simple(), request={"correlationId": "c"})
    assert world.engine.workflows.status(workflow_id) == {
        "workflowId": workflow_id,
        "correlationId": "c",
        "status": "RUNNING",
    }
    assert world.engine.workflows.status(workflow_id, True)["output"] == {}
    assert world.engine.workflows.get(workflow_id, include_tasks=False)["tasks"] == []


# Restarts and retention


def test_a_file_keeps_everything_over_a_restart(make_world, build, tmp_path):
    db = str(tmp_path / "conductor.db")
    world = make_world(db=db)
    world.task_def(responseTimeoutSeconds=30, concurrentExecLimit=2, retryDelaySeconds=0)
    first = world.start(build.simple(), build.simple("b"))
    done = world.run(output={"n": 1}, logs=[{"log": "line"}])
    second = world.start(build.simple())
    (running,) = world.take()
    third = world.start(build.simple())
    world.run(status="IN_PROGRESS", callbackAfterSeconds=100)
    before = [world.engine.workflows.get(i) for i in (first, second, third)]
    world.engine.close()

    again = make_world(db=db)
    assert [again.engine.workflows.get(i) for i in (first, second, third)] == before
    assert again.engine.metadata.get_task_def("a")["responseTimeoutSeconds"] == 30
    assert again.engine.metadata.get_workflow_def("wf")["name"] == "wf"
    assert again.engine.tasks.logs(done["taskId"])[0]["log"] == "line"
    assert len(again.take("b")) == 1
    assert again.take() == []
    again.clock.advance(30)
    assert again.task(running)["status"] == "TIMED_OUT"
    again.clock.advance(70)
    assert {task["workflowInstanceId"] for task in again.take(count=5)} == {second, third}


def test_a_killed_process_loses_nothing_either(make_world, build, tmp_path):
    db = str(tmp_path / "conductor.db")
    world = make_world(db=db)
    workflow_id = world.start(build.simple())
    task = world.run(output={"n": 1})
    other = make_world(db=db)  # the first one has not been closed
    assert other.task(task)["outputData"] == {"n": 1}
    assert other.status(workflow_id) == "COMPLETED"


@pytest.mark.parametrize("durable", [False, True])
def test_the_oldest_ended_workflows_are_forgotten(make_world, build, tmp_path, durable):
    world = make_world(retention=3, **({"db": str(tmp_path / "c.db")} if durable else {}))
    still_open = world.start(build.simple("other"))
    ended = []
    for _ in range(10):
        ended.append(world.start(build.simple()))
        task = world.run(logs=[{"log": "line"}])
    kept = [workflow_id for workflow_id in ended if exists(world, workflow_id)]
    assert kept == ended[-3:]
    assert world.status(still_open) == "RUNNING"
    assert world.engine.tasks.logs(task["taskId"]) != []
    assert world.engine.searches.tasks("", "*", 0, 100, None)["totalHits"] == 4
    world.engine.again.restart(ended[-3])
    for _ in range(3):
        world.start(build.simple("x"))
        world.run("x")
    assert world.status(ended[-3]) == "RUNNING"
    assert not exists(world, ended[-1])


def exists(world, workflow_id):
    try:
        world.status(workflow_id)
    except Refusal:
        return False
    return True


def test_nothing_of_an_ended_workflow_stays_in_the_engines_objects(world, build):
    for _ in range(50):
        world.start(build.simple())
        task = world.run()
        world.task(task)
        world.send(task)
    engine = world.engine
    assert (len(engine._state.workflows), len(engine._state.tasks), len(engine._state.loaded)) == (0, 0, 0)
    assert len(engine._state.timers) <= 64


# Views


def test_searches_filter_sort_and_page(world, build):
    ids = [world.start(build.simple()) for _ in range(3)]
    world.clock.advance(1)
    world.run(output={"word": "needle"})
    search = world.engine.searches.workflows
    assert search("", "*", 0, 2, None)["totalHits"] == 3
    assert len(search("", "*", 0, 2, None)["results"]) == 2
    (found,) = search("status IN (COMPLETED,FAILED) AND workflowType='wf'", "*", 0, 10, None)["results"]
    assert (found["workflowId"], found["output"], found["classifier"]) == (ids[0], "{word=needle}", "workflow")
    assert search("endTime > 0", "*", 0, 10, "startTime:ASC")["totalHits"] == 1
    assert search("", "needle", 0, 10, None)["totalHits"] == 1
    started = int(world.engine.workflows.get(ids[0])["startTime"])
    for query, hits in ((f"startTime={started}", 3), (f"startTime>{started}", 0), (f"startTime<{started + 1}", 3)):
        assert search(query, "*", 0, 10, None)["totalHits"] == hits
    (summary,) = world.engine.searches.tasks("status=COMPLETED", "*", 0, 10, None)["results"]
    assert (summary["executionTime"], summary["queueWaitTime"]) == (0, 1000)
    assert summary["startTime"].endswith("Z")
    (task,) = world.engine.searches.tasks_v2("status=COMPLETED", "*", 0, 10, None)["results"]
    assert task["outputData"] == {"word": "needle"}


def test_a_bad_storage_request_is_refused(world):
    with pytest.raises(Refusal, match="Invalid input - Operation: BAD, PayloadType: TASK_OUTPUT"):
        world.engine.storage.location("a", "BAD", "TASK_OUTPUT")


def test_open_work_and_overview_show_what_goes_on(world, build):
    workflow_id = world.start(build.simple(), build.simple("b"))
    (waiting,) = world.engine.queues.open_work()
    assert waiting["visibleTime"] == world.clock.now() * 1000
    world.run()
    (task,) = world.take("b")
    (running,) = world.engine.queues.open_work()
    assert (running["taskId"], running["status"]) == (task["taskId"], "IN_PROGRESS")
    assert "visibleTime" not in running
    world.send(task)
    assert world.engine.queues.open_work() == []
    with pytest.raises(Refusal):
        world.status("nobody")
    overview = world.engine.overview.changes(None, "", "", "", 10)
    assert [(workflow["id"], workflow["status"]) for workflow in overview["workflows"]] == [(workflow_id, "COMPLETED")]
    assert overview["errors"][0]["message"] == "No such workflow found by id: nobody"
    assert len(overview["queues"]) == 2


def test_the_engine_needs_no_clock_of_its_own(build):
    engine = Engine(FakeClock(5))
    engine.metadata.register_workflow_def({"name": "wf", "tasks": [build.simple()]})
    workflow_id = engine.workflows.start({"name": "wf"})
    assert engine.workflows.get(workflow_id)["createTime"] == 5000
    engine.close()


def test_what_is_too_deep_is_refused_and_does_no_harm(make_world, build, tmp_path):
    world = make_world(db=str(tmp_path / "c.db"))
    deep = {}
    for _ in range(100_000):
        deep = {"a": deep}
    workflow_id = world.start(build.simple())
    (task,) = world.take()
    for call in (lambda: world.send(task, output=deep), lambda: world.start(build.simple(), request={"input": deep})):
        with pytest.raises(Refusal, match="nesting depth"):
            call()
    world.send(task)
    assert world.status(workflow_id) == "COMPLETED"


def test_any_text_can_be_stored(make_world, build, tmp_path):
    world = make_world(db=str(tmp_path / "c.db"))
    odd = "odd \ud800 \x00 ü"
    world.task_def(odd)
    workflow_id = world.start(build.simple(odd), request={"input": {odd: odd}})
    world.run(odd, output={odd: odd}, logs=[{"log": odd}])
    assert world.engine.workflows.get(workflow_id)["output"] == {odd: odd}
    for call in (world.engine.tasks.get, world.engine.workflows.get):
        with pytest.raises(Refusal):
            call(odd)
    assert world.engine.tasks.logs(odd) == []
    world.engine.metadata.delete_task_def(odd)


def test_a_removed_child_does_not_keep_its_parent_from_ending(world, build):
    world.engine.metadata.register_workflow_def({"name": "child", "tasks": [build.system("WAIT", "w")]})
    workflow_id = world.start(build.system("SUB_WORKFLOW", "s", subWorkflowParam={"name": "child"}))
    world.engine.control.remove(world.tasks(workflow_id)[0]["subWorkflowId"])
    world.engine.signals.signal(workflow_id, "COMPLETED", {})
    world.engine.control.terminate(workflow_id)
    assert world.status(workflow_id) == "TERMINATED"
