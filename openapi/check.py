"""Check a generated package against the patched document it was made from.

Usage: check.py DOCUMENT DIRECTORY_THAT_HOLDS_CONDUCTOR_CLIENT
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

Document = dict[str, Any]


def problems(document: Document, package: ModuleType) -> Iterator[str]:
    """What the package lacks or names otherwise than the wire does. Importing all of it is part of the check."""
    modules = {module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")}
    for name in sorted(modules):
        importlib.import_module(name)
    operations = {name.rsplit(".", 1)[1] for name in modules if name.count(".") == 3}
    for path_item in document["paths"].values():
        for operation in path_item.values():
            name = re.sub("([A-Z])", r"_\1", operation["operationId"]).lower()
            if name not in operations:
                yield f"the operation {operation['operationId']} has no module {name}"
    models = importlib.import_module(f"{package.__name__}.models")
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema:
            members = {field.encode_name for field in msgspec.structs.fields(getattr(models, name))} - {
                "unknownMembers"
            }
            if members != set(schema["properties"]):
                yield f"the model {name} has other members: {sorted(members ^ set(schema['properties']))}"


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[2])
    found = list(problems(json.loads(Path(sys.argv[1]).read_text()), importlib.import_module("conductor_client")))
    sys.exit("\n".join(found) or 0)
