"""What docs/command-line.md says about the shell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_the_names_of_commands(shell):
    words = {"COMP_WORDS": "conductor-worker repl", "COMP_CWORD": "repl" if shell == "fish" else "1"}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv[0] = 'conductor-worker'; from conductor.__main__ import main; main()",
        ],
        check=True,
        env=os.environ | words | {"_CONDUCTOR_WORKER_COMPLETE": f"{shell}_complete"},
        capture_output=True,
        text=True,
    )
    assert "replay" in done.stdout


NOISY = """
import os, subprocess, sys
from conductor import worker_task

print("noise")
os.write(1, b"noise")
subprocess.run([sys.executable, "-c", "print('noise')"])

@worker_task("charge")
def charge(amount: int = 1) -> None: ...
"""


@pytest.mark.parametrize("command", [("lint", "order.json", "noisy_app"), ("config", "noisy_app")])
def test_output_of_a_module_never_stands_in_the_json(tmp_path, command):
    (tmp_path / "noisy_app.py").write_text(NOISY)
    (tmp_path / "order.json").write_text(
        '{"name": "order", "tasks": [{"name": "charge", "taskReferenceName": "charge"}]}'
    )
    done = subprocess.run(
        [sys.executable, "-m", "conductor", *command, "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "noise" not in str(json.loads(done.stdout))
    assert done.stderr.count("noise") == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has this device")
@pytest.mark.parametrize("argument", ["config", "--help", "--version"])
def test_a_full_disk_is_one_sentence(argument):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "conductor", argument], check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == "Error: [Errno 28] No space left on device\n"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
@pytest.mark.parametrize(
    ("arguments", "status", "key"),
    [(["lint", "."], 1, "file"), (["check", "caf\udce9.py"], 1, "check"), (["config"], 0, "value")],
)
def test_a_file_name_that_is_not_utf8_stands_in_the_json(tmp_path, arguments, status, key):
    name = "caf\udce9"
    (tmp_path / f"{name}.json").write_text('[{"name": "x", "ownerEmai": "a@b.example"}]')
    address = "http://127.0.0.1:1/api"  # where no server is
    done = command_in(
        tmp_path, *arguments, "--json", CONDUCTOR_WORKER_OUTBOX=str(tmp_path / name), CONDUCTOR_SERVER_URL=address
    )
    assert done.returncode == status, done.stderr
    assert any(name in str(each[key]) for each in json.loads(done.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_several_processes_refuse_a_file_name_that_is_not_utf8(tmp_path):
    done = command_in(tmp_path, "run", "app", "--outbox", "caf\udce9", "--processes", "2")
    assert done.returncode == 2
    assert done.stderr == "Error: processes cannot be given a name that is not UTF-8: 'caf\\udce9'\n"


def command_in(folder, *arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "conductor", *arguments],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
