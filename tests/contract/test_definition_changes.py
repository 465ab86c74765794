"""Definitions of files, after their registration: the server has filled in nothing that counts as a change."""

import json

import pytest

from conductor.definition_files import scan_definitions
from conductor.definition_server import DefinitionServer


def definitions(name):
    """Members in all forms that a server changes: left out, null, empty, the default, and inside of others."""
    step = {"name": name, "taskReferenceName": "a"}
    inner = {"name": "inner", "tasks": [step]}
    switch = {"evaluatorType": "value-param", "expression": "x", "inputParameters": {"x": "${workflow.input.x}"}}
    steps = [
        {**step, "inputParameters": {"none": None, "float": 1.0, "text": "é"}, "optional": False, "description": None},
        {**step, "taskReferenceName": "b", "taskDefinition": {"name": name, "retryCount": 1}, "joinOn": []},
        {"name": "s", "taskReferenceName": "s", "type": "SWITCH", "decisionCases": {"y": [], "n": []}, **switch},
        {"name": "u", "taskReferenceName": "u", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": name}},
    ]
    steps[2]["decisionCases"]["y"] = [{**step, "taskReferenceName": "c"}]
    yield {"name": name}
    yield {"name": name, "retryCount": 3, "inputTemplate": {"a": None}, "description": None, "ownerApp": "shop"}
    yield {"name": name, "inputSchema": {"name": "s", "type": "JSON", "data": {}}, "updatedBy": "me", "tags": ["x"]}
    yield inner | {"name": name}
    yield {"name": name, "version": 2, "tasks": steps, "createdBy": "me", "updatedBy": "you", "ownerApp": "shop"}
    yield {"name": name, "tasks": [step], "cacheConfig": {"key": "k"}, "rateLimitConfig": {"rateLimitKey": "k"}}


@pytest.mark.parametrize("number", range(6))
def test_a_registered_definition_is_the_same_as_in_its_file(api_client, name, tmp_path, number):
    (tmp_path / "given.json").write_text(json.dumps(list(definitions(name))[number]))
    given, _ = scan_definitions(tmp_path)
    server = DefinitionServer(api_client)
    assert [(each.state, each.registered, each.error) for each in server.register(given)] == [("new", True, "")]
    assert [(each.state, each.diff) for each in server.register(given, dry_run=True)] == [("same", [])]
