"""Settings from the environment: which variable sets what, in which order, and how each is shown."""

import inspect
import logging
import re
import socket
from functools import partial
from pathlib import Path

import pytest

from conductor import ConfigurationError, HttpSettings, MetricsSettings, Setting, TaskRunner, Worker
from conductor.testing import FakeTaskClient
from conductor.worker import WorkerOptions
from conductor.worker_settings import settings_of, with_environment


def do_nothing(task):
    pass


def resolved(name="ship", **options):
    return with_environment(Worker(name, do_nothing, **options))


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "conductor")
    return lambda: [(each.levelname, each.getMessage()) for each in caplog.records]


@pytest.mark.parametrize(
    ("variable", "text", "option", "value"),
    [
        ("BATCH_SIZE", "20", "batch_size", 20),
        ("BATCH_SIZE", " 20\n", "batch_size", 20),
        ("THREAD_COUNT", "20", "batch_size", 20),
        ("DOMAIN", "blue", "domain", "blue"),
        ("DOMAIN", "", "domain", None),
        ("POLL_INTERVAL", "0.25", "poll_interval", 0.25),
        ("POLL_INTERVAL", ".5", "poll_interval", 0.5),
        ("POLL_INTERVAL", "60", "poll_interval", 60.0),
        ("POLL_INTERVAL", "250ms", "poll_interval", 0.25),
        ("POLL_INTERVAL", "90 s", "poll_interval", 90.0),
        ("POLL_INTERVAL", "0", "poll_interval", 0.0),
        ("POLL_INTERVAL", "", "poll_interval", None),
        ("POLLING_INTERVAL", "500", "poll_interval", 0.5),
        ("POLL_INTERVAL_MILLIS", "500", "poll_interval", 0.5),
        ("POLL_TIMEOUT", "2.5", "poll_timeout", 2.5),
        ("POLL_TIMEOUT", "100ms", "poll_timeout", 0.1),
        ("LEASE_EXTENSION", "true", "lease_extension", True),
        ("LEASE_EXTEND_ENABLED", "Yes", "lease_extension", True),
        ("LEASE_EXTENSION", "off", "lease_extension", False),
        ("TIMEOUT", "120", "timeout", 120.0),
        ("TIMEOUT", "1e2", "timeout", 100.0),
        ("TIMEOUT", "", "timeout", None),
        ("PAUSED", "1", "paused", True),
        ("PAUSED", "0", "paused", False),
    ],
)
@pytest.mark.parametrize("whose", ["SHIP", "ALL"])
def test_a_variable_sets_an_option_of_a_worker(monkeypatch, whose, variable, text, option, value):
    monkeypatch.setenv(f"CONDUCTOR_WORKER_{whose}_{variable}", text)
    switches = {"lease_extension": value is False, "paused": value is False}
    worker = resolved(batch_size=5, domain="green", poll_interval=5, poll_timeout=5, timeout=5, **switches)
    assert getattr(worker, option) == value
    assert worker.sources == {option: f"CONDUCTOR_WORKER_{whose}_{variable}"}


@pytest.mark.parametrize(
    ("variable", "option", "value"),
    [
        ("conductor.worker.ship.thread_count=7", "batch_size", 7),
        ("conductor.worker.all.thread_count=7", "batch_size", 7),
        ("conductor.worker.ship.poll_interval=500", "poll_interval", 0.5),
        ("conductor.worker.all.polling_interval=500", "poll_interval", 0.5),
        ("conductor.worker.all.poll_timeout=100", "poll_timeout", 0.1),
        ("conductor.worker.all.lease_extend_enabled=true", "lease_extension", True),
        ("conductor.worker.ship.paused=yes", "paused", True),
        ("conductor.worker.ship.domain=blue", "domain", "blue"),
        ("conductor_worker_ship_poll_interval=1500", "poll_interval", 1.5),
        ("CONDUCTOR_WORKER_ship_DOMAIN=blue", "domain", "blue"),
        ("CONDUCTOR_WORKER_ship_POLLING_INTERVAL=1500", "poll_interval", 1.5),
    ],
)
def test_the_spellings_of_conductor_python_work_with_its_milliseconds(monkeypatch, variable, option, value):
    name, _, text = variable.partition("=")
    monkeypatch.setenv(name, text)
    worker = resolved()
    assert getattr(worker, option) == value
    assert worker.sources == {option: name}


@pytest.mark.parametrize("name", ["my-task", "my.task", "my task", "MY_TASK", "my_task", "my:task", "myätask"])
def test_a_character_that_a_variable_cannot_have_is_an_underscore(monkeypatch, name):
    monkeypatch.setenv("CONDUCTOR_WORKER_MY_TASK_BATCH_SIZE", "9")
    assert resolved(name).batch_size == 9


def test_the_variable_of_the_task_comes_before_that_of_all_and_both_before_the_code(monkeypatch):
    assert resolved(batch_size=2).batch_size == 2
    monkeypatch.setenv("CONDUCTOR_WORKER_ALL_BATCH_SIZE", "3")
    assert resolved(batch_size=2).batch_size == 3
    monkeypatch.setenv("CONDUCTOR_WORKER_SHIP_THREAD_COUNT", "4")
    assert resolved(batch_size=2).batch_size == 4
    monkeypatch.setenv("CONDUCTOR_WORKER_SHIP_BATCH_SIZE", "5")
    assert resolved(batch_size=2).batch_size == 5
    assert resolved("pack", batch_size=2).batch_size == 3


def test_of_two_spellings_of_one_variable_that_in_capitals_counts(monkeypatch):
    for name in ("conductor.worker.all.domain", "conductor_worker_all_domain", "CONDUCTOR_WORKER_ALL_DOMAIN"):
        monkeypatch.setenv(name, name)
    assert resolved().domain == "CONDUCTOR_WORKER_ALL_DOMAIN"


def test_an_empty_domain_for_one_task_takes_it_out_of_the_domain_for_all(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_ALL_DOMAIN", "blue")
    monkeypatch.setenv("CONDUCTOR_WORKER_SHIP_DOMAIN", "")
    assert (resolved("pack").domain, resolved("ship").domain) == ("blue", None)


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("ALL_BATCH_SIZE", "many", "must be a whole number from 1 to 2147483647, not 'many'"),
        ("ALL_BATCH_SIZE", "0", "must be a whole number from 1 to 2147483647, not 0"),
        ("ALL_BATCH_SIZE", "-1", "must be a whole number from 1 to 2147483647, not -1"),
        ("ALL_BATCH_SIZE", "1.5", "must be a whole number from 1 to 2147483647, not '1.5'"),
        ("ALL_BATCH_SIZE", "1_000", "must be a whole number from 1 to 2147483647, not '1_000'"),
        ("ALL_BATCH_SIZE", "", "must be a whole number from 1 to 2147483647, not ''"),
        ("ALL_BATCH_SIZE", "9" * 5000, "must be a whole number from 1"),
        ("SHIP_THREAD_COUNT", "x", "must be a whole number from 1"),
        ("ALL_DOMAIN", "NO_DOMAIN", "must be a name, not 'NO_DOMAIN'"),
        ("ALL_DOMAIN", "a\nb", "must be a name without control characters"),
        ("SHIP_POLL_INTERVAL", "soon", "must be a duration such as 0.5, 2s or 500ms, not 'soon'"),
        ("SHIP_POLL_INTERVAL", "nan", "must be a duration"),
        ("SHIP_POLL_INTERVAL", "-1", "must be at least 0 s, not -1 s"),
        ("SHIP_POLL_INTERVAL", "500", "must have a unit, because 500 may be meant as 500s or 500ms"),
        ("SHIP_POLL_TIMEOUT", "100", "must have a unit"),
        ("SHIP_POLL_TIMEOUT", "6", "must be at most 5 s, not 6 s"),
        ("SHIP_POLL_TIMEOUT", "2m", "must be a duration"),
        ("SHIP_TIMEOUT", "0", "must be at least 0.001 s, not 0 s"),
        ("SHIP_TIMEOUT", "9e999", "must be a number of seconds"),
        ("SHIP_LEASE_EXTENSION", "maybe", "must be true or false, not 'maybe'"),
        ("SHIP_PAUSED", "", "must be true or false, not ''"),
    ],
)
def test_a_bad_value_is_an_error_that_names_the_variable_and_starts_nothing(monkeypatch, variable, text, problem):
    monkeypatch.setenv(f"CONDUCTOR_WORKER_{variable}", text)
    with TaskRunner(FakeTaskClient()) as runner:
        with pytest.raises(ConfigurationError, match=f"CONDUCTOR_WORKER_{variable} {problem}"):
            runner.start_worker("ship", do_nothing)
        with pytest.raises(ConfigurationError, match=f"CONDUCTOR_WORKER_{variable} {problem}"):
            runner.start_workers(Worker("pack", do_nothing, domain="d"), Worker("ship", do_nothing))
        assert not runner.get_batch_size_for_all()


def test_a_bad_value_for_a_task_without_a_worker_disturbs_nobody(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_PACK_BATCH_SIZE", "many")
    assert resolved("ship").batch_size == 1


def test_a_running_worker_has_the_settings_of_the_environment_at_its_start(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_SHIP_BATCH_SIZE", "20")
    monkeypatch.setenv("CONDUCTOR_WORKER_ALL_DOMAIN", "blue")
    client = FakeTaskClient()
    with TaskRunner(client) as runner:
        runner.start_worker("ship", lambda task: "done", 2)
        assert runner.get_batch_size_for_all() == {("ship", "blue"): 20}
        monkeypatch.setenv("CONDUCTOR_WORKER_SHIP_BATCH_SIZE", "30")
        client.add_task("ship", domain="blue")
        assert client.results(1)[0].output_data == {"result": "done"}
        assert runner.get_batch_size_for_task("ship", "blue") == 20


def test_a_worker_may_be_paused_by_the_environment(monkeypatch, said):
    monkeypatch.setenv("CONDUCTOR_WORKER_ALL_PAUSED", "true")
    monkeypatch.setenv("CONDUCTOR_WORKER_PACK_PAUSED", "false")
    client = FakeTaskClient()
    client.add_task("ship")
    client.add_task("pack")
    with TaskRunner(client, worker_id="me") as runner:
        runner.start_workers(Worker("ship", lambda task: "ship"), Worker("pack", lambda task: "pack"))
        assert client.results(1)[0].output_data == {"result": "pack"}
        assert any(text.startswith("polling ship (paused)") for _, text in said())
        runner.resume()
        assert client.results(2)[1].output_data == {"result": "ship"}


def test_two_workers_that_a_variable_puts_into_one_domain_are_refused_with_its_name(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_ALL_DOMAIN", "blue")
    with TaskRunner(FakeTaskClient()) as runner:
        with pytest.raises(
            ConfigurationError,
            match=r"twice for the task name 'ship' and the domain 'blue' \(CONDUCTOR_WORKER_ALL_DOMAIN\)$",
        ):
            runner.start_workers(Worker("ship", do_nothing, domain="a"), Worker("ship", do_nothing, domain="b"))
        runner.start_worker("ship", do_nothing, domain="a")
        with pytest.raises(
            ConfigurationError, match="no worker registered for task_name 'ship' of domain 'a'"
        ) as error:
            runner.pause("ship", "a")
        assert "there is one of domain 'blue'" in str(error.value)


def test_the_environment_of_one_start_does_not_stay_in_a_worker_object(monkeypatch):
    worker = Worker("ship", do_nothing, batch_size=2)
    monkeypatch.setenv("CONDUCTOR_WORKER_SHIP_BATCH_SIZE", "20")
    with TaskRunner(FakeTaskClient()) as runner, TaskRunner(FakeTaskClient()) as another:
        runner.start_workers(worker)
        monkeypatch.delenv("CONDUCTOR_WORKER_SHIP_BATCH_SIZE")
        another.start_workers(worker)
        assert runner.get_batch_size_for_task("ship") == 20
        assert another.get_batch_size_for_task("ship") == 2


def test_the_settings_in_force_can_be_printed_with_their_origins(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_SHIP_BATCH_SIZE", "20")
    monkeypatch.setenv("CONDUCTOR_WORKER_ALL_DOMAIN", "blue")
    monkeypatch.setenv("CONDUCTOR_WORKER_ID", "me")
    with TaskRunner(FakeTaskClient(), shutdown_timeout=5) as runner:
        runner.start_worker("ship", do_nothing, poll_interval=0.5)
        assert list(map(str, runner.settings())) == [
            "runner: worker_id='me' (CONDUCTOR_WORKER_ID)",
            "runner: shutdown_timeout=5.0 (code)",
            "runner: outbox=None (default)",
            "ship (domain blue): batch_size=20 (CONDUCTOR_WORKER_SHIP_BATCH_SIZE)",
            "ship (domain blue): domain='blue' (CONDUCTOR_WORKER_ALL_DOMAIN)",
            "ship (domain blue): poll_interval=0.5 (code)",
            "ship (domain blue): poll_timeout=None (default)",
            "ship (domain blue): lease_extension=False (default)",
            "ship (domain blue): timeout=None (default)",
            "ship (domain blue): paused=False (default)",
        ]
        assert Setting("ship", "blue", "timeout", None, "default") in runner.settings()
        runner.shutdown("ship", "blue")
        assert len(runner.settings()) == 3


def test_the_settings_of_a_worker_can_be_known_without_a_runner(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_SHIP_TIMEOUT", "9")
    found = {each.name: (each.value, each.source) for each in settings_of(resolved(batch_size=4))}
    assert found["timeout"] == (9.0, "CONDUCTOR_WORKER_SHIP_TIMEOUT")
    assert found["batch_size"] == (4, "code")


def test_the_log_shows_the_settings_that_come_from_the_environment(monkeypatch, said):
    monkeypatch.setenv("CONDUCTOR_WORKER_SHIP_BATCH_SIZE", "20")
    monkeypatch.setenv("CONDUCTOR_WORKER_ALL_POLL_INTERVAL", "0.5")
    with TaskRunner(FakeTaskClient()) as runner:
        runner.start_worker("ship", do_nothing)
        settings = (
            "batch_size=20 (CONDUCTOR_WORKER_SHIP_BATCH_SIZE), poll_interval=0.5 (CONDUCTOR_WORKER_ALL_POLL_INTERVAL)"
        )
        assert said()[0] == ("INFO", f"ship: from the environment {settings}")


def test_without_variables_the_log_says_nothing_of_them(said):
    with TaskRunner(FakeTaskClient()) as runner:
        runner.start_worker("ship", do_nothing)
    assert not [text for _, text in said() if "environment" in text or "CONDUCTOR_" in text]


def test_a_misspelt_variable_is_a_warning_once(monkeypatch, said):
    monkeypatch.setenv("CONDUCTOR_WORKER_ALL_BATCHSIZE", "20")
    monkeypatch.setenv("conductor.worker.all.register_task_def", "true")
    monkeypatch.setenv("CONDUCTOR_WORKER_DOMAIN", "eu")  # for all workers, in conductor-python
    monkeypatch.setenv("conductor_worker_polling_interval", "100")
    for right in ("SHIP_BATCH_SIZE", "OTHER_PAUSED", "METRICS_PORT", "SHUTDOWN_TIMEOUT", "ID"):
        monkeypatch.setenv(f"CONDUCTOR_WORKER_{right}", "1")
    with TaskRunner(FakeTaskClient()) as runner:
        runner.start_worker("ship", do_nothing)
        runner.start_worker("pack", do_nothing)
    flaw = "has no effect: a runner has no such variable, and its end is none of"
    ends = "BATCH_SIZE, DOMAIN, POLL_INTERVAL, POLL_TIMEOUT, LEASE_EXTENSION, TIMEOUT, PAUSED"
    assert sorted(text for level, text in said() if level == "WARNING") == [
        f"CONDUCTOR_WORKER_ALL_BATCHSIZE {flaw} {ends}",
        f"CONDUCTOR_WORKER_DOMAIN {flaw} {ends}",
        f"conductor.worker.all.register_task_def {flaw} {ends}",
        f"conductor_worker_polling_interval {flaw} {ends}",
    ]


def test_the_variables_of_a_runner_set_no_option_of_a_worker(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_WORKER_SHUTDOWN_TIMEOUT", "7")
    assert resolved("shutdown").timeout is None


def test_arguments_of_a_runner_come_from_the_code_then_the_environment_then_the_defaults(monkeypatch, tmp_path):
    def given(**arguments):
        with TaskRunner(FakeTaskClient(), **arguments) as runner:
            return {each.name: (each.value, each.source) for each in runner.settings()}

    defaults = given()
    assert defaults["worker_id"][0].startswith(socket.gethostname())
    assert defaults | {"worker_id": None} == {
        "worker_id": None,
        "shutdown_timeout": (30.0, "default"),
        "outbox": (None, "default"),
    }
    for name in ("ID", "SHUTDOWN_TIMEOUT", "OUTBOX"):
        monkeypatch.setenv(f"CONDUCTOR_WORKER_{name}", "")
    assert given() == defaults
    monkeypatch.setenv("CONDUCTOR_WORKER_ID", "me")
    monkeypatch.setenv("CONDUCTOR_WORKER_SHUTDOWN_TIMEOUT", "90")
    monkeypatch.setenv("CONDUCTOR_WORKER_OUTBOX", str(tmp_path / "outbox.db"))
    assert given() == {
        "worker_id": ("me", "CONDUCTOR_WORKER_ID"),
        "shutdown_timeout": (90.0, "CONDUCTOR_WORKER_SHUTDOWN_TIMEOUT"),
        "outbox": (str(tmp_path / "outbox.db"), "CONDUCTOR_WORKER_OUTBOX"),
    }
    assert (tmp_path / "outbox.db").is_file()
    assert given(worker_id="you", shutdown_timeout=1, outbox=tmp_path / "other.db") == {
        "worker_id": ("you", "code"),
        "shutdown_timeout": (1.0, "code"),
        "outbox": (tmp_path / "other.db", "code"),
    }


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("CONDUCTOR_WORKER_ID", " ", "CONDUCTOR_WORKER_ID must be a name"),
        ("CONDUCTOR_WORKER_SHUTDOWN_TIMEOUT", "-1", "CONDUCTOR_WORKER_SHUTDOWN_TIMEOUT must be at least 0 s"),
        ("CONDUCTOR_WORKER_SHUTDOWN_TIMEOUT", "long", "CONDUCTOR_WORKER_SHUTDOWN_TIMEOUT must be a duration"),
        ("CONDUCTOR_WORKER_OUTBOX", "/", "CONDUCTOR_WORKER_OUTBOX: outbox '/' cannot be used"),
    ],
)
def test_a_bad_variable_of_a_runner_is_named(monkeypatch, variable, text, problem):
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigurationError, match=problem):
        TaskRunner(FakeTaskClient())


def test_the_port_of_metrics_comes_from_the_code_then_the_environment(monkeypatch):
    assert MetricsSettings().port == 2112
    monkeypatch.setenv("CONDUCTOR_WORKER_METRICS_PORT", "9090")
    assert MetricsSettings().port == 9090
    assert MetricsSettings(port=0).port == 0


@pytest.mark.parametrize("text", ["http", "-1", "65536", "1.0"])
def test_a_bad_port_of_metrics_is_named(monkeypatch, text):
    monkeypatch.setenv("CONDUCTOR_WORKER_METRICS_PORT", text)
    with pytest.raises(
        ConfigurationError, match="CONDUCTOR_WORKER_METRICS_PORT must be a whole number from 0 to 65535"
    ):
        MetricsSettings()


def test_the_read_timeout_may_have_a_unit(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_CLIENT_HTTP_TIMEOUT", "1500ms")
    assert HttpSettings().read_timeout == 1.5


PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()


def test_the_example_in_the_documentation_prints_its_output(monkeypatch, capsys):
    variables, program, output = re.findall(r"^```\w*\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    for line in variables.splitlines():
        monkeypatch.setenv(*line.split("=", 1))
    monkeypatch.setattr("conductor.TaskRunner", partial(TaskRunner, FakeTaskClient()))
    exec(program, {"__name__": "__main__"})  # noqa: S102 - it is the page's own program
    assert capsys.readouterr().out == output


def test_the_documentation_lists_all_properties():
    rows = re.findall(r"^\| `([A-Z_]+)` \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert rows == [(name.upper(), name) for name in (each.name for each in settings_of(resolved()))]


def test_every_option_of_a_worker_can_be_passed_on():
    parameters = inspect.signature(Worker).parameters
    assert WorkerOptions.__annotations__.keys() == parameters.keys() - {"task_name", "execute"}
