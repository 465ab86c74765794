"""``conductor-worker outbox``: the results that workers have kept in a file."""

import json
import os
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from conductor import ApiClient, HttpSettings, TaskExecutor, TaskResult, TaskResultStatus, WorkflowExecutor
from conductor.cli.program import program
from conductor.delivery.outbox import Outbox
from conductor.task_client import HttpTaskClient
from conductor.testing import DevServer
from support.stub import UPDATE, error

OTHER = "http://other:1/api"


def outbox(*arguments, stdin=None):
    return CliRunner().invoke(program, ["outbox", *arguments], input=stdin)


def as_json(*arguments):
    return json.loads(outbox(*arguments, "--json").stdout)


def result(task_id, workflow_id="w"):
    return TaskResult(task_id, workflow_id, TaskResultStatus.COMPLETED, {"done": True})


def keep(path, server, *results):
    opened = Outbox(path, server)
    for each in results:
        assert opened.commit("charge", each)
    opened.close()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "results.db")


def test_results_are_listed_with_age_task_and_server(path, monkeypatch):
    keep(path, OTHER, result("t1"), result("t\x1b[2J"))
    first, second = as_json("list", path)
    assert (first["taskId"], first["taskType"], first["server"]) == ("t1", "charge", OTHER)
    assert 0 <= first["ageSeconds"] < 60
    assert second["taskId"] == "t\x1b[2J"
    monkeypatch.setenv("CONDUCTOR_WORKER_OUTBOX", path)
    text = outbox("list").stdout
    assert "\x1b" not in text
    assert text.splitlines()[1].split()[-3:] == ["t1", "COMPLETED", OTHER]


def test_an_empty_outbox_is_no_error(path):
    keep(path, OTHER)
    assert outbox("list", path).stdout == "the outbox is empty\n"
    assert as_json("list", path) == []


@pytest.mark.parametrize("command", [["list"], ["send"], ["drop", "--yes"]])
def test_a_missing_file_is_an_error_and_is_not_made(command, tmp_path, path):
    done = outbox(*command, path)
    assert done.exit_code == 2
    assert f"outbox '{path}': there is no such file" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no database, but a text that is long enough to be taken for one" * 99])
def test_another_file_is_refused_and_stays_as_it_is(path, content):
    with open(path, "wb", opener=private) as file:
        file.write(content)
    done = outbox("list", path)
    assert done.exit_code == 2
    assert "it is no outbox that can be read" in done.stderr
    assert Path(path).read_bytes() == content


def private(path, flags):
    return os.open(path, flags, 0o600)


def test_a_file_that_others_may_write_to_is_refused(tmp_path, path):
    keep(path, OTHER, result("t1"))
    (tmp_path / "results.db").chmod(0o666)
    done = outbox("list", path)
    assert done.exit_code == 2
    assert f"other users may write to '{path}': check its content, then run chmod 600" in done.stderr


def polled(server):
    """A task that a worker has taken."""
    with ApiClient(http_settings=HttpSettings(server.url)) as api:
        step = {"name": "charge", "taskReferenceName": "first", "type": "SIMPLE"}
        WorkflowExecutor(api).register_workflow({"name": "o", "version": 1, "schemaVersion": 2, "tasks": [step]})
        WorkflowExecutor(api).start_workflow("o")
        (task,) = HttpTaskClient(api).batch_poll("charge", "worker-1", None, 1, 1.0).tasks
        return task


def test_results_are_sent_and_their_fates_are_told(server, path):
    task = polled(server)
    keep(path, server.url, result(task.task_id, task.workflow_instance_id), result("unknown"))
    keep(path, OTHER, result("t3"))
    done = outbox("send", path, "--server", server.url, "--json")
    assert done.exit_code == 0
    fates = [(each["taskId"], each["fate"]) for each in json.loads(done.stdout)]
    assert fates == [(task.task_id, "accepted"), ("unknown", "not needed"), ("t3", "kept")]
    assert [each["taskId"] for each in as_json("list", path)] == ["t3"]
    with ApiClient(http_settings=HttpSettings(server.url)) as api:
        assert TaskExecutor(api).get_task(task.task_id).status == "COMPLETED"


def test_a_result_that_the_server_does_not_accept_stays(stub, path):
    keep(path, stub.url, result("t1"), result("t2"))
    stub.answers[UPDATE].append(error(500, "no database"))
    done = outbox("send", path, "--server", stub.url)
    assert done.exit_code == 1
    assert [line.split()[:3] for line in done.stdout.splitlines()[1:]] == [
        ["kept", "charge", "t1"],
        ["accepted", "charge", "t2"],
    ]
    assert "no database" in done.stdout
    assert [each["taskId"] for each in as_json("list", path)] == ["t1"]


def test_a_server_that_cannot_be_reached_is_asked_once(path):
    with DevServer() as server:
        url = server.url
    keep(path, url, result("t1"), result("t2"))
    done = outbox("send", path, "--server", url, "--json")
    assert done.exit_code == 1
    first, second = json.loads(done.stdout)
    assert first["reason"].startswith("cannot reach")
    assert second["reason"].startswith("it was not tried after: cannot reach")
    assert len(as_json("list", path)) == 2


def test_a_result_that_cannot_be_read_stays_and_the_others_are_sent(stub, path):
    keep(path, stub.url, result("t1"), result("t2"))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE results SET result = '{' WHERE task_id = 't1'")
    database.close()
    done = outbox("send", path, "--server", stub.url, "--json")
    assert done.exit_code == 1
    assert [(each["fate"], each.get("reason")) for each in json.loads(done.stdout)] == [
        ("kept", "it cannot be read"),
        ("accepted", ""),
    ]


def test_columns_that_hold_no_text_are_no_error(stub, path):
    with open(path, "xb", opener=private):
        forge(path, stub.url)
    (listed,) = as_json("list", path)
    assert (listed["taskType"], listed["taskId"], listed["status"], listed["ageSeconds"]) == ("5", "", "1.5", None)
    done = outbox("send", path, "--server", stub.url, "--json")
    assert (done.exit_code, json.loads(done.stdout)[0]["reason"]) == (1, "it cannot be read")
    assert outbox("drop", path, "--yes").exit_code == 0
    assert as_json("list", path) == []


def forge(path, server):
    """A file with the columns of an outbox, but not their types."""
    columns = "server, task_id, workflow_instance_id, task_name, status, committed_at, result"
    with sqlite3.connect(path) as database:
        database.execute(f"CREATE TABLE results (number INTEGER PRIMARY KEY, {columns})")
        database.execute("INSERT INTO results VALUES (1, ?, NULL, NULL, 5, 1.5, NULL, 7)", [server])
    database.close()


def test_drop_names_the_results_and_asks(path):
    keep(path, OTHER, result("t1"), result("t2"))
    done = outbox("drop", path, stdin="n\n")
    assert done.exit_code == 1
    assert f"charge t1 COMPLETED for {OTHER}" in done.stderr
    assert "Delete 2 results for good?" in done.stderr
    assert len(as_json("list", path)) == 2
    assert outbox("drop", path, stdin="y\n").exit_code == 0
    assert as_json("list", path) == []


def test_drop_asks_for_one_result_in_the_singular(path):
    keep(path, OTHER, result("t1"))
    assert "Delete 1 result for good?" in outbox("drop", path, stdin="n\n").stderr


def test_drop_takes_only_the_named_tasks(path):
    keep(path, OTHER, result("t1"), result("t2"))
    assert outbox("drop", path, "--task", "t3", "--yes").stderr == "Error: the outbox has no result of task t3\n"
    dropped = as_json("drop", path, "--task", "t2", "--yes")
    assert [each["taskId"] for each in dropped] == ["t2"]
    assert [each["taskId"] for each in as_json("list", path)] == ["t1"]
