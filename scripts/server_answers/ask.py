"""Writes the answers of a Conductor server's own code into the tables of tests/unit/testing.

    .venv/bin/python scripts/server_answers/ask.py [JAR]

JAR: the jar of a server, by default the one that scripts/conductor_server.sh has fetched. Java 21 or newer runs its
classes (JAVA_HOME, or java on the PATH). To ask more, first add rows with two members to a table: the number of a
document, and a template or a script.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
TABLES = HERE.parents[1] / "tests/unit/testing"
PROGRAMS = {"ExpressionAnswers.java": "expression_answers.json", "ScriptAnswers.java": "script_answers.json"}
CACHE = Path(os.environ.get("CONDUCTOR_WORKER_CACHE", Path.home() / ".cache/conductor-worker"))
JAR = CACHE / "conductor-server-3.32.3-boot.jar"


def ask(program: Path, libraries: Path, questions: list[list[object]]) -> list[list[object]]:
    """The answers of a program of this folder, which says what they are."""
    java = Path(os.environ["JAVA_HOME"]) / "bin/java" if "JAVA_HOME" in os.environ else "java"
    command = [java, "-cp", f"{libraries}/*", program]
    done = subprocess.run(command, input=json.dumps(questions), check=True, stdout=subprocess.PIPE, text=True)
    found: list[list[object]] = json.loads(done.stdout)
    return found


def write(path: Path, documents: list[object], rows: list[list[object]]) -> None:
    """A table with a line for each row, so that a change can be read."""
    parts = (",\n".join(map(json.dumps, lines)) for lines in (documents, rows))
    path.write_text('{"documents": [\n%s\n],\n"rows": [\n%s\n]}\n' % tuple(parts))  # noqa: UP031 - braces of JSON


def main() -> None:
    jar = Path(sys.argv[1]) if len(sys.argv) > 1 else JAR
    with TemporaryDirectory() as folder:
        with zipfile.ZipFile(jar) as packed:
            packed.extractall(folder, [name for name in packed.namelist() if name.startswith("BOOT-INF/lib/")])
        for program, name in PROGRAMS.items():
            table = json.loads((TABLES / name).read_text())
            documents, questions = table["documents"], [row[:2] for row in table["rows"]]
            libraries = Path(folder) / "BOOT-INF/lib"
            found = ask(HERE / program, libraries, [[documents[number], text] for number, text in questions])
            rows = [[*question, *answer] for question, answer in zip(questions, found, strict=True)]
            write(TABLES / name, documents, rows)


if __name__ == "__main__":
    main()
