"""Writes the answers of a Conductor server's own code into tests/unit/testing/expression_answers.json.

    .venv/bin/python scripts/server_answers/expressions.py [JAR]

JAR: the jar of a server, by default the one that scripts/conductor_server.sh has fetched. Java 21 or newer runs its
classes (JAVA_HOME, or java on the PATH). To ask more, first add rows with a document and a template to the table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests/unit/testing/expression_answers.json"
PROGRAM = Path(__file__).with_name("ExpressionAnswers.java")
CACHE = Path(os.environ.get("CONDUCTOR_WORKER_CACHE", Path.home() / ".cache/conductor-worker"))
JAR = CACHE / "conductor-server-3.32.3-boot.jar"


def answers(jar: Path, questions: list[list[object]]) -> list[list[object]]:
    """For each (document, template): the filled template, and the messages at its registration."""
    java = Path(os.environ["JAVA_HOME"]) / "bin/java" if "JAVA_HOME" in os.environ else "java"
    with TemporaryDirectory() as folder:
        with zipfile.ZipFile(jar) as packed:
            packed.extractall(folder, [name for name in packed.namelist() if name.startswith("BOOT-INF/lib/")])
        command = [java, "-cp", f"{folder}/BOOT-INF/lib/*", PROGRAM]
        done = subprocess.run(command, input=json.dumps(questions), check=True, stdout=subprocess.PIPE, text=True)
    found: list[list[object]] = json.loads(done.stdout)
    return found


def main() -> None:
    table = json.loads(TABLE.read_text())
    documents, rows = table["documents"], table["rows"]
    found = answers(Path(sys.argv[1]) if len(sys.argv) > 1 else JAR, [[documents[row[0]], row[1]] for row in rows])
    lines = [json.dumps([*row[:2], *answer]) for row, answer in zip(rows, found, strict=True)]
    TABLE.write_text(
        '{"documents": [\n'
        + ",\n".join(map(json.dumps, documents))
        + '\n],\n"rows": [\n'
        + ",\n".join(lines)
        + "\n]}\n"
    )


if __name__ == "__main__":
    main()
