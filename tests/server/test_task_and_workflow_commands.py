"""``conductor-worker task``, ``workflow`` and ``queue`` against the embedded server."""

import json

import pytest
from click.testing import CliRunner

from conductor import ApiClient, HttpSettings, TaskExecutor, TaskResultStatus, WorkflowExecutor
from conductor.cli.program import program
from conductor.task_client import HttpTaskClient
from conductor.testing import DevServer
from support.stub import Answer, error
from support.waiting import eventually

HOSTILE = "[bold]no\x1b[2J\nmoney\u202e"


class Commands:
    """The commands, and the executors, of one server."""

    def __init__(self, url):
        self.url = url
        self.api = ApiClient(http_settings=HttpSettings(url))
        self.tasks, self.workflows = TaskExecutor(self.api), WorkflowExecutor(self.api)

    def run(self, *arguments, stdin=None):
        return CliRunner().invoke(program, [*arguments, "--server", self.url], input=stdin)

    def succeed(self, *arguments, **more):
        done = self.run(*arguments, **more)
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *arguments, **more):
        return json.loads(self.succeed(*arguments, "--json", **more))

    def poll(self, task_name="charge", domain=None):
        (task,) = HttpTaskClient(self.api).batch_poll(task_name, "worker-1", domain, 1, 0.1).tasks
        return task


@pytest.fixture
def commands():
    with DevServer() as server:
        found = Commands(server.url)
        found.tasks.register_task_defs({"name": "charge", "retryCount": 0, "ownerEmail": "a@example.com"})
        steps = [{"name": "charge", "taskReferenceName": name, "type": "SIMPLE"} for name in ("first", "second")]
        found.workflows.register_workflow({"name": "order", "version": 1, "schemaVersion": 2, "tasks": steps})
        with found.api:
            yield found


@pytest.fixture
def workflow_id(commands):
    return commands.workflows.start_workflow("order", {"amount": 5})


def task_of(commands, workflow_id, place=0):
    return commands.workflows.get_workflow(workflow_id).tasks[place]


def test_a_workflow_is_started_with_the_input_of_the_command(commands):
    started = commands.succeed("workflow", "start", "order", "--input", '{"amount": 5}', "--correlation-id", "c-1")
    workflow = commands.workflows.get_workflow(started.strip())
    assert (workflow.input, workflow.correlation_id) == ({"amount": 5}, "c-1")
    read = commands.json("workflow", "start", "order", "--input", "-", "--domain", "charge=eu", stdin='{"amount": 6}')
    workflow = commands.workflows.get_workflow(read["workflowId"])
    assert (workflow.input, workflow.task_to_domain) == ({"amount": 6}, {"charge": "eu"})


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(["--input", "{"], "'--input': the text is no JSON"), (["--domain", "eu"], "--domain must be TASK=DOMAIN")],
)
def test_a_wrong_option_is_a_usage_error_and_starts_nothing(commands, arguments, problem):
    done = commands.run("workflow", "start", "order", *arguments)
    assert done.exit_code == 2
    assert problem in done.stderr
    assert commands.workflows.search().total_hits == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["task", "get", "nothing"],
        ["task", "logs", "nothing"],
        ["task", "update", "nothing", "--status", "FAILED"],
        ["workflow", "get", "nothing"],
        ["workflow", "watch", "nothing"],
        ["workflow", "retry", "nothing"],
        ["workflow", "terminate", "nothing"],
        ["workflow", "start", "nothing"],
    ],
)
def test_an_unknown_name_is_one_line_and_status_1(commands, arguments):
    done = commands.run(*arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert "nothing" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", [["get"], ["logs"], ["update", "--status", "FAILED"]])
def test_the_id_of_a_workflow_is_known_as_such(commands, workflow_id, command):
    done = commands.run("task", *command, workflow_id)
    assert done.exit_code == 1
    assert f"{workflow_id} is the id of a workflow, not of a task" in done.stderr
    assert f"workflow get {workflow_id}" in done.stderr


def test_a_task_is_shown_with_its_input_and_in_the_names_of_the_wire(commands, workflow_id):
    task_id = task_of(commands, workflow_id).task_id
    shown = commands.json("task", "get", task_id)
    assert (shown["taskId"], shown["referenceTaskName"]) == (task_id, "first")
    text = commands.succeed("task", "get", task_id)
    assert [line.split() for line in text.splitlines()[:3]] == [
        ["task", task_id],
        ["type", "charge"],
        ["status", "SCHEDULED"],
    ]


def test_an_update_finds_the_workflow_of_its_task(commands, workflow_id):
    task_id = commands.poll().task_id
    output = '{"receipt": "R-1"}'
    commands.succeed("task", "update", task_id, "--status", "COMPLETED", "--output", output)
    task = commands.tasks.get_task(task_id)
    assert (task.status, task.output_data) == ("COMPLETED", {"receipt": "R-1"})


def test_an_update_of_an_ended_task_is_an_error(commands, workflow_id):
    task_id = commands.poll().task_id
    commands.succeed("task", "update", task_id, "--status", "FAILED", "--reason", HOSTILE)
    done = commands.run("task", "update", task_id, "--status", "COMPLETED")
    assert done.exit_code == 1
    assert done.stderr == f"Error: task {task_id} has ended as FAILED: an update would be ignored\n"


def test_texts_of_others_cannot_move_the_cursor(commands, workflow_id):
    task_id = commands.poll().task_id
    commands.tasks.add_log(task_id, HOSTILE)
    commands.succeed("task", "update", task_id, "--status", "FAILED", "--reason", HOSTILE)
    for arguments in (
        ["task", "get", task_id],
        ["task", "logs", task_id],
        ["task", "search", "--task", "charge"],
        ["workflow", "get", workflow_id],
    ):
        for output in (commands.succeed(*arguments), commands.succeed(*arguments, "--json")):
            assert not {"\x1b", "\u202e"} & set(output)
            assert "[bold]no" in output
    assert "\x1b" not in commands.run("workflow", "watch", workflow_id).stdout


def test_logs_are_shown_oldest_first(commands, workflow_id):
    task_id = task_of(commands, workflow_id).task_id
    assert commands.json("task", "logs", task_id) == []
    for text in ("one", "two"):
        commands.tasks.add_log(task_id, text)
    assert [each["log"] for each in commands.json("task", "logs", task_id)] == ["one", "two"]


def test_a_traceback_in_a_log_is_shown_in_its_lines(commands, workflow_id):
    task_id = task_of(commands, workflow_id).task_id
    commands.tasks.add_log(task_id, "Traceback:\n  File x\x1b[2J\nValueError: no")
    shown = commands.succeed("task", "logs", task_id).splitlines()
    assert [line[22:] for line in shown] == ["Traceback:", "  File x\\x1b[2J", "ValueError: no"]


@pytest.mark.usefixtures("workflow_id")
def test_tasks_are_searched_by_type_and_status(commands):
    commands.workflows.start_workflow("order")
    polled = commands.poll().task_id
    commands.succeed("task", "update", polled, "--status", "FAILED")
    found = commands.json("task", "search", "--task", "charge", "--status", "FAILED")
    assert [each["taskId"] for each in found["results"]] == [polled]
    assert commands.json("task", "search", "workflowType=order AND status=SCHEDULED")["totalHits"] == 1
    assert commands.succeed("task", "search", "--size", "1").splitlines()[-1] == "1 of 2"


@pytest.mark.parametrize("command", [["task", "search"], ["task", "update", "t"]])
def test_a_misspelt_status_is_refused_with_the_nearest_one(commands, command):
    done = commands.run(*command, "--status", "faled")
    assert done.exit_code == 2
    assert "'faled' is not one of" in done.stderr
    assert "Do you mean 'FAILED'?" in done.stderr


def test_requeue_asks_before_it_changes_anything(commands, workflow_id):
    commands.poll()
    assert commands.run("task", "requeue", "charge", stdin="n\n").exit_code == 1
    assert commands.tasks.queue_sizes("charge") == {"charge": 0}
    assert commands.json("task", "requeue", "charge", "--yes") == {"taskType": "charge", "requeued": 1}
    assert commands.tasks.queue_sizes("charge") == {"charge": 1}


def test_a_watch_ends_with_its_workflow(commands, workflow_id):
    for _ in range(2):
        commands.tasks.update_task(commands.poll().task_id, workflow_id, TaskResultStatus.COMPLETED, {})
    done = commands.run("workflow", "watch", workflow_id, "--json")
    assert done.exit_code == 0
    changes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each.get("referenceTaskName"), each["status"]) for each in changes] == [
        ("first", "COMPLETED"),
        ("second", "COMPLETED"),
        (None, "COMPLETED"),
    ]


def test_a_watch_of_a_workflow_that_does_not_complete_has_status_1(commands, workflow_id):
    commands.succeed("workflow", "terminate", workflow_id, "--reason", "no stock")
    done = commands.run("workflow", "watch", workflow_id)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1].endswith("workflow TERMINATED: no stock")


def test_a_watch_goes_on_after_an_error_of_the_server(stub):
    running = {"workflowId": "w", "status": "RUNNING", "tasks": []}
    answers = [running, error(500, "no database"), error(500, "no database"), {**running, "status": "COMPLETED"}]
    stub.answers["GET /workflow/w"].extend(each if isinstance(each, Answer) else Answer(body=each) for each in answers)
    done = Commands(stub.url).run("workflow", "watch", "w", "--json", "--interval", "0.1")
    assert done.exit_code == 0
    changes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each.get("status") for each in changes] == ["RUNNING", None, "COMPLETED"]
    assert "no database" in changes[1]["problem"]


def test_a_watch_says_once_that_nobody_polls_the_task_that_waits(stub):
    task = {"taskId": "t", "taskType": "charge", "status": "SCHEDULED", "referenceTaskName": "first"}
    running = {"workflowId": "w", "status": "RUNNING", "tasks": [task]}
    ended = {"workflowId": "w", "status": "COMPLETED", "tasks": [{**task, "status": "COMPLETED"}]}
    stub.answers["GET /workflow/w"].extend(Answer(body=body) for body in (running, running, running, ended))
    stub.answers["GET /tasks/queue/all"].append(Answer(body={"charge": 1}))
    stub.answers["GET /tasks/queue/polldata/all"].append(Answer(body=[]))
    done = Commands(stub.url).run("workflow", "watch", "w", "--json", "--interval", "0.1")
    assert done.exit_code == 0
    problems = [json.loads(line).get("problem") for line in done.stdout.splitlines()]
    assert problems == [None, None, "nobody polls charge", None, None]


def test_a_failed_workflow_is_retried(commands, workflow_id):
    commands.succeed("task", "update", commands.poll().task_id, "--status", "FAILED")
    assert commands.workflows.get_workflow_status(workflow_id).status == "FAILED"
    commands.succeed("workflow", "retry", workflow_id)
    assert commands.workflows.get_workflow_status(workflow_id).status == "RUNNING"


def test_a_queue_with_tasks_and_without_a_poller_is_marked(commands, workflow_id):
    (queue,) = commands.json("queue", "charge")
    assert (queue["size"], queue["workerId"], queue["isUnattended"]) == (1, None, True)
    line = commands.succeed("queue").splitlines()[1]
    assert line.split() == ["charge", "1", "never", "nobody", "polls"]


def test_a_queue_that_somebody_polls_is_not_marked(commands, workflow_id):
    commands.poll()
    commands.workflows.start_workflow("order")
    (queue,) = commands.json("queue", "charge")
    assert (queue["size"], queue["workerId"], queue["isUnattended"]) == (1, "worker-1", False)
    # The time of the server is known within half a second.
    assert eventually(lambda: commands.json("queue", "charge", "--recently", "0")[0]["isUnattended"])


def test_the_queues_of_a_task_in_all_domains_are_shown(commands):
    commands.workflows.start_workflow("order", task_to_domain={"charge": "eu"})
    found = {(each["taskName"], each["domain"]): each["size"] for each in commands.json("queue", "charge", "refund")}
    assert found["charge", "eu"] == 1
    assert found["refund", None] == 0


def test_queues_of_the_server_itself_are_left_out(stub):
    stub.answers["GET /tasks/queue/all"].append(Answer(body={"WAIT": 2, "_deciderQueue": 1, "eu:charge": 3}))
    stub.answers["GET /tasks/queue/polldata/all"].append(Answer(body=[]))
    found = Commands(stub.url).json("queue")
    assert [(each["taskName"], each["domain"], each["size"]) for each in found] == [("charge", "eu", 3)]


@pytest.mark.parametrize("arguments", [["queue"], ["task", "get", "t"], ["workflow", "get", "w"]])
def test_a_wrong_url_has_status_2(arguments):
    done = CliRunner().invoke(program, [*arguments, "--server", "nowhere"])
    assert done.exit_code == 2
    assert "--server" in done.stderr


def test_ctrl_c_during_the_first_request_of_a_watch_has_its_status_too(stub, monkeypatch):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(WorkflowExecutor, "get_workflow", interrupted)
    assert CliRunner().invoke(program, ["workflow", "watch", "w", "--server", stub.url]).exit_code == 130
