"""The file of results that the server does not have yet: what is found in it again, and what happens when it fails."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings

from conductor import ConfigurationError, TaskExecLog, TaskResult, TaskResultStatus
from conductor.delivery import outbox as module
from conductor.delivery.outbox import Outbox
from support.outputs import output_of, sound
from support.waiting import eventually

SERVER = "http://server.example/api"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.db"


@pytest.fixture
def opened(path):
    """A function: an Outbox on that file, for one server or another. Each is what a process of its own would have."""
    boxes = []

    def opened(server=SERVER, at=path):
        boxes.append(Outbox(at, server))
        return boxes[-1]

    yield opened
    for box in boxes:
        box.close()


def a_result(task_id, **members):
    return TaskResult(task_id, f"workflow-of-{task_id}", **members)


def left(box):
    """What an earlier process left, in order."""
    found, after = [], 0
    while (kept := box.next_left(after)) is not None:
        found.append((kept.task_name, kept.result))
        after = kept.number
    return found


def left_ids(box):
    return [result.task_id for _, result in left(box)]


def run_sql(path, statement, *values):
    """As an operator, or another program, would."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def test_a_result_is_read_back_as_it_was_with_its_task_name(opened):
    result = a_result(
        "t1",
        status=TaskResultStatus.FAILED_WITH_TERMINAL_ERROR,
        output_data={"text": "ä\u2028\x00😀", "list": [1, 2.5, None, {"a": []}], "big": 10**300},
        reason_for_incompletion="OSError: no",
        worker_id="worker-1",
        logs=[TaskExecLog(log="line", task_id="t1", created_time=1_700_000_000_000)],
    )
    opened().commit("a_task", result)
    assert left(opened()) == [("a_task", result)]


@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sound)
def test_any_output_that_can_be_sent_is_read_back(opened, value):
    result = a_result("t1", output_data=output_of(value))
    box = opened()
    assert box.commit("t", result)
    assert left(opened()) == [("t", result)]
    box.delete(result)


def test_the_oldest_comes_first_whoever_committed_it(opened):
    boxes = [opened(), opened()]
    for number in range(30):
        boxes[number % 2].commit("t", a_result(f"t{number}"))
    assert left_ids(opened()) == [f"t{number}" for number in range(30)]


def test_what_this_process_commits_is_not_what_an_earlier_one_left(opened):
    opened().commit("t", a_result("before"))
    box = opened()
    box.commit("t", a_result("now"))
    opened().commit("t", a_result("another process, later"))
    assert left_ids(box) == ["before"]


def test_results_for_another_server_stay_where_they_are(opened):
    opened("http://a/api").commit("t", a_result("t1"))
    opened("http://b/api").commit("t", a_result("t1", output_data={"of": "b"}))
    at_a = opened("http://a/api")
    ((_, kept),) = left(at_a)
    assert kept.output_data == {}
    at_a.delete(kept)
    assert left(opened("http://a/api")) == []
    assert [result.output_data for _, result in left(opened("http://b/api"))] == [{"of": "b"}]


def test_what_is_deleted_is_gone_and_deleting_it_again_changes_nothing(opened):
    box = opened()
    for number in range(3):
        box.commit("t", a_result(f"t{number}"))
    for _ in range(2):
        box.delete(a_result("t1"))
    box.delete(a_result("unknown"))
    assert left_ids(opened()) == ["t0", "t2"]


def test_a_result_replaces_the_one_of_its_task_and_takes_its_place_in_the_order(opened):
    box = opened()
    for task_id, status in (("t1", "COMPLETED"), ("t2", "COMPLETED"), ("t1", "FAILED_WITH_TERMINAL_ERROR")):
        box.commit("t", a_result(task_id, status=TaskResultStatus(status)))
    assert [(result.task_id, result.status) for _, result in left(opened())] == [
        ("t2", "COMPLETED"),
        ("t1", "FAILED_WITH_TERMINAL_ERROR"),
    ]


def test_numbers_are_not_given_out_twice(opened):
    box = opened()
    box.commit("t", a_result("t1"))
    (_, first), other = left(opened())[0], opened()
    box.delete(first)
    box.commit("t", a_result("t2"))
    assert left(other) == []  # it was not there yet when that one began


def test_the_file_can_be_read_with_sql(opened, path):
    opened().commit("a_task", a_result("t1", output_data={"n": 1}))
    ((task_name, task_id, workflow_id, status, n),) = run_sql(
        path,
        "SELECT task_name, task_id, workflow_instance_id, status, json_extract(result, '$.outputData.n') FROM results",
    )
    assert (task_name, task_id, workflow_id, status, n) == ("a_task", "t1", "workflow-of-t1", "COMPLETED", 1)


DEEP = f'{{"outputData": {{"a": {"[" * 100_000}'


@pytest.mark.parametrize(
    "text",
    ["", "x", "{", "[]", '{"taskId": 1}', '{"taskId": "t1"}', '{"status": "DONE"}', pytest.param(DEEP, id="deep")],
)
def test_what_cannot_be_read_is_logged_and_kept_and_holds_up_no_other(opened, path, caplog, text):
    box = opened()
    for number in range(3):
        box.commit("t", a_result(f"t{number}"))
    run_sql(path, "UPDATE results SET result = ? WHERE task_id = 't1'", text)
    assert left_ids(opened()) == ["t0", "t2"]
    (record,) = [record for record in caplog.records if "a result cannot be read" in record.getMessage()]
    ids = record.task_id, record.workflow_instance_id, record.task_name, record.retry_count
    assert ids == ("t1", "workflow-of-t1", "t", None)
    assert run_sql(path, "SELECT result FROM results WHERE task_id = 't1'") == [(text,)]


def test_of_columns_that_are_no_text_the_same_is_true(opened, path, caplog):
    path.touch(mode=0o600)
    columns = "server, task_id, workflow_instance_id, task_name, status, committed_at, result"
    run_sql(path, f"CREATE TABLE results (number INTEGER PRIMARY KEY, {columns})")
    run_sql(path, "INSERT INTO results VALUES (1, ?, NULL, 2, 3.5, NULL, NULL, 7)", SERVER)
    box = opened()
    assert left(box) == []
    assert "a result cannot be read" in caplog.text
    assert box.count() == 1


def test_of_bytes_that_are_no_text_the_same_is_true(opened, path, caplog):
    box = opened()
    for number in range(3):
        box.commit("t", a_result(f"t{number}"))
    run_sql(path, "UPDATE results SET result = CAST(x'ff' AS TEXT) WHERE task_id = 't1'")
    assert left_ids(opened()) == ["t0", "t2"]
    assert "t1" in caplog.text


def test_a_file_that_cannot_be_read_any_more_is_named(opened, path, caplog):
    opened().commit("t", a_result("t1"))
    box = opened()
    run_sql(path, "DROP TABLE results")
    assert left_ids(box) == []
    assert f"outbox {box.path!r}: no such table: results" in caplog.text
    assert box.unreadable  # so that a runner does not take it for empty


def test_any_number_of_what_cannot_be_read_holds_up_no_other(opened, path):
    box = opened()
    for number in range(1100):
        box.commit("t", a_result(f"t{number}"))
    run_sql(path, "UPDATE results SET result = 'x' WHERE task_id != 't1099'")
    found = []
    with contextlib.suppress(RecursionError):  # whose traceback would take longer than the test
        found = left_ids(opened())
    assert found == ["t1099"]


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path):
    path.write_text("orders of 2024\n" * 100)
    with pytest.raises(ConfigurationError, match=str(path)):
        Outbox(path, SERVER)
    assert path.read_text() == "orders of 2024\n" * 100


@pytest.mark.parametrize("place", ["missing/outbox.db", ".", "\0"])
def test_a_path_that_cannot_work_is_refused_with_its_name(tmp_path, place):
    path = f"{tmp_path}/{place}"
    with pytest.raises(ConfigurationError) as caught:
        Outbox(path, SERVER)
    assert repr(path) in str(caught.value)


def test_the_file_is_for_this_user_alone(opened, path):
    """Outputs stand in it."""
    box = opened()
    box.commit("t", a_result("t1"))
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.glob(f"{path.name}*")} == {
        path.name: "0o600",
        f"{path.name}-wal": "0o600",
        f"{path.name}-shm": "0o600",
    }


FILES = ("", "-wal", "-shm", "-journal")


@pytest.mark.parametrize("end", FILES)
def test_a_symbolic_link_is_refused_and_not_followed(tmp_path, path, end):
    """Whoever put it there chooses the file that is written."""
    target = tmp_path / "of another program"
    target.write_text("")
    path.with_name(path.name + end).symlink_to(target)
    with pytest.raises(ConfigurationError, match=f"'{path}{end}' is a symbolic link: give the path of a file"):
        Outbox(path, SERVER)
    assert target.read_text() == ""


def test_a_symbolic_link_to_nowhere_is_refused_and_makes_no_file(tmp_path, path):
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="is a symbolic link"):
        Outbox(path, SERVER)
    assert not (tmp_path / "elsewhere").exists()


def test_a_symbolic_link_to_its_directory_is_followed(opened, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert opened(at=tmp_path / "link" / "outbox.db").commit("t", a_result("t1"))
    assert (tmp_path / "data" / "outbox.db").exists()


@pytest.mark.parametrize("end", FILES)
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(path, mode, end):
    """They could send what they like in this worker's name."""
    file = path.with_name(path.name + end)
    file.touch()
    file.chmod(mode)
    with pytest.raises(
        ConfigurationError, match=f"other users may write to '{file}': check its content, then run chmod 600"
    ):
        Outbox(path, SERVER)


def test_a_file_that_others_may_only_read_is_none_of_its_business(opened, path):
    path.touch()
    path.chmod(0o644)
    assert opened().commit("t", a_result("t1"))


@pytest.mark.parametrize("end", FILES)
@pytest.mark.parametrize(("owner", "this_user"), [(1234, 0), (0, 1234)])
def test_a_file_of_another_user_is_refused_also_by_root(path, end, owner, this_user, monkeypatch):
    file = path.with_name(path.name + end)
    file.touch(mode=0o600)
    lstat = os.lstat
    monkeypatch.setattr(os, "geteuid", lambda: this_user)
    monkeypatch.setattr(os, "lstat", lambda each: owned_by(owner if each == str(file) else this_user, lstat(each)))
    with pytest.raises(ConfigurationError, match=f"'{file}' is user {owner}'s: run as that user"):
        Outbox(path, SERVER)


def owned_by(user, found):
    return os.stat_result((*found[:4], user, *found[5:]))


def test_what_is_no_file_is_refused(path):
    os.mkfifo(path, 0o600)
    with pytest.raises(ConfigurationError, match=f"'{path}' is no file"):
        Outbox(path, SERVER)


def test_another_one_of_the_same_process_takes_no_lock_from_the_first(opened, path):
    """Else a look from outside, the last one as far as it knows, would delete what the first writes to."""
    first = opened()
    first.commit("t", a_result("t1"))
    opened()
    look = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT * FROM results'); db.close()"
    subprocess.run([sys.executable, "-c", look, path], check=True)
    assert first.commit("t", a_result("t2"))
    assert first.holds(a_result("t2"))


def test_a_relative_path_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    box = Outbox("outbox.db", SERVER)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert box.commit("t", a_result("t1"))
    box.close()
    assert box.path == str(tmp_path / "outbox.db")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_full_file_takes_no_more_says_so_and_has_room_again_after_a_delete(opened, monkeypatch, caplog):
    monkeypatch.setattr(module, "LARGEST_FILE", 100 * 4096)
    box = opened()
    large = [a_result(f"t{number}", output_data={"x": "x" * 100_000}) for number in range(5)]
    kept = [box.commit("t", result) for result in large]
    assert kept == [True, True, True, False, False]
    assert f"outbox {box.path!r}: database or disk is full" in caplog.text
    box.delete(large[0])
    assert box.commit("t", large[4])
    assert left_ids(opened()) == ["t1", "t2", "t4"]


@pytest.fixture
def locked(path):
    """A function: another program holds the file until the context that it returns is left."""

    class Locked:
        def __enter__(self):
            self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self.connection.execute("BEGIN IMMEDIATE")

        def __exit__(self, *exc_info):
            self.connection.execute("COMMIT")
            self.connection.close()

    return Locked


def test_a_file_that_stays_locked_takes_no_more_and_says_so(opened, locked, monkeypatch, caplog):
    monkeypatch.setattr(module, "LOCKED_FOR", 0.01)
    box = opened()
    box.commit("t", a_result("t1"))
    with locked():
        assert box.commit("t", a_result("t2")) is False
        box.delete(a_result("t1"))
        assert left_ids(box) == []
        assert caplog.text.count(f"outbox {box.path!r}: database is locked") == 2
    assert box.commit("t", a_result("t3"))
    assert left_ids(opened()) == ["t1", "t3"]


@pytest.mark.parametrize("is_new", [False, True])
def test_a_file_that_is_locked_for_a_moment_is_waited_for(opened, locked, is_new):
    """A new one too: several workers may be started together."""
    if not is_new:
        opened().close()
    begun = threading.Event()
    with ThreadPoolExecutor(1) as other:
        with locked():
            opening = other.submit(lambda: (begun.set(), opened())[1])
            assert begun.wait(5)
            threading.Event().wait(0.05)
        box = opening.result(10)
    assert box.commit("t", a_result("t1"))


def test_after_its_end_it_takes_nothing_and_raises_nothing(opened):
    box = opened()
    box.commit("t", a_result("t1"))
    box = opened()
    box.close()
    box.close()
    assert box.commit("t", a_result("t2")) is False
    box.delete(a_result("t1"))
    assert box.next_left() is None
    assert left_ids(opened()) == ["t1"]


def test_threads_share_it(opened):
    box = opened()
    with ThreadPoolExecutor(8) as threads:
        committed = list(threads.map(lambda n: box.commit("t", a_result(f"t{n}")), range(100)))
        list(threads.map(lambda n: box.delete(a_result(f"t{n}")), range(0, 100, 2)))
    assert committed == [True] * 100
    assert sorted(left_ids(opened())) == sorted(f"t{n}" for n in range(1, 100, 2))


COMMIT = """
import sys
from conductor import TaskResult
from conductor.delivery.outbox import Outbox

box = Outbox(sys.argv[1], sys.argv[2])
print("ready", flush=True)
for number in range(100):
    result = TaskResult(f"{sys.argv[3]}-{number}", "w")
    assert box.commit("t", result)
    if number % 2:
        box.delete(result)
print("done", flush=True)
input()
"""


def test_processes_share_it_and_a_killed_one_leaves_all_it_committed(opened, path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", COMMIT, path, SERVER, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdout.readline() == "done\n"
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    ids = left_ids(opened())
    for name in ("a", "b"):
        assert [i for i in ids if i.startswith(name)] == [f"{name}-{n}" for n in range(0, 100, 2)]
    eventually(lambda: run_sql(path, "PRAGMA integrity_check") == [("ok",)])
