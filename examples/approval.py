"""A workflow that waits for a person's answer, and the calls of the program in which the person answers."""

import sys

from conductor import TaskExecutor, TaskResultStatus, WorkflowDef, WorkflowExecutor, WorkflowTask

REFUND = WorkflowDef(
    "refund",
    [WorkflowTask("approve_refund", "approval", type="HUMAN", input_parameters={"amount": "${workflow.input.amount}"})],
    output_parameters={"approved_by": "${approval.output.by}"},
    owner_email="team@example.com",
)


def ask(amount: int) -> str:
    """Start a refund, and return its workflow id."""
    with WorkflowExecutor() as workflows:
        workflows.register_workflow(REFUND)
        return workflows.start_workflow("refund", {"amount": amount})


def answer(workflow_id: str, person: str, *, approved: bool) -> None:
    """Raises NotFoundError if nobody is asked: the refund is answered already, or it has ended."""
    status = TaskResultStatus.COMPLETED if approved else TaskResultStatus.FAILED_WITH_TERMINAL_ERROR
    with TaskExecutor() as tasks:
        tasks.update_task_by_ref_name("approval", workflow_id, status, {"by": person})


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(ask(50))
    else:
        answer(sys.argv[1], "Ada", approved=True)
