"""What docs/command-line.md says about the shell."""

import os
import subprocess
import sys

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
