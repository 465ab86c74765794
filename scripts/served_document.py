"""Writes conductor/testing/server/api_docs.json: the server's document, cut down to what the dev server serves.

scripts/served_document.py           write it
scripts/served_document.py --check   exit 1 when the file is not what this would write
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conductor.testing.server.routes import OPERATIONS

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "openapi" / "conductor.json"
TARGET = ROOT / "conductor" / "testing" / "server" / "api_docs.json"


def served(document: dict[str, Any]) -> dict[str, Any]:
    """The paths that are served, and the schemas that they reach."""
    paths = {
        path: {method: operation for method, operation in item.items() if f"{method.upper()} {path}" in OPERATIONS}
        for path, item in document["paths"].items()
    }
    paths = {path: item for path, item in paths.items() if item}
    schemas = document["components"]["schemas"]
    reached: dict[str, Any] = {}
    pending = list(references(paths))
    while pending:
        name = pending.pop()
        if name not in reached:
            reached[name] = schemas[name]
            pending.extend(references(schemas[name]))
    return {**document, "paths": paths, "components": {"schemas": dict(sorted(reached.items()))}}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        for child in value.values():
            yield from references(child)
    elif isinstance(value, list):
        for child in value:
            yield from references(child)


def main() -> int:
    text = json.dumps(served(json.loads(SOURCE.read_text("utf-8"))), indent=1, sort_keys=True) + "\n"
    if "--check" in sys.argv[1:]:
        if TARGET.read_text("utf-8") == text:
            return 0
        print(f"{TARGET} is old: run scripts/served_document.py", file=sys.stderr)
        return 1
    TARGET.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
