"""From the server's document to the package: what is kept of the one must be in the other."""

import copy
import hashlib
import json
import sys
from pathlib import Path

import conductor_client
import pytest

OPENAPI = Path(__file__).parents[2] / "openapi"
sys.path[:0] = [str(OPENAPI), str(OPENAPI / "patches")]
import apply  # noqa: E402
import check  # noqa: E402
import rules  # noqa: E402

DOCUMENT = json.loads((OPENAPI / "conductor.json").read_text())


@pytest.fixture
def document():
    return copy.deepcopy(DOCUMENT)


@pytest.fixture
def patched(document):
    return apply.patch(document)


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_a_rule_with_nothing_to_do_stops_the_run(rule):
    nothing = {"paths": {}, "components": {"schemas": {}}}
    if rule in (rules.add_token_endpoint, rules.add_version_endpoint):  # they need nothing, so each is idle only when done
        rule(nothing)
    with pytest.raises(SystemExit, match=f"rule {rule.__name__} (found no|changed nothing)"):
        apply.apply(rule, nothing)


@pytest.mark.parametrize("operation", rules.OPERATIONS)
def test_a_missing_operation_stops_the_run(document, operation):
    method, path = operation.split()
    del document["paths"][path][method.lower()]
    with pytest.raises(SystemExit, match="keep_operations"):
        apply.patch(document)


def test_only_what_the_operations_reach_is_left(patched):
    def references(value):
        if isinstance(value, dict):
            own = {value["$ref"]} if "$ref" in value else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    assert references(patched) == {f"#/components/schemas/{name}" for name in patched["components"]["schemas"]}


def test_the_patched_document_holds_nothing_that_the_generator_would_leave_out(patched):
    text = json.dumps(patched)
    assert '"*/*"' not in text
    assert '"/api/' not in text


def test_the_package_fits_the_document(patched):
    assert list(check.problems(patched, conductor_client)) == []


def test_a_package_that_does_not_fit_is_noticed(patched):
    patched["paths"]["/new"] = {"get": {"operationId": "doSomethingNew"}}
    patched["components"]["schemas"]["TaskExecLog"]["properties"]["newMember"] = {}
    assert list(check.problems(patched, conductor_client)) == [
        "the operation doSomethingNew has no module do_something_new",
        "the model TaskExecLog has other members: ['newMember']",
    ]


def test_no_address_of_the_machine_that_fetched_it_is_in_the_document():
    assert "servers" not in DOCUMENT
    assert "127.0.0.1" not in json.dumps(DOCUMENT)


def test_the_document_is_the_one_that_its_source_names():
    source = json.loads((OPENAPI / "SOURCE.json").read_text())
    assert source["sha256"] == hashlib.sha256((OPENAPI / "conductor.json").read_bytes()).hexdigest()
    assert source["server"].startswith("conductor-oss 3.")
