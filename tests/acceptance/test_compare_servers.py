"""scripts/compare_servers.py shows where two servers treat the same workflows differently."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conductor.testing import DevServer

ROOT = Path(__file__).parents[2]


def simple(ref):
    return {
        "name": f"{ref}_task",
        "taskReferenceName": ref,
        "type": "SIMPLE",
        "inputParameters": {"all": "${workflow.input}"},
    }


def definition(name, *tasks):
    return {"name": name, "version": 1, "schemaVersion": 2, "ownerEmail": "team@example.com", "tasks": list(tasks)}


CHOICE = definition(
    "choice",
    simple("first"),
    {
        "name": "choose",
        "taskReferenceName": "choose",
        "type": "SWITCH",
        "evaluatorType": "value-param",
        "expression": "which",
        "inputParameters": {"which": "${first.output.which}"},
        "decisionCases": {"a": [simple("in_a")], "b": [simple("in_b"), simple("in_b_2")]},
        "defaultCase": [],
    },
    simple("last"),
)
BRANCHES = definition(
    "branches",
    {
        "name": "fork",
        "taskReferenceName": "fork",
        "type": "FORK_JOIN",
        "forkTasks": [
            [simple("left")],
            [{**simple("child"), "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": "choice", "version": 1}}],
        ],
    },
    {"name": "join", "taskReferenceName": "join", "type": "JOIN", "joinOn": ["left", "child"]},
)
APPROVAL = definition("approval", simple("ask"), {"name": "wait", "taskReferenceName": "wait", "type": "WAIT"})
ALL = {"choice.json": CHOICE, "branches.json": BRANCHES, "approval.json": APPROVAL}


@pytest.fixture
def compare(tmp_path):
    """Runs the script with a folder of definitions on two servers. Returns its exit status and its verdicts by file."""

    def compare(one, other, definitions, *courses):
        for file, content in definitions.items():
            (tmp_path / file).write_text(json.dumps(content))
        options = ["--json", "--values", "--rest", "0", "--motion", "0.5"]
        for course in courses:
            options += ["--course", course]
        command = [sys.executable, ROOT / "scripts" / "compare_servers.py", one.url, other.url, tmp_path, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=55)
        assert done.returncode in {0, 1}, done.stderr
        return done.returncode, {found["file"]: found for found in json.loads(done.stdout)["definitions"]}

    return compare


def test_two_equal_servers_agree(compare):
    courses = ("first attempts fail", "restart", "pause, resume", "skip the last step of all")
    with DevServer() as one, DevServer() as other:
        status, found = compare(one, other, ALL, *courses)
    assert {file: (result["verdict"], result["differences"]) for file, result in found.items()} == {
        file: ("agrees", []) for file in sorted(ALL)
    }
    assert status == 0


def test_a_course_that_ends_differently_is_shown_with_its_tasks(compare):
    with DevServer() as one, DevServer(stubs={"ask": {}}) as other:
        status, found = compare(one, other, ALL, "all complete", "first task fails, retry")
    assert [(file, result["verdict"]) for file, result in found.items()] == [
        ("approval.json", "differs"),
        ("branches.json", "agrees"),
        ("choice.json", "agrees"),
    ]
    output, sequence = found["approval.json"]["differences"]
    assert (output["course"], output["kind"], output["moment"]) == ("all complete", "output", "end")
    assert (sequence["course"], sequence["kind"], sequence["moment"]) == ("first task fails, retry", "tasks", "failed")
    assert "- ask ask_task FAILED_WITH_TERMINAL_ERROR" in sequence["text"]
    assert "+ ask ask_task COMPLETED" in sequence["text"]
    assert status == 1


def test_a_definition_that_one_server_refuses_is_shown_with_the_reason(compare):
    publish = definition("publish", {"name": "publish", "taskReferenceName": "publish", "type": "KAFKA_PUBLISH"})
    with DevServer() as one, DevServer(stubs={"KAFKA_PUBLISH": {}}) as other:
        status, found = compare(one, other, {"publish.json": publish}, "all complete")
    result = found["publish.json"]
    assert result["verdict"] == "taken by one"
    assert "KAFKA_PUBLISH" in result["registered"]["one"]["message"]
    assert result["registered"]["other"] == {"status": 200, "message": ""}
    assert status == 1
