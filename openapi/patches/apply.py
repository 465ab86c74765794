"""Apply all rules to the server's document, drop what nothing reaches any more, and write what the generator reads.

Usage: apply.py SOURCE TARGET
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from rules import RULES, Document, references


def patch(document: Document) -> Document:
    """The patched document."""
    for rule in RULES:
        apply(rule, document)
    return prune(document)


def apply(rule: Callable[[Document], None], document: Document) -> None:
    """Change the document by the rule. SystemExit names a rule that did not match."""
    before = json.dumps(document)
    try:
        rule(document)
    except KeyError as error:
        raise SystemExit(f"openapi: rule {rule.__name__} found no {error} in the document") from error
    if json.dumps(document) == before:
        raise SystemExit(f"openapi: rule {rule.__name__} changed nothing: does it still need to be there?")


def prune(document: Document) -> Document:
    """Only the schemas that the kept operations reach."""
    schemas = document["components"]["schemas"]
    reached: set[str] = set()
    todo = references(document["paths"])
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo |= references(schemas[name])
    document["components"] = {"schemas": {name: schemas[name] for name in sorted(reached)}}
    return document


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(json.dumps(patch(json.loads(source.read_text())), indent=1) + "\n")
