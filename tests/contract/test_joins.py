"""What a JOIN keeps of the outputs of its members, on both servers."""

from conductor import TaskDef, WorkflowDef, WorkflowTask
from support.waiting import eventually

OWNER = "team@example.com"


def test_a_join_keeps_what_a_member_had_before_it_ended(workflows, tasks, name, ended):
    steps = [WorkflowTask(f"{name}_{ref}", ref) for ref in ("a", "b")]
    tasks.register_task_defs(*(TaskDef(step.name, owner_email=OWNER) for step in steps))
    fork = WorkflowTask("f", "f", type="FORK_JOIN", fork_tasks=[[step] for step in steps])
    join = WorkflowTask("j", "j", type="JOIN", join_on=["a", "b"])
    workflows.register_workflow(WorkflowDef(name, [fork, join], owner_email=OWNER))
    workflow_id = workflows.start_workflow(name)
    (member,) = (task for task in workflows.get_workflow(workflow_id).tasks if task.reference_task_name == "a")
    tasks.update_task(member.task_id, workflow_id, "IN_PROGRESS", {"n": 1})

    def joined():
        found = workflows.get_workflow(workflow_id).tasks
        return next(task for task in found if task.reference_task_name == "j").output_data

    eventually(lambda: joined() == {"a": {"n": 1}})
    tasks.update_task(member.task_id, workflow_id, "COMPLETED", {})
    tasks.update_task_by_ref_name("b", workflow_id, "COMPLETED", {"n": 2})
    _, found = ended(workflow_id)
    assert found["j"].output_data == {"a": {"n": 1}, "b": {"n": 2}}
