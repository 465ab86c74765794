"""For tests of several steps: definitions with names of one test's own, answers of workers, workflows in short."""

from conductor import TaskDef, WorkflowDef, WorkflowTask
from conductor.errors import NotFoundError
from support.waiting import eventually

OWNER = "team@example.com"


class Story:
    """Workflows of one test. Tasks end from outside, by their reference names."""

    def __init__(self, tasks, workflows, name):
        self._tasks = tasks
        self._workflows = workflows
        self._name = name

    def step(self, ref, kind="SIMPLE", **members):
        """A step whose task definition has a name of this test's own."""
        return WorkflowTask(f"{self._name}_{ref}", ref, type=kind, **members)

    def sub(self, ref, of="child", **members):
        return self.step(ref, "SUB_WORKFLOW", sub_workflow_param={"name": f"{self._name}_{of}"}, **members)

    def fork(self, *branches, join_on=None):
        """A fork ``f`` of lists of steps, and its join ``j``."""
        refs = join_on or [branch[-1].task_reference_name for branch in branches]
        return [self.step("f", "FORK_JOIN", fork_tasks=list(branches)), self.step("j", "JOIN", join_on=refs)]

    def loop(self, *body, until=2):
        condition = f"if ($.l['iteration'] < {until}) {{ true; }} else {{ false; }}"
        return self.step("l", "DO_WHILE", loop_over=list(body), loop_condition=condition)

    def define(self, ref, **members):
        """Register the task definition of a step. By default nothing is retried."""
        members = {"retry_count": 0, "retry_delay_seconds": 0, "response_timeout_seconds": 60} | members
        self._tasks.register_task_defs(TaskDef(f"{self._name}_{ref}", owner_email=OWNER, **members))

    def workflow(self, which, *steps, **members):
        """Register a workflow. The definitions of tasks must have been registered before."""
        self._workflows.register_workflow(
            WorkflowDef(f"{self._name}_{which}", list(steps), owner_email=OWNER, **members)
        )

    def start(self, which="parent", input_data=None, **options):
        return self._workflows.start_workflow(f"{self._name}_{which}", input_data, **options)

    def end(self, workflow_id, ref, status="COMPLETED", output=None):
        """End an open task, as soon as it is there. A decision that the server missed is asked for."""

        def done():
            try:
                self._tasks.update_task_by_ref_name(ref, workflow_id, status, output)
            except NotFoundError:
                return False
            return True

        try:
            self._eventually(workflow_id, done)
        except AssertionError:
            raise AssertionError(f"no open task {ref}: it is {self.brief(workflow_id)}") from None

    def task(self, workflow_id, ref):
        """The last task with a reference name, as soon as it is there."""

        def found():
            tasks = self._workflows.get_workflow(workflow_id).tasks
            return next((task for task in reversed(tasks) if task.reference_task_name == ref), None)

        return eventually(found)

    def child(self, workflow_id, ref):
        return eventually(lambda: self.task(workflow_id, ref).sub_workflow_id)

    def assert_becomes(self, workflow_id, *expected):
        """Wait until the workflow has a status, and tasks as ``ref STATUS``, or ``ref.1 STATUS`` after one retry.

        A decision that the server missed is asked for.
        """
        seen = []

        def as_expected():
            seen[:] = self.brief(workflow_id)
            return seen == list(expected)

        try:
            self._eventually(workflow_id, as_expected)
        except AssertionError:
            raise AssertionError(f"it is {seen}, not {list(expected)}") from None

    def _eventually(self, workflow_id, probe):
        try:
            eventually(probe, 8)
        except AssertionError:
            self._workflows.decide(workflow_id)
            eventually(probe, 8)

    def brief(self, workflow_id):
        workflow = self._workflows.get_workflow(workflow_id)
        return [workflow.status, *(_brief(task) for task in workflow.tasks)]


def _brief(task):
    attempt = f".{task.retry_count}" if task.retry_count else ""
    return f"{task.reference_task_name}{attempt} {task.status}"
