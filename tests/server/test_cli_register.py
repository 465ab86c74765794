"""conductor-worker register, against an embedded server."""

import json

import pytest
from click.testing import CliRunner

from conductor import AuthenticationSettings, TaskExecutor, WorkflowExecutor
from conductor.cli.program import program
from conductor.testing import DevServer
from support.stub import Answer

STEP = {"name": "ship", "taskReferenceName": "ship"}


@pytest.fixture(scope="module")
def server():
    with DevServer() as server:
        yield server


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def register(server):
    return lambda *options: CliRunner().invoke(program, ["register", ".", "--server", server.url, *options])


def test_definitions_are_registered_and_the_next_time_they_are_the_same(folder, register, client):
    task = {"name": "cli-ship", "retryCount": 1, "inputKeys": ["a"], "ownerApp": "shop", "inputTemplate": {"a": None}}
    order = {"name": "cli-order", "version": 3, "tasks": [STEP], "createdBy": "me", "description": None}
    (folder / "all.json").write_text(json.dumps([order, task]))
    done = register()
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "new: task cli-ship (all.json)",
        "new: workflow cli-order, version 3 (all.json)",
        "2 new, 0 changed, 0 same, 0 refused",
    ]
    assert TaskExecutor(client).get_task_def("cli-ship").retry_count == 1
    assert WorkflowExecutor(client).get_workflow_def("cli-order", 3).name == "cli-order"
    assert [each["registered"] for each in json.loads(register("--json").stdout)] == [False, False]
    again = register("--check")
    assert again.exit_code == 0
    assert again.stdout.endswith("0 new, 0 changed, 2 same, 0 refused; nothing was sent\n")


@pytest.mark.parametrize(("option", "status"), [("--dry-run", 0), ("--check", 1)])
def test_a_change_is_shown_and_not_sent(folder, register, client, option, status):
    TaskExecutor(client).register_task_defs({"name": "cli-pay", "retryCount": 1})
    (folder / "pay.json").write_text('{"name": "cli-pay", "retryCount": 2}')
    done = register(option)
    assert done.exit_code == status
    assert done.stdout.splitlines() == [
        "changed: task cli-pay (pay.json)",
        "--- the server",
        "+++ pay.json",
        "@@ -1,4 +1,4 @@",
        " {",
        '   "name": "cli-pay",',
        '-  "retryCount": 1',
        '+  "retryCount": 2',
        " }",
        "0 new, 1 changed, 0 same, 0 refused; nothing was sent",
    ]
    assert TaskExecutor(client).get_task_def("cli-pay").retry_count == 1
    assert register().exit_code == 0
    assert TaskExecutor(client).get_task_def("cli-pay").retry_count == 2


def test_a_refused_definition_does_not_stop_the_others(folder, register, client):
    bad = {"name": "cli-bad", "timeoutSeconds": 5}
    (folder / "all.json").write_text(json.dumps([bad, {"name": "with/slash"}, {"name": "cli-good"}]))
    done = register("--json")
    assert done.exit_code == 1
    refused, unreadable, good = json.loads(done.stdout)
    assert (refused["name"], refused["state"], refused["registered"]) == ("cli-bad", "new", False)
    assert "responseTimeoutSeconds: 3600 must be less than timeoutSeconds: 5" in refused["error"]
    assert "'with/slash'" in unreadable["error"]
    assert (good["state"], good["registered"], good["error"]) == ("new", True, None)
    assert TaskExecutor(client).get_task_def("cli-good").name == "cli-good"


def test_faulty_files_are_told_and_nothing_is_sent(folder, register, client):
    (folder / "a.json").write_text('{"name": "cli-first"}')
    (folder / "b.json").write_text('[{"nam": "x\\u001b[2J"}]')
    done = register()
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "error: b.json: [0].nam: unknown key; the nearest known one is name",
        "error: b.json: [0].name: missing",
    ]
    assert "cli-first" not in [each.name for each in TaskExecutor(client).get_task_defs()]


def test_a_server_that_cannot_be_reached_is_one_sentence(folder):
    (folder / "a.json").write_text('{"name": "x"}')
    done = CliRunner().invoke(program, ["register", ".", "--server", "http://127.0.0.1:9"])
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_refused_access_key_ends_the_command_at_the_first_definition(folder):
    (folder / "a.json").write_text('[{"name": "x"}, {"name": "y"}]')
    with DevServer(key=AuthenticationSettings("the-id", "the-secret")) as server:
        done = CliRunner().invoke(program, ["register", ".", "--server", server.url])
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "401" in done.stderr


def test_definitions_that_were_sent_before_the_server_was_lost_are_told(folder, stub):
    (folder / "a.json").write_text('[{"name": "x"}, {"name": "y"}]')
    unknown = {"status": 404, "message": "No such taskType found by name: x", "instance": "here", "retryable": False}
    stub.answers["GET /metadata/taskdefs/x"].append(Answer(404, unknown))
    stub.answers["GET /metadata/taskdefs/y"].append(Answer(401, {"message": "no"}))
    done = CliRunner().invoke(program, ["register", ".", "--server", stub.url, "--json"])
    assert done.exit_code == 1
    assert [(each["name"], each["registered"]) for each in json.loads(done.stdout)] == [("x", True)]
