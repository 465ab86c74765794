"""``python -m conductor``, and the command ``conductor-worker``."""

from __future__ import annotations

import sys
from functools import partial
from importlib.util import find_spec

NEEDED = ("click", "rich", "watchfiles")
"""The packages of the extra ``cli``."""


def main() -> None:
    """Run the command of ``sys.argv``, and exit with its status. Status 2: the extra is not installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        sys.exit(_refused(f"the command needs {', '.join(missing)}: pip install 'conductor-worker[cli]'"))
    from conductor.cli.process_end import run_and_end  # noqa: PLC0415 - the package of the commands needs the extra
    from conductor.cli.program import program  # noqa: PLC0415

    run_and_end(partial(program, prog_name="conductor-worker"))


def _refused(message: str) -> int:
    sys.stderr.write(f"conductor-worker: {message}\n")
    return 2


if __name__ == "__main__":
    main()
