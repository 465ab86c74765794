"""Other libraries, each of a fixed version: conductor-python in an environment of its own, the Go SDK in a program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

CONDUCTOR_PYTHON = "2.0.0"
GO_SDK = "1.5.4"
GO_PROGRAM = Path(__file__).parent / "worker-programs" / "go"


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conductor-worker"


def conductor_python() -> Path:
    """The interpreter of a virtual environment with conductor-python, and nothing of ours: both have a package
    ``conductor``.
    """

    def install(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"conductor-python=={CONDUCTOR_PYTHON}"], check=True)

    return _installed(f"incumbent-{CONDUCTOR_PYTHON}", install) / "bin" / "python"


def javascript_modules(source: Path) -> Path:
    """The folder ``node_modules`` with the packages that ``package-lock.json`` in the source names.

    CalledProcessError: npm has failed, perhaps because it cannot reach its registry. TimeoutExpired: it takes too long.
    """

    def install(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, folder)
        options = ["--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund", "--fetch-retries=1"]
        npm = ["npm", "ci", "--silent", *options]
        subprocess.run(npm, cwd=folder, check=True, timeout=100)

    lock = sha256((source / "package-lock.json").read_bytes()).hexdigest()
    return _installed(f"javascript-{lock[:12]}", install) / "node_modules"


def _installed(name: str, install: Callable[[Path], None]) -> Path:
    """The folder of this name in the cache. It is made at the first use, and kept."""
    folder = cache() / name
    if not folder.exists():
        cache().mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=cache()))
        try:
            install(made)
            made.rename(folder)
        except OSError:
            if not folder.exists():  # another run was faster
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return folder


def go_worker(directory: Path, source: Path = GO_PROGRAM) -> Path:
    """The built program; ``go.mod`` names the SDK's version."""
    program = directory / "go-worker"
    subprocess.run(["go", "build", "-o", program, "."], cwd=source, check=True)
    return program


def go_is_there() -> bool:
    return shutil.which("go") is not None
