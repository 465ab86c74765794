"""Tries the installed package without its extras: ``python try_wheel.py``, from a folder without its sources.

Needs nothing but the wheel and its dependencies. An AssertionError says which promise does not hold.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import conductor_client

import conductor
from conductor import ApiClient, HttpSettings, TaskRunner, WorkflowDef, WorkflowExecutor, worker_task
from conductor.testing import DevServer

SITE = "site-packages"
EXTRAS = {"click", "rich", "watchfiles", "opentelemetry", "jq", "quickjs"}
"""Top-level packages that only the extras bring."""


@worker_task("try_wheel")
def greet(name: str) -> str:
    return f"Hello {name}"


def both_packages_are_installed() -> None:
    for package in (conductor, conductor_client):
        assert package.__file__ is not None
        assert SITE in Path(package.__file__).parts, f"{package.__name__} comes from {package.__file__}"
        assert (Path(package.__file__).parent / "py.typed").is_file()


def the_import_loads_no_extra() -> None:
    program = "import sys, conductor; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert not EXTRAS & set(loaded.split()), loaded


def the_command_names_the_missing_extra() -> None:
    command = Path(sys.executable).parent / "conductor-worker"
    for arguments in ([command, "--help"], [sys.executable, "-m", "conductor", "--help"]):
        ended = subprocess.run(arguments, check=False, capture_output=True, text=True)
        assert ended.returncode == 2, ended
        assert ended.stderr.endswith(": pip install 'conductor-worker[cli]'\n"), ended.stderr
        assert len(ended.stderr.splitlines()) == 1, ended.stderr
        assert not ended.stdout, ended.stdout


def a_workflow_runs() -> None:
    step = greet.step("greet", name="${workflow.input.name}")
    with (
        DevServer() as server,
        ApiClient(http_settings=HttpSettings(server.url)) as client,
        TaskRunner(client) as runner,
        WorkflowExecutor(client) as workflows,
    ):
        workflows.register_workflow(WorkflowDef("try_wheel", [step], owner_email="team@example.com"))
        runner.start_workers(greet)
        output = workflows.execute_workflow("try_wheel", {"name": "wheel"}, output_type=dict[str, str])
    assert output == {"result": "Hello wheel"}, output


def main() -> None:
    both_packages_are_installed()
    the_import_loads_no_extra()
    the_command_names_the_missing_extra()
    a_workflow_runs()
    print(f"conductor-worker {conductor.__version__} works without its extras on Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
