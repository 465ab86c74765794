"""Steps that a workflow makes while it runs: what the store must keep of them, and what is refused."""

from conductor.testing.engine import Engine
from conductor.testing.engine.state.clock import FakeClock


def test_a_dynamic_task_has_its_definition_after_a_restart(tmp_path, build):
    db, clock = str(tmp_path / "db"), FakeClock()
    engine = Engine(clock, db)
    engine.metadata.register_task_defs([{"name": "d", "retryCount": 1, "retryDelaySeconds": 0}])
    dynamic = build.system("DYNAMIC", "d", dynamicTaskNameParam="n", inputParameters={"n": "charge"})
    engine.metadata.register_workflow_def({"name": "w", "tasks": [dynamic]})
    workflow_id = engine.workflows.start({"name": "w"})
    engine.close()
    engine = Engine(clock, db)
    (task,) = engine.queues.poll("charge", "w", None, 1, 0)
    ids = {"taskId": task["taskId"], "workflowInstanceId": workflow_id, "workerId": "w"}
    engine.tasks.update({**ids, "status": "FAILED", "outputData": {}})
    (first, second) = engine.workflows.get(workflow_id)["tasks"]
    assert (first["status"], second["status"], second["taskDefName"]) == ("FAILED", "SCHEDULED", "charge")
    assert second["workflowTask"]["taskReferenceName"] == "d"
    engine.close()


def test_a_step_that_this_server_does_not_run_ends_the_workflow_with_a_reason(world, build):
    fork = build.system(
        *("FORK_JOIN_DYNAMIC", "f"),
        dynamicForkTasksParam="t",
        dynamicForkTasksInputParamName="i",
        inputParameters={"t": [build.system("KAFKA_PUBLISH", "k")], "i": {}},
    )
    workflow_id = world.start(fork, build.system("JOIN", "j"))
    workflow = world.engine.workflows.get(workflow_id)
    assert workflow["status"] == "FAILED"
    assert (
        workflow["reasonForIncompletion"] == "the embedded server does not support taskType: KAFKA_PUBLISH taskName: k"
    )


def test_a_retried_step_of_a_dynamic_fork_is_the_one_that_the_join_waits_for(world, build):
    world.task_def("charge", retryCount=1, retryDelaySeconds=0)
    steps = [build.simple("charge", ref="x")]
    fork = build.system(
        *("FORK_JOIN_DYNAMIC", "f"),
        dynamicForkTasksParam="t",
        dynamicForkTasksInputParamName="i",
        inputParameters={"t": steps, "i": {"x": {"n": 1}}},
    )
    workflow_id = world.start(fork, build.system("JOIN", "j"))
    world.run("charge", "FAILED")
    assert world.run("charge", output={"ok": True})["inputData"] == {"n": 1}
    assert world.status(workflow_id) == "COMPLETED"
    (join,) = (task for task in world.tasks(workflow_id) if task["taskType"] == "JOIN")
    assert join["outputData"] == {"x": {"ok": True}}
