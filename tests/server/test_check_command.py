"""``conductor-worker check``: the server, the environment and the workers."""

import json
import shutil
import site
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path
from time import time

import conductor_client
import pytest
from click.testing import CliRunner

import conductor
from conductor import AuthenticationSettings, TaskResult
from conductor.cli.program import program
from conductor.delivery.outbox import Outbox
from conductor.testing import DevServer
from support.stub import Answer, error

SIZES, VERSION, DEFINITION = "GET /tasks/queue/sizes", "GET /version", "GET /metadata/taskdefs/"

MODULE = """
from conductor import worker_task

@worker_task("charge")
def charge(amount: int, currency: str = "EUR") -> dict: ...

@worker_task("refund", register=True, task_def={"name": "refund", "responseTimeoutSeconds": 60})
def refund(amount: int) -> None: ...
"""


def check(url, *arguments):
    """The exit status, and the findings as ``{check: [(status, text), …]}``."""
    done = CliRunner().invoke(program, ["check", "--server", url, "--json", *arguments])
    found = {}
    for each in json.loads(done.stdout):
        found.setdefault(each["check"], []).append((each["status"], each["text"]))
    return done.exit_code, found


@pytest.fixture
def app(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "checked_app", raising=False)
    (tmp_path / "checked_app.py").write_text(MODULE)
    yield "checked_app"
    sys.modules.pop("checked_app", None)


def answer_with(stub, *, date=None, version="3.32.3"):
    headers = {} if date is None else {"Date": formatdate(time() + date)}
    stub.answers[SIZES].append(Answer(body={}, headers=headers))
    stub.answers[VERSION].append(version if isinstance(version, Answer) else Answer(body=version))


def test_all_is_well_with_a_server_that_answers():
    with DevServer() as server:
        status, found = check(server.url)
        assert found["server"] == [("ok", f"{server.url} answers")]
    assert status == 0
    assert found["access key"] == [("ok", "none is set, and the server asks for none")]
    assert found["server version"] == [("ok", "3.32.3")]
    assert found["variables"] == [("ok", "no CONDUCTOR_WORKER_… variable is misspelt")]


def test_text_for_people_has_a_line_for_each_check():
    with DevServer() as server:
        done = CliRunner().invoke(program, ["check", "--server", server.url])
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:3]] == [["server", "ok"], ["access", "key"]]


def test_a_server_that_cannot_be_reached_is_a_problem_and_the_other_checks_go_on(app):
    with DevServer() as server:
        url = server.url
    status, found = check(url, app)
    assert status == 1
    assert found["server"] == [("problem", f"cannot reach {url}: connection refused")]
    assert found["worker charge"] == [("ok", "charge(amount: int, currency: str = 'EUR') -> dict")]
    assert "server version" not in found
    assert "definition charge" not in found


def test_a_missing_access_key_is_a_problem(monkeypatch):
    with DevServer(key=AuthenticationSettings("id", "secret")) as server:
        status, found = check(server.url)
        assert (status, found["access key"][0][0]) == (1, "problem")
        monkeypatch.setenv("CONDUCTOR_AUTH_KEY", "id")
        monkeypatch.setenv("CONDUCTOR_AUTH_SECRET", "secret")
        assert check(server.url)[1]["access key"] == [("ok", "the server accepts it")]
        monkeypatch.setenv("CONDUCTOR_AUTH_SECRET", "wrong-secret")
        status, found = check(server.url)
    assert (status, found["access key"][0][0]) == (1, "problem")
    assert "wrong-secret" not in str(found)


@pytest.mark.parametrize("version", [error(404, "No static resource api/version."), Answer(body="<html>hello</html>")])
def test_a_server_that_does_not_tell_its_version_is_no_problem(stub, version):
    answer_with(stub, version=version)
    status, found = check(stub.url)
    assert status == 0
    ((status, text),) = found["server version"]
    assert (status, text.startswith("unknown: ")) == ("note", True)


@pytest.mark.parametrize(("seconds", "side"), [(90, "ahead of"), (-90, "behind")])
def test_a_clock_that_differs_is_a_problem(stub, seconds, side):
    answer_with(stub, date=seconds)
    status, found = check(stub.url)
    assert status == 1
    ((status, text),) = found["clock"]
    assert (status, side in text) == ("problem", True)


def test_a_clock_that_nearly_agrees_is_none(stub):
    answer_with(stub, date=2)
    assert check(stub.url)[1]["clock"][0][0] == "ok"


def test_the_definitions_of_workers_are_compared(app):
    with DevServer() as server:
        status, found = check(server.url, app)
    assert status == 1
    ((of_charge, text),) = found["definition charge"]
    assert (of_charge, text.startswith("no task definition is named charge")) == ("problem", True)
    assert found["definition refund"] == [("ok", "will be registered when the worker starts")]


def test_a_definition_that_cannot_be_read_is_a_problem_of_that_worker(stub, app):
    stub.answers[SIZES].append(Answer(body={}))
    stub.answers[DEFINITION].extend([error(500, "no database"), error(404, "No such taskType found by name: refund")])
    status, found = check(stub.url, app)
    assert status == 1
    assert "no database" in found["definition charge"][0][1]
    assert found["definition refund"][0][0] == "ok"


def test_a_module_that_cannot_be_imported_is_a_problem_and_the_others_are_checked(app, tmp_path):
    (tmp_path / "broken_app.py").write_text("from conductor import worker_task\n@worker_task('a/b')\ndef f(): ...\n")
    with DevServer() as server:
        status, found = check(server.url, "broken_app.py", app)
    assert status == 1
    ((status, text),) = found["module broken_app.py"]
    assert (status, "task_name must be a name" in text, "line 2" in text) == ("problem", True, True)
    assert found["worker refund"][0][0] == "ok"


def test_a_variable_that_no_setting_reads_is_a_problem(app, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_CHARGE_BATCHSIZE", "3")
    with DevServer() as server:
        status, found = check(server.url)
    assert status == 1
    ((status, text),) = found["variables"]
    assert (status, "CONDUCTOR_WORKER_CHARGE_BATCHSIZE" in text) == ("problem", True)


def test_a_variable_of_another_task_is_noted(app, monkeypatch):
    for name in ("CHARGE_TIMEOUT", "CHRAGE_POLL_TIMEOUT", "ALL_BATCH_SIZE"):
        monkeypatch.setenv(f"CONDUCTOR_WORKER_{name}", "3")
    with DevServer() as server:
        assert check(server.url)[1]["variables"][0][0] == "ok"
        found = check(server.url, app)[1]
    assert found["variables"] == [("note", "CONDUCTOR_WORKER_CHRAGE_POLL_TIMEOUT is for none of these workers")]


def test_a_variable_that_cannot_work_is_a_problem_of_its_worker(app, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_CHARGE_BATCH_SIZE", "many")
    with DevServer() as server:
        found = check(server.url, app)[1]
    ((status, text),) = found["worker charge"]
    assert (status, text.startswith("CONDUCTOR_WORKER_CHARGE_BATCH_SIZE must be")) == ("problem", True)
    assert found["worker refund"][0][0] == "ok"


@pytest.mark.parametrize(
    ("variable", "text", "name"),
    [
        ("CONDUCTOR_WORKER_SHUTDOWN_TIMEOUT", "soon", "runner"),
        ("CONDUCTOR_WORKER_METRICS_PORT", "many", "metrics"),
        ("CONDUCTOR_WORKER_OUTBOX", "/nowhere/results.db", "outbox"),
    ],
)
def test_a_setting_that_cannot_work_is_a_problem(monkeypatch, variable, text, name):
    monkeypatch.setenv(variable, text)
    with DevServer() as server:
        status, found = check(server.url)
    assert status == 1
    ((status, said),) = found[name]
    assert (status, text in said) == ("problem", True)


def test_an_outbox_is_looked_at_and_not_made(tmp_path, monkeypatch):
    path = tmp_path / "results.db"
    monkeypatch.setenv("CONDUCTOR_WORKER_OUTBOX", str(path))
    with DevServer() as server:
        assert check(server.url)[1]["outbox"][0][0] == "ok"
        assert not path.exists()
        outbox = Outbox(path, server.url)
        outbox.commit("charge", TaskResult("t", "w"))
        outbox.close()
        assert check(server.url)[1]["outbox"] == [("note", f"{path} holds results that are not delivered: 1")]
        path.chmod(0o666)
        assert check(server.url)[1]["outbox"][0][0] == "problem"


def test_what_a_module_prints_is_not_in_the_json(app, tmp_path):
    (tmp_path / "checked_app.py").write_text(f"print('hello')\n{MODULE}")
    with DevServer() as server:
        assert check(server.url, app)[1]["worker charge"][0][0] == "ok"


def test_a_module_that_ends_the_program_is_a_problem(app, tmp_path):
    (tmp_path / "checked_app.py").write_text("import sys\nsys.exit(3)\n")
    with DevServer() as server:
        status, found = check(server.url, app)
    assert status == 1
    assert "SystemExit: 3" in found["module checked_app"][0][1]


def test_two_workers_of_one_task_are_a_problem(app):
    with DevServer() as server:
        found = check(server.url, f"{app}:refund", f"{app}.py:refund")[1]
    assert found["worker refund"][1] == ("problem", "two workers have the task_name 'refund' without a domain")


def test_another_package_with_modules_of_the_same_name_is_a_problem(tmp_path, monkeypatch):
    installed = tmp_path / "conductor_python-2.0.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: conductor-python\nVersion: 2.0.0\n")
    (installed / "RECORD").write_text("conductor/client/__init__.py,,\n")
    (tmp_path / "conductor" / "client").mkdir(parents=True)
    (tmp_path / "conductor" / "client" / "__init__.py").touch()  # Python 3.12 leaves out files that are not there
    monkeypatch.syspath_prepend(tmp_path)
    with DevServer() as server:
        status, found = check(server.url)
    assert status == 1
    ((status, text),) = found["packages"]
    assert (status, text.startswith("conductor-python installs modules named conductor too")) == ("problem", True)


def test_a_wrong_url_is_a_usage_error():
    done = CliRunner().invoke(program, ["check", "--server", "ftp://host"])
    assert done.exit_code == 2
    assert "--server" in done.stderr


@pytest.fixture
def without_init(tmp_path):
    """A folder with the installed packages, and with this one but for its file ``conductor/__init__.py``."""
    for folder in map(Path, [*site.getsitepackages(), Path(conductor_client.__file__).parents[1]]):
        for each in folder.iterdir():
            if each.name != "conductor" and not (tmp_path / each.name).exists():
                (tmp_path / each.name).symlink_to(each)
    own = Path(conductor.__file__)
    shutil.copytree(own.parent, tmp_path / "conductor", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "conductor" / own.name).unlink()
    return tmp_path


def test_the_rest_of_this_package_after_the_removal_of_another_one_is_a_problem(without_init):
    """conductor-python has the file ``conductor/__init__.py`` too, and takes it away with it."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "conductor", "check", "--server", "http://127.0.0.1:1/api", "--json"],
        env={"PYTHONPATH": str(without_init)},
        cwd=without_init,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "conductor/__init__.py is missing" in done.stdout
