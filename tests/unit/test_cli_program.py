"""The program conductor-worker: what all its commands have in common."""

import subprocess
import sys
import types

import click
import pytest
from click.testing import CliRunner

from conductor import ApiError, ConfigurationError, TransportError
from conductor.cli import program
from conductor.cli.modules import object_named, workers_named
from conductor.cli.output import Output, as_ascii, shown
from conductor.cli.session import with_session


def run(*arguments):
    return CliRunner().invoke(program.program, arguments)


@pytest.fixture
def command(monkeypatch):
    """Gives the program one command, which does what a test says."""

    def give(function):
        module = types.ModuleType("conductor.cli.for_a_test")
        module.command = click.command("for-a-test")(function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(program, "COMMANDS", {"for-a-test": module.__name__})

    return give


def fails_with(error):
    def function():
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigurationError("batch_size must be 1 or more"), 2),
        (TransportError("GET /tasks: connection refused"), 1),
        (ApiError(status=500, method="GET", path_template="/tasks", message="no\x1b[2Jtable", retryable=True), 1),
    ],
)
def test_an_error_is_one_line_and_an_exit_status(command, error, status):
    command(fails_with(error))
    done = run("for-a-test")
    assert done.exit_code == status
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "path", "problem"),
    [
        (["--fast"], "", "--fast"),
        (["rum"], "", "Do you mean 'run'?"),
        (["run"], " run", "Missing argument"),
        (["run", "app", "--proceses", "2"], " run", "--processes"),
        (["run", "app", "--processes", "many"], " run", "--processes"),
        (["run", "app", "--log", "xml"], " run", "'xml'"),
        (["run", "app", "--once", "--until-idle"], " run", "exclude each other"),
        (["run", "app", "--fa\x1b[2J\nst"], " run", "fa\\x1b[2J"),
        (["workflow", "strat"], " workflow", "Do you mean 'start'?"),
        (["workflow", "start"], " workflow start", "Missing argument"),
        (["task", "update", "id"], " task update", "Choose from: CANCELED, COMPLETED, "),
    ],
)
def test_a_wrong_command_line_is_one_line_that_names_the_help(arguments, path, problem):
    done = run(*arguments)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert problem in line
    assert line.endswith(f" (see 'program{path} --help')")
    assert done.stdout == ""


def test_an_option_without_its_value_is_one_line():
    assert run("run", "app", "--processes").stderr == "Error: Option '--processes' requires an argument.\n"


@pytest.mark.parametrize("arguments", [[], ["workflow"]])
def test_the_program_and_a_group_alone_show_their_help(arguments):
    assert run(*arguments).stderr.startswith("Usage: ")


def test_a_misspelt_command_is_answered_with_the_one_that_is_meant(command):
    command(fails_with(ConfigurationError("not called")))
    done = run("for-a-tset")
    assert done.exit_code == 2
    assert "there is no command 'for-a-tset'. Do you mean 'for-a-test'?" in done.stderr


@pytest.mark.parametrize(
    ("name", "hint"), [("list", "There are get, retry, start, terminate, watch"), ("strat", "Do you mean 'start'?")]
)
def test_an_unknown_command_of_a_group_is_answered_with_those_that_exist(name, hint):
    done = run("workflow", name)
    assert done.exit_code == 2
    assert f"there is no command {name!r}. {hint}" in done.stderr


def test_a_wrong_url_is_an_error_that_names_the_option(command):
    command(with_session(lambda session: None))
    done = run("for-a-test", "--server", "ftp://host")
    assert done.exit_code == 2
    assert "--server" in done.stderr


def test_a_wrong_url_in_the_environment_is_an_error_that_names_the_variable(command, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", "ftp://host")
    command(with_session(lambda session: None))
    done = run("for-a-test")
    assert done.exit_code == 2
    assert "CONDUCTOR_SERVER_URL" in done.stderr


def test_an_error_of_another_variable_does_not_blame_the_url(command, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_CLIENT_HTTP_TIMEOUT", "x")
    command(with_session(lambda session: None))
    done = run("for-a-test", "--server", "http://host")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: CONDUCTOR_CLIENT_HTTP_TIMEOUT ")
    assert "--server" not in done.stderr


def test_the_option_comes_before_the_variable(command, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", "http://variable:1/api")
    command(with_session(lambda session: click.echo(session.client.http_settings.base_url)))
    assert run("for-a-test", "--server", "http://option:1").stdout == "http://option:1/api\n"


def test_json_is_one_line_that_no_terminal_obeys(command):
    command(lambda: Output(as_json=True).show({"reason": "a\x1b[2J\u202eb\n\U000e0001"}, "not this"))
    assert run("for-a-test").stdout == '{"reason":"a\\u001b[2J\\u202eb\\n\\udb40\\udc01"}\n'


def test_text_for_people_has_no_markup_and_no_control_characters():
    assert shown("[bold]a[/bold]\x1b[2J").plain == "[bold]a[/bold]\\x1b[2J"
    assert as_ascii("né") == "né"


MODULE = """
from conductor import worker_task

@worker_task("charge")
def charge(amount: int) -> None: ...

@worker_task("refund")
def refund(amount: int) -> None: ...
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "tasks"),
    [("cli_app", ["charge", "refund"]), ("cli_app.py", ["charge", "refund"]), ("cli_app:refund", ["refund"])],
)
def test_workers_are_named_by_module_file_or_name(folder, name, tasks):
    (folder / "cli_app.py").write_text(MODULE)
    assert [worker.task_name for worker in workers_named((name,))] == tasks


STARTS = """
from conductor import TaskRunner
from conductor.testing import FakeTaskClient
runner = TaskRunner(FakeTaskClient())
runner.start_worker("charge", print)
"""


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("cli_app", "", "module 'cli_app' has no worker"),
        ("cli_app:nothing", "", "module 'cli_app' has no 'nothing'$"),
        ("cli_app:get_wether", "def get_weather(): ...", r"has no 'get_wether'\. Do you mean 'get_weather'\?"),
        ("cli_app:name", "", "module 'cli_app' has no 'name'$"),
        ("nowhere", "", "cannot import 'nowhere': ModuleNotFoundError"),
        ("cli_app", "\nimport nowhere_2", r"cannot import 'cli_app': ModuleNotFoundError: .*cli_app.py, line 2\)"),
        ("cli_app", "x = (", "cannot import 'cli_app': SyntaxError"),
        ("nowhere.py", "", "there is no file 'nowhere.py'"),
        (
            "cli_app",
            STARTS,
            r"started while its module is imported: move that below `if __name__ .*cli_app.py, line 5\)$",
        ),
        ("no module", "", "'no module' is no module"),
    ],
)
def test_a_name_without_workers_is_an_error_that_names_it(folder, name, text, problem):
    (folder / "cli_app.py").write_text(text)
    with pytest.raises(ConfigurationError, match=problem):
        workers_named((name,))


def test_an_object_of_a_module_is_found_by_its_path(folder):
    (folder / "cli_app.py").write_text("class Shop:\n    def charge(self): ...\n")
    assert object_named("cli_app:Shop.charge").__name__ == "charge"


@pytest.mark.parametrize(
    ("code", "name", "reason"),
    [
        ("class Mute(Exception):\n def __str__(self): raise KeyError\nraise Mute", "bad_app", "Mute: it has no text"),
        ("class Stop(BaseException): pass\nraise Stop('now')", "bad_app", "Stop: now"),
        ("def __getattr__(name): raise RuntimeError('no ' + name)", "bad_app:charge", "RuntimeError: no charge"),
        ("def __dir__(): raise RuntimeError", "bad_app:charge", "Error: module 'bad_app' has no 'charge'\n"),
    ],
)
def test_a_module_that_fails_in_an_unusual_way_is_one_sentence(tmp_path, monkeypatch, code, name, reason):
    (tmp_path / "bad_app.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    try:
        done = run("config", name)
    finally:
        sys.modules.pop("bad_app", None)
    assert done.exit_code == 2
    assert reason in done.stderr


def test_two_ends_of_a_program_exclude_each_other():
    done = run("run", "app", "--until-idle", "--once")
    assert done.exit_code == 2
    assert "--once and --until-idle exclude each other" in done.stderr


def leaves(command, name=""):
    """Each command that does something, with its name."""
    if not isinstance(command, click.Group):
        return {name: command}
    context = click.Context(command)
    names = command.list_commands(context)
    return {k: v for each in names for k, v in leaves(command.get_command(context, each), f"{name} {each}").items()}


def test_every_command_that_prints_something_has_json():
    found = {name.strip() for name, command in leaves(program.program).items() if "as_json" not in parameters(command)}
    assert found == {"run"}  # it prints nothing but its log, which has --log json


def parameters(command):
    return {each.name for each in command.params}


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e300"])
@pytest.mark.parametrize(
    "command",
    [
        ("top", "--interval"),
        ("workflow", "watch", "x", "--interval"),
        ("queue", "--recently"),
        ("run", "app", "--require-server"),
    ],
)
def test_seconds_that_nobody_can_wait_for_are_refused(command, seconds):
    done = run(*command, seconds)
    assert done.exit_code == 2
    assert f"'{command[-1]}'" in done.stderr


@pytest.mark.parametrize(
    ("given", "status", "text"), [("'{}'", 1, "cannot reach http://127.0.0.1:1"), ("-", 2, "standard input is closed")]
)
def test_standard_input_may_be_closed(given, status, text):
    command = f"{sys.executable} -m conductor workflow start charge --server http://127.0.0.1:1 --input {given} <&-"
    done = subprocess.run(command, shell=True, check=False, capture_output=True, text=True)  # noqa: S602 - for <&-
    assert done.returncode == status
    assert text in done.stderr
    assert "Traceback" not in done.stderr
