"""Other libraries, each of a fixed version: conductor-python in an environment of its own, the Go SDK in a program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CONDUCTOR_PYTHON = "2.0.0"
GO_SDK = "1.5.4"
GO_PROGRAM = Path(__file__).parent / "worker-programs" / "go"


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conductor-worker"


def conductor_python() -> Path:
    """The interpreter of a virtual environment with conductor-python, and nothing of ours: both have a package
    ``conductor``. It is made at the first use, and kept.
    """
    environment = cache() / f"incumbent-{CONDUCTOR_PYTHON}"
    if not environment.exists():
        cache().mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix="incumbent-", dir=cache()))
        try:
            subprocess.run([sys.executable, "-m", "venv", made], check=True)
            pip: list[str | Path] = [made / "bin" / "python", "-m", "pip", "install", "--quiet"]
            subprocess.run([*pip, f"conductor-python=={CONDUCTOR_PYTHON}"], check=True)
            made.rename(environment)
        except OSError:
            if not environment.exists():  # another run was faster
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return environment / "bin" / "python"


def go_worker(directory: Path) -> Path:
    """The built program; ``go.mod`` names the SDK's version."""
    program = directory / "go-worker"
    subprocess.run(["go", "build", "-o", program, "."], cwd=GO_PROGRAM, check=True)
    return program


def go_is_there() -> bool:
    return shutil.which("go") is not None
