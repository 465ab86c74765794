"""A task from its poll to its end, as the real server 3.32.3 does it."""

import pytest

from conductor.testing.engine import Refusal


def refused(call, *arguments):
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    return caught.value.status, caught.value.message


def test_a_poll_acks_marks_and_counts(world, build):
    world.start(build.simple())
    world.clock.advance(2)
    (task,) = world.take()
    assert world.take() == []
    assert (task["status"], task["pollCount"], task["workerId"], task["executed"]) == ("IN_PROGRESS", 1, "w", False)
    assert task["startTime"] - task["scheduledTime"] == task["queueWaitTime"] == 2000
    assert task["updateTime"] == task["startTime"]
    assert "reasonForIncompletion" not in task


def test_zeros_and_false_are_always_there_and_null_is_not(world, build):
    workflow_id = world.start(build.simple())
    (task,) = world.tasks(workflow_id)
    assert task["startTime"] == task["endTime"] == task["callbackAfterSeconds"] == task["iteration"] == 0
    assert task["retried"] is task["subworkflowChanged"] is task["loopOverTask"] is False
    assert None not in task.values()
    assert "workerId" not in task


def test_a_count_of_0_takes_nothing_and_minus_1_takes_all(world, build):
    world.start(build.simple())
    world.start(build.simple())
    assert world.take(count=0) == []
    assert len(world.take(count=-1)) == 2


def test_a_long_poll_over_5_seconds_is_refused(world):
    assert refused(world.engine.queues.poll, "a", "w", None, 1, 5001) == (
        400,
        "Long Poll Timeout value cannot be more than 5 seconds",
    )


def test_a_sequence_runs_and_the_last_output_is_the_workflows(world, build):
    workflow_id = world.start(
        build.simple("a"), build.simple("b", inputParameters={"n": "${a.output.n}"}), request={"input": {"x": 1}}
    )
    world.run("a", output={"n": 7})
    (task,) = world.take("b")
    assert task["inputData"] == {"n": 7}
    world.send(task, output={"done": True})
    workflow = world.engine.workflows.get(workflow_id)
    assert (workflow["status"], workflow["output"]) == ("COMPLETED", {"done": True})
    assert [task["executed"] for task in workflow["tasks"]] == [True, False]
    assert workflow["endTime"]


def test_in_progress_hands_the_task_back_after_its_callback(world, build):
    workflow_id = world.start(build.simple())
    first = world.run(status="IN_PROGRESS", output={"kept": 1}, callbackAfterSeconds=10)
    (task,) = world.tasks(workflow_id)
    assert (task["status"], task["callbackAfterSeconds"], task["outputData"]) == ("SCHEDULED", 10, {"kept": 1})
    world.clock.advance(9.9)
    assert world.take() == []
    world.clock.advance(0.2)
    (again,) = world.take(worker="other")
    assert again["taskId"] == first["taskId"]
    assert (again["pollCount"], again["workerId"], again["callbackAfterSeconds"]) == (2, "other", 0)
    assert again["startTime"] == first["startTime"]
    assert again["outputData"] == {"kept": 1}


def test_output_is_replaced_and_never_merged(world, build):
    world.start(build.simple())
    world.run(status="IN_PROGRESS", output={"old": 1})
    task = world.run(output={"new": 1})
    assert world.task(task)["outputData"] == {"new": 1}


def test_the_first_terminal_update_wins_and_the_loser_is_not_told(world, build):
    workflow_id = world.start(build.simple(), build.simple("b"))
    task = world.run(output={"n": 1})
    assert world.send(task, "FAILED", {"n": 2}) == task["taskId"]
    assert world.task(task)["status"] == "COMPLETED"
    assert world.task(task)["outputData"] == {"n": 1}
    world.run("b")
    assert world.send(task, "FAILED") == task["taskId"]
    assert world.status(workflow_id) == "COMPLETED"


def test_an_update_without_a_worker_id_removes_it(world, build):
    world.start(build.simple())
    task = world.run(workerId=None)
    assert "workerId" not in world.task(task)


def test_extending_the_lease_touches_the_update_time_alone(world, build):
    world.start(build.simple())
    (task,) = world.take()
    world.clock.advance(5)
    ids = {name: task[name] for name in ("taskId", "workflowInstanceId")}
    assert world.engine.tasks.update({**ids, "extendLease": True, "outputData": {"n": 1}}) == task["taskId"]
    extended = world.task(task)
    assert extended["updateTime"] == task["updateTime"] + 5000
    same = {"updateTime", "queueWaitTime"}
    assert {k: v for k, v in extended.items() if k not in same} == {k: v for k, v in task.items() if k not in same}
    world.send(task)
    ended = world.task(task)
    world.engine.tasks.update({**ids, "extendLease": True})
    assert world.task(task) == ended
    assert world.engine.tasks.update_v2({**ids, "extendLease": True}) is None
    assert refused(world.engine.tasks.update, {**ids, "taskId": "x", "extendLease": True})[0] == 404


def test_a_reason_is_cut_and_an_eleventh_log_dropped(world, build):
    world.task_def(retryCount=0)
    world.start(build.simple())
    logs = [{"log": str(n), "createdTime": n, "taskId": "wrong"} for n in range(12)]
    task = world.run(status="FAILED", reasonForIncompletion="r" * 600, logs=logs)
    assert world.task(task)["reasonForIncompletion"] == "r" * 500
    found = world.engine.tasks.logs(task["taskId"])
    assert [entry["log"] for entry in found] == [str(n) for n in range(10)]
    assert {entry["taskId"] for entry in found} == {task["taskId"]}


def test_logs_come_by_their_time_and_null_is_none(world, build):
    world.start(build.simple(), build.simple("b"))
    task = world.run(logs=[{"log": "second", "createdTime": 9}, {"log": "first", "createdTime": 3}])
    world.run("b", logs=None)
    world.engine.tasks.add_log(task["taskId"], '"quoted"')
    assert [entry["log"] for entry in world.engine.tasks.logs(task["taskId"])] == ["first", "second", '"quoted"']
    world.engine.tasks.add_log("no-such-task", "text")
    assert world.engine.tasks.logs("no-such-task")[0]["log"] == "text"


def test_canceled_terminates_the_workflow_and_dequeues_the_rest(world, build):
    fork = build.system("FORK_JOIN", "f", forkTasks=[[build.simple("a")], [build.simple("b")]])
    workflow_id = world.start(fork, build.system("JOIN", "j", joinOn=["a", "b"]))
    task = world.run(status="CANCELED", reasonForIncompletion="enough")
    workflow = world.engine.workflows.get(workflow_id)
    assert workflow["status"] == "TERMINATED"
    assert workflow["reasonForIncompletion"] == (
        f"Task {task['taskId']} failed with status: TERMINATED and reason: 'enough'"
    )
    assert world.statuses(workflow_id)[2:] == [("b", "CANCELED"), ("j", "CANCELED")]
    assert world.take("b") == []


def test_a_paused_workflow_stores_results_and_goes_on_when_resumed(world, build):
    workflow_id = world.start(build.simple(), build.simple("b"))
    world.engine.control.pause(workflow_id)
    world.engine.control.pause(workflow_id)
    world.run()
    assert world.statuses(workflow_id) == [("a", "COMPLETED")]
    world.engine.control.resume(workflow_id)
    assert world.statuses(workflow_id)[1] == ("b", "SCHEDULED")
    assert refused(world.engine.control.resume, workflow_id) == (
        500,
        f"The workflow {workflow_id} is not PAUSED so cannot resume. Current status is RUNNING",
    )


def test_an_update_for_a_terminated_workflow_is_ignored(world, build):
    workflow_id = world.start(build.simple())
    (task,) = world.take()
    world.engine.control.terminate(workflow_id, "stop")
    assert world.send(task, output={"n": 1}) == task["taskId"]
    assert world.task(task)["status"] == "CANCELED"
    assert world.engine.workflows.get(workflow_id)["reasonForIncompletion"] == "stop"


def test_update_v2_answers_the_next_task_of_the_same_type(world, build):
    world.start(build.simple())
    world.start(build.simple())
    (task,) = world.take()
    ids = {name: task[name] for name in ("taskId", "workflowInstanceId")}
    following = world.engine.tasks.update_v2({**ids, "status": "COMPLETED", "workerId": "me"})
    assert following["taskId"] != task["taskId"]
    assert (following["status"], following["workerId"]) == ("IN_PROGRESS", "me")
    ids = {name: following[name] for name in ("taskId", "workflowInstanceId")}
    assert world.engine.tasks.update_v2({**ids, "status": "IN_PROGRESS"}) is None
    (again,) = world.take()
    assert again["taskId"] == following["taskId"]


def test_a_requeued_running_task_is_delivered_again(world, build):
    world.start(build.simple())
    (task,) = world.take()
    assert world.engine.queues.requeue("a") == 1
    assert world.engine.queues.requeue("nobody") == 0
    (again,) = world.take()
    assert (again["taskId"], again["pollCount"]) == (task["taskId"], 2)


def test_what_is_refused_is_refused_in_the_servers_words(world, build):
    workflow_id = world.start(build.simple())
    (task,) = world.take()
    update = world.engine.tasks.update
    ids = {name: task[name] for name in ("taskId", "workflowInstanceId")}
    with pytest.raises(Refusal) as caught:
        update({})
    assert (caught.value.status, caught.value.message) == (400, "Validation failed, check below errors for detail.")
    assert {problem["path"] for problem in caught.value.validation_errors} == {
        "updateTask.arg0.taskId",
        "updateTask.arg0.workflowInstanceId",
    }
    assert refused(update, ids)[0] == 500
    assert refused(world.engine.tasks.update_v2, {})[0] == 500
    assert refused(update, {**ids, "taskId": "x", "status": "COMPLETED"}) == (404, "No such task found by id: x")
    assert refused(update, {**ids, "workflowInstanceId": "x"}) == (404, "No such workflow found by id: x")
    assert refused(world.engine.tasks.get, "x") == (404, "Task not found for taskId: x")
    assert refused(world.engine.workflows.start, {"name": "x"}) == (
        404,
        "No such workflow defined. name=x, version=null",
    )
    assert refused(world.engine.workflows.start, {"name": "wf", "priority": 100})[0] == 400
    assert refused(world.engine.again.restart, workflow_id)[0] == 409
    assert refused(world.engine.again.retry, workflow_id) == (404, "Workflow is still running.  status=RUNNING")
    world.send(task)
    assert refused(world.engine.control.pause, workflow_id) == (
        409,
        f"Workflow wf.1/{workflow_id} has ended, status cannot be updated.",
    )
    assert refused(world.engine.control.terminate, workflow_id) == (409, "Cannot terminate a COMPLETED workflow.")


def test_an_update_by_reference_name_adds_to_the_output(world, build):
    workflow_id = world.start(build.simple(), build.simple("b"))
    world.run(status="IN_PROGRESS", output={"old": 1})
    (task,) = world.take()
    update = world.engine.tasks.update_by_ref_name
    assert update(workflow_id, "b", "COMPLETED", {}, None) == ""
    assert update("no-such-workflow", "a", "COMPLETED", {}, None) == ""
    assert update(workflow_id, "a", "COMPLETED", {"new": 2}, "me") == task["taskId"]
    assert world.task(task)["outputData"] == {"old": 1, "new": 2}
    assert world.task(task)["workerId"] == "me"
    workflow = world.engine.tasks.update_by_ref_name_sync(workflow_id, "b", "COMPLETED", {"n": 1}, None)
    assert (workflow["status"], workflow["output"]) == ("COMPLETED", {"n": 1})
    assert refused(world.engine.tasks.update_by_ref_name_sync, workflow_id, "b", "COMPLETED", {}, None) == (
        404,
        f"Found no running task b of workflow {workflow_id} to update",
    )


def test_a_query_that_begins_an_iteration_with_too_large_an_input_is_not_run(world, build):
    given = dict.fromkeys("abc", "${workflow.input.x}")
    query = build.system("JSON_JQ_TRANSFORM", "q", inputParameters={"queryExpression": ".", **given})
    loop = build.system("DO_WHILE", "o", loopCondition="false", loopOver=[query])
    workflow_id = world.start(loop, request={"input": {"x": "x" * 4_000_000}})
    task = world.tasks(workflow_id)[1]
    assert task["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert "greater than the permissible limit" in task["reasonForIncompletion"]


def test_output_over_the_hard_limit_fails_the_task_and_over_the_soft_one_is_stored_elsewhere(world, build):
    workflow_id = world.start(build.simple(), build.simple("b"))
    task = world.run(output={"text": "x" * (4 << 20)})
    stored = world.task(task)
    assert (stored["status"], stored["outputData"]) == ("COMPLETED", {})
    assert stored["externalOutputPayloadStoragePath"].endswith(".json")
    task = world.run("b", output={"text": "x" * (11 << 20)})
    failed = world.task(task)
    assert (failed["status"], failed["outputData"]) == ("FAILED_WITH_TERMINAL_ERROR", {})
    assert failed["reasonForIncompletion"].endswith("is greater than the permissible limit: 10485760 bytes")
    assert world.status(workflow_id) == "FAILED"
    assert world.engine.storage.location("", "READ", "TASK_OUTPUT").keys() == {"path"}


def test_priority_comes_before_age(world, build):
    low = world.start(build.simple())
    high = world.start(build.simple(), request={"priority": 9})
    assert [task["workflowInstanceId"] for task in world.take(count=2)] == [high, low]


def test_what_is_stored_elsewhere_is_still_read_by_expressions_and_outputs(make_world, build, tmp_path):
    db = str(tmp_path / "c.db")
    world = make_world(db=db)
    workflow_id = world.start(build.simple(), build.simple("b", inputParameters={"n": "${a.output.n}"}))
    world.run(output={"text": "x" * (4 << 20), "n": 5})
    assert world.tasks(workflow_id)[1]["inputData"] == {"n": 5}
    world.engine.close()
    world = make_world(db=db)
    world.run("b", output={"text": "x" * (6 << 20)})
    workflow = world.engine.workflows.get(workflow_id)
    assert (workflow["status"], workflow["output"]) == ("COMPLETED", {})
    assert workflow["externalOutputPayloadStoragePath"].endswith(".json")
    alone = world.start(build.simple())
    world.run(output={"text": "x" * (4 << 20)})
    assert len(world.engine.workflows.get(alone)["output"]["text"]) == 4 << 20


def test_a_workflows_input_has_its_limits_and_a_tasks_input_too(world, build):
    stored = world.start(
        build.simple(inputParameters={"n": "${workflow.input.n}", "text": "${workflow.input.text}"}),
        request={"input": {"text": "x" * (6 << 20), "n": 1}},
    )
    workflow = world.engine.workflows.get(stored)
    assert workflow["input"] == {}
    assert "externalInputPayloadStoragePath" in workflow
    (task,) = world.take()
    assert task["inputData"] == {}
    assert "externalInputPayloadStoragePath" in task
    status, message = refused(world.engine.workflows.start, {"name": "wf", "input": {"text": "x" * (11 << 20)}})
    assert (status, message[:17]) == (500, "The payload size:")
    twice = world.start(
        build.simple(inputParameters={"text": "${workflow.input.text}${workflow.input.text}"}),
        request={"input": {"text": "x" * (6 << 20)}},
    )
    assert world.status(twice) == "FAILED"
    assert "permissible limit" in world.tasks(twice)[0]["reasonForIncompletion"]
