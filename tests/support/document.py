"""Values of the types in the patched OpenAPI document, and values that are of other types."""

import copy
import functools
import json
import sys
from pathlib import Path

OPENAPI = Path(__file__).parents[2] / "openapi"
sys.path[:0] = [str(OPENAPI), str(OPENAPI / "patches")]
import apply  # noqa: E402

OTHERS = [True, 7, 1.5, "a text", ["a text"], [7, None], {"a": "text"}, {"a": [7, None]}, 10**400]
"""Of each JSON type, and of numbers that no Java type holds."""


@functools.cache
def schemas():
    """By name, as the client is generated from them."""
    return apply.patch(json.loads((OPENAPI / "conductor.json").read_text()))["components"]["schemas"]


def resolved(schema):
    return schemas()[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def members(name):
    return schemas()[name]["properties"]


def definitions():
    """The names of the models that are read, changed and sent again."""
    return [
        name for name, schema in schemas().items() if "properties" in schema and "additionalProperties" not in schema
    ]


def sample(schema, depth=2):
    """A value of the schema, with all members down to a depth of models."""
    schema = resolved(schema)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {name: sample(each, depth - 1) for name, each in schema["properties"].items()} if depth else {}
        case "object":
            return {"key": sample(schema["additionalProperties"], depth)}
        case "array":
            return [sample(schema["items"], depth)] if depth else []
        case "string":
            return "some text"
        case "integer":
            return 3
        case "boolean":
            return True
    return {"any": ["value", None, 1.5]}


def is_of(value, schema):
    """Whether the value is of the schema's own JSON type."""
    types = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    kind = resolved(schema).get("type")
    return kind is None or (type(value) is types[kind] and value != 10**400)


def others(schema):
    """Values of other types than the schema's."""
    return [copy.deepcopy(value) for value in OTHERS if not is_of(value, schema)]
