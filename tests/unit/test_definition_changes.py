"""The definition of a file beside that of the server: what differs, and what the server has only filled in."""

import copy
import json

import pytest

from conductor import server_defaults
from conductor.definition_changes import change_of
from conductor.definition_files import FileDefinition

STEP = {"name": "ship", "taskReferenceName": "ship"}
SUB = {"name": "sub", "taskReferenceName": "sub", "type": "SUB_WORKFLOW", "subWorkflowParam": {"name": "refund"}}


def compared(wanted, served):
    kind = "workflow" if "tasks" in wanted else "task"
    return change_of(FileDefinition(kind, wanted["name"], None, "orders.json", "", wanted), served)


def as_served(wanted):
    """As server 3.32.3 gives it: with defaults, without nulls, and with its records."""
    served = {"createTime": 1, "updateTime": 2, "createdBy": "", "ownerApp": "billing", **server_defaults.TASK_DEF}
    if "tasks" in wanted:
        served = {"createTime": 1, "updateTime": 2, **server_defaults.WORKFLOW_DEF}
    served |= {key: value for key, value in copy.deepcopy(wanted).items() if value is not None}
    if "tasks" in wanted:
        served["tasks"] = [server_defaults.WORKFLOW_TASK | task for task in served["tasks"]]
    return served


WANTED = [
    {"name": "pay"},
    {"name": "pay", "retryCount": 3.0, "description": None, "inputKeys": [], "tags": ["a"]},
    {"name": "pay", "inputTemplate": {"b": 1, "a": None}, "createTime": 5, "updatedBy": "me"},
    {"name": "order", "tasks": [STEP], "version": 1, "createTime": 5},
    {"name": "order", "tasks": [{**STEP, "optional": False, "inputParameters": {"x": None, "y": 1.0}}]},
]


@pytest.mark.parametrize("wanted", WANTED)
def test_members_that_the_server_fills_in_are_no_difference(wanted):
    served = {key: value for key, value in as_served(wanted).items() if key not in ("tags", "updatedBy")}
    if "retryCount" in wanted:
        served["retryCount"] = 3
    assert compared(wanted, dict(reversed(served.items()))) == ("same", [])


def test_the_same_holds_for_definitions_inside_of_others():
    inner = {"name": "inner", "tasks": [STEP]}
    wanted = {
        "name": "order",
        "tasks": [
            {**STEP, "taskDefinition": {"retryCount": 1}, "cacheConfig": {"key": "k"}},
            {**SUB, "subWorkflowParam": {"name": "other", "workflowDefinition": inner}},
        ],
        "inputSchema": {"name": "s", "type": "JSON"},
        "rateLimitConfig": {"rateLimitKey": "k"},
    }
    served = as_served(wanted)
    task, starter = served["tasks"]
    task["taskDefinition"] = {**server_defaults.TASK_DEF, "createTime": 0, "updateTime": 0, "retryCount": 1}
    task["cacheConfig"] = {"key": "k", "ttlInSecond": 0}
    starter["subWorkflowParam"] = {"name": "inner", "version": 1, "workflowDefinition": as_served(inner)}
    served["inputSchema"] |= {"version": 1, "createTime": 0, "updateTime": 0}
    served["rateLimitConfig"] |= {"concurrentExecLimit": 0, "policy": "QUEUE"}
    assert compared(wanted, served) == ("same", [])
    starter["subWorkflowParam"]["workflowDefinition"]["restartable"] = False
    assert '-          "restartable": false' in changed_lines(wanted, served)


def changed_lines(wanted, served):
    state, diff = compared(wanted, served)
    assert state == "changed"
    assert diff[:2] == ["--- the server", "+++ orders.json"]
    return [line.rstrip(",") for line in diff[2:] if line[0] in "+-" and "name" not in line]


@pytest.mark.parametrize(
    ("wanted", "served", "lines"),
    [
        ({"retryCount": 5}, {}, ['-  "retryCount": 3', '+  "retryCount": 5']),
        ({}, {"retryCount": 5}, ['-  "retryCount": 5']),
        ({"retryCount": 3}, {"retryCount": 5}, ['-  "retryCount": 5', '+  "retryCount": 3']),
        ({"ownerApp": "shop"}, {}, ['-  "ownerApp": "billing"', '+  "ownerApp": "shop"']),
        ({"tags": ["a"]}, {"tags": ["b"]}, ['-    "b"', '+    "a"']),
        ({"inputTemplate": {"a": 1}}, {"inputTemplate": {"a": True}}, ['-    "a": true', '+    "a": 1']),
        ({"inputTemplate": {"a": None}}, {"inputTemplate": {"b": 1}}, ['-    "b": 1', '+    "a": null']),
        ({"ownerEmail": "a@b.c"}, {}, ['+  "ownerEmail": "a@b.c"']),
    ],
)
def test_a_difference_is_a_line_of_a_diff(wanted, served, lines):
    assert changed_lines({"name": "pay", **wanted}, as_served({"name": "pay", **served})) == lines


def test_a_new_step_does_not_change_the_lines_of_the_others():
    wanted = {"name": "order", "tasks": [STEP, {**SUB, "optional": False}]}
    served = as_served({"name": "order", "tasks": [wanted["tasks"][1]]})
    added = [line for line in compared(wanted, served)[1] if line[0] in "+-"][2:]
    assert [json.loads(line[1:].strip().rstrip(",").join("{}")) for line in added[1:-1]] == [
        {"name": "ship"},
        {"taskReferenceName": "ship"},
    ]


def test_a_definition_that_the_server_does_not_have_is_new():
    assert compared({"name": "pay"}, None) == ("new", [])
