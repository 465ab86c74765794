"""The tasks that the engine runs itself."""

import pytest

from conductor.testing.engine import Refusal


def fork(build, *branches, ref="f"):
    return build.system("FORK_JOIN", ref, forkTasks=list(branches))


def test_a_fork_is_done_at_once_and_its_join_waits_for_all(world, build):
    workflow_id = world.start(
        fork(build, [build.simple("a"), build.simple("b")], [build.simple("c")]),
        build.system("JOIN", "j", joinOn=["b", "c"]),
        build.simple("d", inputParameters={"n": "${j.output.b.n}"}),
    )
    fork_task, *_ = world.tasks(workflow_id)
    assert (fork_task["taskType"], fork_task["taskDefName"], fork_task["status"]) == ("FORK", "FORK", "COMPLETED")
    assert world.statuses(workflow_id)[1:] == [("a", "SCHEDULED"), ("c", "SCHEDULED"), ("j", "IN_PROGRESS")]
    world.run("a")
    world.run("c")
    assert dict(world.statuses(workflow_id))["j"] == "IN_PROGRESS"
    world.run("b", output={"n": 5})
    join = world.tasks(workflow_id)[3]
    assert (join["status"], join["outputData"]) == ("COMPLETED", {"b": {"n": 5}})
    (task,) = world.take("d")
    assert task["inputData"] == {"n": 5}


def test_a_failed_branch_is_retried_before_the_join_ends(world, build):
    world.task_def(retryDelaySeconds=0)
    workflow_id = world.start(
        fork(build, [build.simple("a")], [build.simple("b")]), build.system("JOIN", "j", joinOn=["a", "b"])
    )
    world.run("a", "FAILED")
    world.run("b")
    assert world.status(workflow_id) == "RUNNING"
    world.run("a")
    assert world.status(workflow_id) == "COMPLETED"


def test_a_failed_branch_fails_the_workflow_at_once(world, build):
    workflow_id = world.start(
        fork(build, [build.simple("a", retryCount=0)], [build.simple("b")]),
        build.system("JOIN", "j", joinOn=["a", "b"]),
    )
    world.run("a", "FAILED")
    assert world.status(workflow_id) == "FAILED"
    assert dict(world.statuses(workflow_id)) == {"f": "COMPLETED", "a": "FAILED", "b": "CANCELED", "j": "CANCELED"}


def test_a_permissive_branch_fails_the_join_when_all_have_ended(world, build):
    workflow_id = world.start(
        fork(build, [build.simple("a", retryCount=0, permissive=True)], [build.simple("b")]),
        build.system("JOIN", "j", joinOn=["a", "b"]),
    )
    world.run("a", "FAILED", reasonForIncompletion="oops")
    assert dict(world.statuses(workflow_id))["j"] == "IN_PROGRESS"
    world.run("b")
    join = world.tasks(workflow_id)[3]
    assert (join["status"], join["reasonForIncompletion"]) == ("FAILED", "oops")
    assert world.status(workflow_id) == "FAILED"


def test_an_optional_branch_leaves_a_mark_on_the_join(world, build):
    workflow_id = world.start(
        fork(build, [build.simple("a", retryCount=0, optional=True)], [build.simple("b")]),
        build.system("JOIN", "j", joinOn=["a", "b"]),
    )
    world.run("a", "FAILED")
    task = world.run("b")
    join = world.tasks(workflow_id)[3]
    assert join["status"] == "COMPLETED_WITH_ERRORS"
    assert join["reasonForIncompletion"].startswith("a/")
    assert join["reasonForIncompletion"].endswith(" completed with errors")
    assert task["taskId"] not in join["reasonForIncompletion"]
    assert world.status(workflow_id) == "COMPLETED"


def test_a_fork_must_be_followed_by_a_join(world, build):
    workflow_id = world.start(fork(build, [build.simple("a")]))
    workflow = world.engine.workflows.get(workflow_id)
    assert workflow["status"] == "FAILED"
    assert "not followed by a join" in workflow["reasonForIncompletion"]


def test_forks_may_be_nested(world, build):
    inner = fork(build, [build.simple("a")], [build.simple("b")], ref="inner")
    workflow_id = world.start(
        fork(build, [inner, build.system("JOIN", "ij", joinOn=["a", "b"])], [build.simple("c")]),
        build.system("JOIN", "j", joinOn=["ij", "c"]),
    )
    for name in "abc":
        world.run(name)
    assert world.status(workflow_id) == "COMPLETED"


def switch(build, **members):
    return build.system(
        "SWITCH",
        "s",
        evaluatorType="value-param",
        expression="k",
        inputParameters={"k": "${workflow.input.k}"},
        decisionCases={"5": [build.simple("a"), build.simple("b")], "empty": []},
        **members,
    )


@pytest.mark.parametrize(
    ("value", "case", "steps"),
    [
        (5, "5", ["a", "b", "z"]),
        ("5", "5", ["a", "b", "z"]),
        ("other", "other", ["d", "z"]),
        (None, "null", ["d", "z"]),
    ],
)
def test_a_switch_takes_the_case_or_the_default(world, build, value, case, steps):
    workflow_id = world.start(
        switch(build, defaultCase=[build.simple("d")]), build.simple("z"), request={"input": {"k": value}}
    )
    (task, _) = world.tasks(workflow_id)
    assert (task["status"], task["taskDefName"]) == ("COMPLETED", "SWITCH")
    assert task["outputData"] == {"evaluationResult": [case], "selectedCase": case}
    assert task["inputData"] == {"k": value, "case": case, "hasChildren": "true"}
    for name in steps:
        assert world.status(workflow_id) == "RUNNING"
        world.run(name)
    assert world.status(workflow_id) == "COMPLETED"


@pytest.mark.parametrize("value", ["empty", "nothing"])
def test_a_switch_without_a_task_to_run_is_passed(world, build, value):
    workflow_id = world.start(switch(build), build.simple("z"), request={"input": {"k": value}})
    assert world.statuses(workflow_id) == [("s", "COMPLETED"), ("z", "SCHEDULED")]
    assert "hasChildren" not in world.tasks(workflow_id)[0]["inputData"]


LOOP = "if ($.d['iteration'] < 2) { true; } else { false; }"


def test_a_loop_runs_its_body_until_the_condition_is_false(world, build):
    body = [build.simple("a"), build.simple("b", inputParameters={"n": "${a.output.n}"})]
    workflow_id = world.start(build.system("DO_WHILE", "d", loopCondition=LOOP, loopOver=body), build.simple("z"))
    world.run("a", output={"n": 1})
    world.run("b")
    assert world.tasks(workflow_id)[0]["outputData"] == {"iteration": 2, "1": {"a": {"n": 1}, "b": {}}}
    world.run("a", output={"n": 2})
    (task,) = world.take("b")
    assert task["inputData"] == {"n": 2}
    assert (task["referenceTaskName"], task["iteration"], task["loopOverTask"]) == ("b__2", 2, True)
    world.send(task)
    assert world.statuses(workflow_id)[-1] == ("z", "SCHEDULED")
    loop = world.tasks(workflow_id)[0]
    assert (loop["status"], loop["outputData"]["iteration"], loop["outputData"]["2"]["a"]) == ("COMPLETED", 2, {"n": 2})


def test_a_loop_goes_by_its_inputs_and_by_what_its_tasks_gave(world, build):
    condition = "$.a['more'] == true && $.d['iteration'] < $.limit"
    loop = build.system(
        "DO_WHILE", "d", loopCondition=condition, inputParameters={"limit": 3}, loopOver=[build.simple("a")]
    )
    for answers, iterations in (([True, True, True], 3), ([True, False], 2)):
        workflow_id = world.start(loop)
        for more in answers:
            world.run("a", output={"more": more})
        assert world.status(workflow_id) == "COMPLETED"
        assert world.tasks(workflow_id)[0]["outputData"]["iteration"] == iterations


def test_a_loop_retries_a_task_of_its_body_and_fails_with_it(world, build):
    world.task_def(retryCount=1, retryDelaySeconds=0)
    workflow_id = world.start(build.system("DO_WHILE", "d", loopCondition=LOOP, loopOver=[build.simple("a")]))
    world.run("a", "FAILED")
    world.run("a")
    world.run("a", "FAILED")
    world.run("a", "FAILED")
    assert world.status(workflow_id) == "FAILED"
    assert [s for _, s in world.statuses(workflow_id)] == ["CANCELED", "FAILED", "COMPLETED", "FAILED", "FAILED"]


def test_a_switch_and_a_fork_run_inside_a_loop(world, build):
    body = [
        switch(build),
        fork(build, [build.simple("x")], [build.simple("y")]),
        build.system("JOIN", "j", joinOn=["x", "y"]),
    ]
    workflow_id = world.start(
        build.system("DO_WHILE", "d", loopCondition=LOOP, loopOver=body), request={"input": {"k": 5}}
    )
    for _ in range(2):
        for name in "abxy":
            world.run(name, output={"ran": name})
    assert world.status(workflow_id) == "COMPLETED"
    join = next(task for task in world.tasks(workflow_id) if task["referenceTaskName"] == "j__2")
    assert join["outputData"] == {"x__2": {"ran": "x"}, "y__2": {"ran": "y"}}


def test_a_wait_ends_by_its_duration_its_date_or_a_signal(world, build):
    workflow_id = world.start(build.system("WAIT", "w", inputParameters={"duration": "10 seconds"}), build.simple())
    world.clock.advance(9.9)
    assert world.statuses(workflow_id) == [("w", "IN_PROGRESS")]
    world.clock.advance(0.1)
    assert world.statuses(workflow_id)[1] == ("a", "SCHEDULED")
    until = world.start(build.system("WAIT", "w", inputParameters={"until": "2023-11-14 23:00 GMT"}))
    world.clock.advance(3600)
    assert world.status(until) == "COMPLETED"
    forever = world.start(build.system("WAIT", "w"))
    world.clock.advance(10**6)
    assert world.tasks(forever)[0]["callbackAfterSeconds"] == 2**31 - 1
    world.engine.signals.signal(forever, "COMPLETED", {"n": 1})
    assert world.engine.workflows.get(forever)["output"] == {"n": 1}
    world.engine.signals.signal(forever, "COMPLETED", {})


def test_a_sync_signal_answers_when_the_workflow_is_blocked_again_or_has_ended(world, build):
    workflow_id = world.start(build.system("WAIT", "w"), build.system("WAIT", "w2"), build.simple())
    signal = world.engine.signals.signal_sync
    answer = signal(workflow_id, "COMPLETED", {"n": 1}, "BLOCKING_TASK", 0)
    assert (answer["referenceTaskName"], answer["responseType"], answer["signalTimeout"]) == (
        "w2",
        "BLOCKING_TASK",
        False,
    )
    answer = signal(workflow_id, "COMPLETED", {}, "TARGET_WORKFLOW", 0)
    assert (answer["status"], answer["signalTimeout"], len(answer["tasks"])) == ("RUNNING", True, 3)
    with pytest.raises(Refusal) as caught:
        signal(workflow_id, "COMPLETED", {}, "TARGET_WORKFLOW", 0)
    assert caught.value.message == f"Found no blocked task in workflow {workflow_id} to signal"


def test_terminate_ends_the_workflow_with_its_status_and_output(world, build):
    for status, output, expected in (
        ("COMPLETED", {"n": "${a.output.n}"}, {"n": 3}),
        ("FAILED", 7, {"output": 7}),
        ("TERMINATED", None, {}),
    ):
        parameters = {"terminationStatus": status, "workflowOutput": output}
        workflow_id = world.start(
            build.simple(), build.system("TERMINATE", "t", inputParameters=parameters), build.simple("z")
        )
        world.run(output={"n": 3})
        workflow = world.engine.workflows.get(workflow_id)
        assert (workflow["status"], workflow["output"]) == (status, expected)
        task_id = workflow["tasks"][1]["taskId"]
        assert workflow["reasonForIncompletion"] == f"Workflow is {status} by TERMINATE task: {task_id}"
        assert world.take("z") == []


def test_variables_are_set_and_read(world, build):
    workflow_id = world.start(
        build.system("SET_VARIABLE", "v", inputParameters={"n": "${workflow.input.n}"}),
        build.simple(inputParameters={"n": "${workflow.variables.n}", "old": "${workflow.variables.old}"}),
        request={"input": {"n": [1]}},
        variables={"old": True},
    )
    (task,) = world.take()
    assert task["inputData"] == {"n": [1], "old": True}
    assert world.engine.workflows.status(workflow_id, include_variables=True)["variables"] == {"old": True, "n": [1]}


def sub(build, **members):
    return build.system(
        "SUB_WORKFLOW", "s", subWorkflowParam={"name": "child"}, inputParameters={"q": "${workflow.input.x}"}, **members
    )


def register_child(world, build, **members):
    world.engine.metadata.register_workflow_def(
        {"name": "child", "tasks": [build.simple("c")], "outputParameters": {"r": "${c.output.r}"}, **members}
    )


def test_a_sub_workflow_gives_its_output_to_its_task(world, build):
    register_child(world, build)
    workflow_id = world.start(sub(build), build.simple("z"), request={"input": {"x": 5}, "correlationId": "corr"})
    task = world.tasks(workflow_id)[0]
    child = world.engine.workflows.get(task["subWorkflowId"])
    assert (task["status"], child["input"], child["correlationId"]) == ("IN_PROGRESS", {"q": 5}, "corr")
    assert (child["parentWorkflowId"], child["parentWorkflowTaskId"]) == (workflow_id, task["taskId"])
    world.run("c", output={"r": 9})
    task = world.tasks(workflow_id)[0]
    assert task["status"] == "COMPLETED"
    assert task["outputData"] == {"subWorkflowId": child["workflowId"], "r": 9}
    assert world.statuses(workflow_id)[1] == ("z", "SCHEDULED")


def test_a_failed_sub_workflow_fails_its_parent(world, build):
    register_child(world, build)
    workflow_id = world.start(sub(build))
    world.run("c", "FAILED_WITH_TERMINAL_ERROR", reasonForIncompletion="bad")
    task = world.tasks(workflow_id)[0]
    assert world.status(workflow_id) == task["status"] == "FAILED"
    assert task["reasonForIncompletion"].startswith(
        f"Sub workflow child.1/{task['subWorkflowId']} failure reason: Task"
    )


def test_a_sub_workflow_is_retried_by_its_task_definition(world, build):
    register_child(world, build)
    world.task_def("s", retryCount=1, retryDelaySeconds=30)
    workflow_id = world.start(sub(build))
    world.run("c", "FAILED_WITH_TERMINAL_ERROR")
    assert [status for _, status in world.statuses(workflow_id)] == ["FAILED", "SCHEDULED"]
    world.clock.advance(30)
    world.run("c")
    assert world.status(workflow_id) == "COMPLETED"


def test_terminating_reaches_the_children_and_a_signal_does_too(world, build):
    world.engine.metadata.register_workflow_def({"name": "child", "tasks": [build.system("WAIT", "w")]})
    workflow_id = world.start(sub(build))
    world.engine.signals.signal(workflow_id, "COMPLETED", {})
    assert world.status(workflow_id) == "COMPLETED"
    workflow_id = world.start(sub(build))
    child = world.tasks(workflow_id)[0]["subWorkflowId"]
    world.engine.control.terminate(workflow_id, "stop")
    assert world.status(child) == "TERMINATED"
    assert world.engine.workflows.get(child)["reasonForIncompletion"] == (
        "Parent workflow has been terminated with reason: stop"
    )
    assert world.tasks(workflow_id)[0]["status"] == "CANCELED"


def test_a_child_that_ended_at_once_moves_its_parent(world, build):
    world.engine.metadata.register_workflow_def(
        {"name": "child", "tasks": [build.system("SET_VARIABLE", "v", inputParameters={"n": 1})]}
    )
    workflow_id = world.start(sub(build), sub(build) | {"taskReferenceName": "s2"})
    assert world.status(workflow_id) == "COMPLETED"


def test_a_failure_workflow_is_started(world, build):
    world.engine.metadata.register_workflow_def({"name": "sorry", "tasks": [build.simple("apologise")]})
    workflow_id = world.start(build.simple(retryCount=0), failureWorkflow="sorry", request={"input": {"x": 1}})
    failed = world.run(status="FAILED", reasonForIncompletion="why")
    started = world.engine.workflows.get(workflow_id)["output"]["conductor.failure_workflow"]
    given = world.engine.workflows.get(started)["input"]
    assert (given["x"], given["workflowId"], given["failureTaskId"]) == (1, workflow_id, failed["taskId"])
    assert given["failureStatus"] == "FAILED"
    missing = world.start(build.simple(retryCount=0), failureWorkflow="nobody")
    world.run(status="FAILED")
    assert "failed to start" in world.engine.workflows.get(missing)["output"]["conductor.failure_workflow"]


def test_an_unknown_type_is_a_workers_and_polled_by_that_name(world, build):
    workflow_id = world.start(build.system("MY_KIND", "u"))
    (task,) = world.take("MY_KIND")
    assert (task["taskDefName"], task["taskDefinition"]["retryCount"]) == ("u", 0)
    world.send(task)
    assert world.status(workflow_id) == "COMPLETED"


def test_a_start_delay_hides_the_task(world, build):
    world.start(build.simple(startDelay=10))
    world.clock.advance(9)
    assert world.take() == []
    world.clock.advance(1)
    assert len(world.take()) == 1


def test_templates_fill_in_what_is_missing_or_null(world, build):
    world.task_def(inputTemplate={"a": 1, "b": {"x": "${workflow.input.x}"}, "c": 9})
    world.start(
        build.simple(inputParameters={"a": 2, "c": "${workflow.input.none}"}),
        inputTemplate={"x": 11, "y": 1},
        request={"input": {"x": 5}},
    )
    (task,) = world.take()
    assert task["inputData"] == {"a": 2, "b": {"x": 5}, "c": 9}
    workflow = world.engine.workflows.get(task["workflowInstanceId"])
    assert workflow["input"] == {"x": 5, "y": 1}


def test_an_optional_task_that_ends_the_workflow_keeps_its_status(world, build):
    workflow_id = world.start(build.simple(optional=True, retryCount=0), outputParameters={"n": "${a.output.n}"})
    world.run(status="FAILED", output={"n": 2})
    workflow = world.engine.workflows.get(workflow_id)
    assert (workflow["status"], workflow["output"], workflow["tasks"][0]["status"]) == ("COMPLETED", {"n": 2}, "FAILED")


def test_a_terminate_that_came_out_wrong_fails(world, build):
    parameters = {"terminationStatus": "${workflow.input.status}"}
    body = [build.system("TERMINATE", "t", inputParameters=parameters)]
    workflow_id = world.start(build.system("DO_WHILE", "l", loopCondition="false", loopOver=body))
    workflow = world.engine.workflows.get(workflow_id)
    assert workflow["status"] == "FAILED"
    assert workflow["tasks"][1]["reasonForIncompletion"] == "given termination status is not valid"


def test_variables_have_a_limit(world, build):
    workflow_id = world.start(build.system("SET_VARIABLE", "v", inputParameters={"text": "x" * 300_000}))
    workflow = world.engine.workflows.get(workflow_id)
    assert (workflow["status"], workflow["variables"]) == ("FAILED", {})
    assert "is greater than the permissible limit: 256 kilobytes" in workflow["reasonForIncompletion"]


def test_a_wait_for_nonsense_fails_for_good(world, build):
    parameters = {"duration": "${workflow.input.long}"}
    workflow_id = world.start(
        build.system("WAIT", "w", inputParameters=parameters), request={"input": {"long": "for ages"}}
    )
    (task,) = world.tasks(workflow_id)
    assert (task["status"], world.status(workflow_id)) == ("FAILED_WITH_TERMINAL_ERROR", "FAILED")


def test_a_terminate_in_a_branch_cancels_the_others(world, build):
    parameters = {"terminationStatus": "COMPLETED", "workflowOutput": {"n": 1}}
    branch = [build.simple("a"), build.system("TERMINATE", "t", inputParameters=parameters)]
    workflow_id = world.start(fork(build, branch, [build.simple("b")]), build.system("JOIN", "j", joinOn=["t", "b"]))
    world.run("a")
    assert world.engine.workflows.get(workflow_id)["output"] == {"n": 1}
    assert dict(world.statuses(workflow_id)) == {
        "f": "COMPLETED",
        "a": "COMPLETED",
        "b": "CANCELED",
        "j": "CANCELED",
        "t": "COMPLETED",
    }
