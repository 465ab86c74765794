import pytest

from conductor.testing.engine import Engine
from conductor.testing.engine.state.clock import FakeClock


class World:
    """An engine on a fake clock, and the short names that tests need."""

    def __init__(self, **options):
        self.clock = FakeClock()
        self.engine = Engine(self.clock, **options)

    def task_def(self, name="a", **members):
        self.engine.metadata.register_task_defs([{"name": name, "responseTimeoutSeconds": 3600, **members}])

    def start(self, *tasks, request=None, **members):
        self.engine.metadata.register_workflow_def({"name": "wf", "tasks": list(tasks), **members}, overwrite=True)
        return self.engine.workflows.start({"name": "wf", **(request or {})})

    def take(self, task_type="a", worker="w", domain=None, count=1):
        return self.engine.queues.poll(task_type, worker, domain, count, 0)

    def send(self, task, status="COMPLETED", output=None, **members):
        ids = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"], "workerId": "w"}
        return self.engine.tasks.update({**ids, "status": status, "outputData": output or {}, **members})

    def run(self, task_type="a", status="COMPLETED", output=None, **members):
        (task,) = self.take(task_type)
        self.send(task, status, output, **members)
        return task

    def status(self, workflow_id):
        return self.engine.workflows.get(workflow_id)["status"]

    def tasks(self, workflow_id):
        return self.engine.workflows.get(workflow_id)["tasks"]

    def statuses(self, workflow_id):
        return [(task["referenceTaskName"], task["status"]) for task in self.tasks(workflow_id)]

    def task(self, task):
        return self.engine.tasks.get(task["taskId"])


def simple(name="a", **members):
    return {"name": name, "taskReferenceName": members.pop("ref", name), "type": "SIMPLE", **members}


def system(kind, ref, **members):
    return {"name": ref, "taskReferenceName": ref, "type": kind, **members}


@pytest.fixture
def world():
    world = World()
    yield world
    world.engine.close()


@pytest.fixture
def make_world():
    made = []

    def make(**options):
        made.append(World(**options))
        return made[-1]

    yield make
    for world in made:
        world.engine.close()


@pytest.fixture
def build():
    """Workflow tasks: build.simple("a"), build.system("WAIT", "w")."""

    class Build:
        simple = staticmethod(simple)
        system = staticmethod(system)

    return Build
