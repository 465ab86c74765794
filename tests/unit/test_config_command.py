"""``conductor-worker config``: the settings in force and their sources."""

import json
import sys

import pytest
from click.testing import CliRunner

from conductor.cli.program import program

MODULE = """
from conductor import worker_task

@worker_task("charge", batch_size=4, domain="eu")
def charge(amount: int) -> None: ...
"""


def config(*arguments):
    """The values and sources by ``(owner, name)``."""
    done = CliRunner().invoke(program, ["config", "--json", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return {(each["owner"], each["name"]): (each["value"], each["source"]) for each in json.loads(done.stdout)}


def test_without_variables_the_defaults_are_shown():
    found = config()
    assert found["connection", "base_url"] == ("http://localhost:8080/api", "default")
    assert found["connection", "read_timeout"] == (30.0, "default")
    assert found["connection", "proxy_url"] == (None, "default")
    assert found["access key", "key_id"] == (None, "default")
    assert found["metrics", "port"] == (2112, "default")
    assert found["runner", "outbox"] == (None, "default")


@pytest.mark.parametrize(
    ("variable", "text", "setting", "value"),
    [
        ("CONDUCTOR_SERVER_URL", "http://host:1", ("connection", "base_url"), "http://host:1/api"),
        ("CONDUCTOR_CLIENT_HTTP_TIMEOUT", "3", ("connection", "read_timeout"), 3.0),
        ("CONDUCTOR_WORKER_METRICS_PORT", "9100", ("metrics", "port"), 9100),
        ("CONDUCTOR_WORKER_OUTBOX", "results.db", ("runner", "outbox"), "results.db"),
    ],
)
def test_a_variable_is_named_as_the_source(monkeypatch, variable, text, setting, value):
    monkeypatch.setenv(variable, text)
    assert config()[setting] == (value, variable)


def test_the_option_is_named_as_the_source(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", "http://other:1")
    assert config("--server", "http://host:1")["connection", "base_url"] == ("http://host:1/api", "--server")


def test_secrets_are_hidden(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_AUTH_KEY", "the-id")
    monkeypatch.setenv("CONDUCTOR_AUTH_SECRET", "the-secret")
    monkeypatch.setenv("HTTP_PROXY", "http://user:password@proxy:3128")
    found = config("--server", "http://host:1")
    assert found["access key", "key_secret"] == ("***", "CONDUCTOR_AUTH_SECRET")
    assert found["connection", "proxy_url"] == ("http://proxy:3128", "HTTP_PROXY")
    text = CliRunner().invoke(program, ["config", "--server", "http://host:1"]).output
    for secret in ("the-id", "the-secret", "password"):
        assert secret not in str(found) + text


def test_the_settings_of_workers_are_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "configured_app.py").write_text(MODULE)
    monkeypatch.setenv("CONDUCTOR_WORKER_CHARGE_TIMEOUT", "90")
    found = config("configured_app")
    sys.modules.pop("configured_app")
    owner = "worker charge (domain eu)"
    assert found[owner, "batch_size"] == (4, "code")
    assert found[owner, "timeout"] == (90.0, "CONDUCTOR_WORKER_CHARGE_TIMEOUT")
    assert found[owner, "paused"] == (False, "default")


@pytest.mark.parametrize("name", ["json.py", "builtin/time.py", "other/configured_twice.py:charge"])
def test_a_file_whose_name_another_module_has_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / name.partition(":")[0]
    path.parent.mkdir(exist_ok=True)
    for each in (path, tmp_path / "configured_twice.py"):
        each.write_text(MODULE)
    done = CliRunner().invoke(program, ["config", "configured_twice.py", name])
    sys.modules.pop("configured_twice")
    assert done.exit_code == 2
    assert f"there is another module with the name {path.stem}" in done.stderr
    assert f"rename {name.partition(':')[0]}" in done.stderr


@pytest.mark.parametrize(
    ("variable", "text"), [("CONDUCTOR_WORKER_METRICS_PORT", "many"), ("CONDUCTOR_AUTH_KEY", "half-a-pair")]
)
def test_a_variable_that_cannot_work_is_a_usage_error(monkeypatch, variable, text):
    monkeypatch.setenv(variable, text)
    done = CliRunner().invoke(program, ["config"])
    assert done.exit_code == 2
    assert "CONDUCTOR_" in done.stderr
