"""The generated functions are the only way to the server."""

import ast
import importlib
import pkgutil
from pathlib import Path
from unittest.mock import Mock

import conductor_client.api
import pytest

import conductor
from conductor import (
    ApiClient,
    AuthenticationSettings,
    HttpSettings,
    Task,
    TaskDef,
    TaskExecutor,
    TaskResult,
    WorkflowDef,
    WorkflowExecutor,
)
from conductor.task_client import HttpTaskClient


def operations():
    """Every generated operation's module, by its name."""
    found = pkgutil.walk_packages(conductor_client.api.__path__, "conductor_client.api.")
    return {name.rsplit(".", 1)[1]: importlib.import_module(name) for _, name, is_package in found if not is_package}


class Called(Exception):
    """Raised in place of a request; its text is the operation's name."""


@pytest.fixture
def api_client(monkeypatch):
    for name, module in operations().items():
        monkeypatch.setattr(module, "sync", Mock(side_effect=Called(name)))
    return ApiClient(http_settings=HttpSettings("http://127.0.0.1:1"))


CALLS = [
    (TaskExecutor, "get_task", ["t"], "get_task"),
    (TaskExecutor, "update_task", ["t", "w", "COMPLETED"], "update_task"),
    (TaskExecutor, "update_task_by_ref_name", ["r", "w", "COMPLETED"], "update_task_by_ref_name"),
    (TaskExecutor, "update_task_by_ref_name_sync", ["r", "w", "COMPLETED"], "update_task_by_ref_name_sync"),
    (TaskExecutor, "signal", ["w", "COMPLETED"], "signal_workflow_task"),
    (TaskExecutor, "add_log", ["t", "line"], "add_task_log"),
    (TaskExecutor, "get_logs", ["t"], "get_task_logs"),
    (TaskExecutor, "queue_size", ["n"], "get_queue_size"),
    (TaskExecutor, "queue_sizes", [], "get_queue_sizes"),
    (TaskExecutor, "queue_sizes", ["n"], "get_queue_sizes_of_task_types"),
    (TaskExecutor, "queue_details", [], "get_queue_details"),
    (TaskExecutor, "poll_data", ["n"], "get_poll_data"),
    (TaskExecutor, "poll_data", [], "get_all_poll_data"),
    (TaskExecutor, "requeue", ["n"], "requeue_pending_tasks"),
    (TaskExecutor, "search", ["q"], "search_tasks"),
    (TaskExecutor, "register_task_defs", [TaskDef("n")], "register_task_defs"),
    (TaskExecutor, "get_task_def", ["n"], "get_task_def"),
    (TaskExecutor, "get_task_defs", [], "get_task_defs"),
    (TaskExecutor, "update_task_def", [TaskDef("n")], "update_task_def"),
    (TaskExecutor, "delete_task_def", ["n"], "delete_task_def"),
    (TaskExecutor, "external_storage_location", ["p", "READ", "TASK_INPUT"], "get_task_external_storage_location"),
    (WorkflowExecutor, "register_workflow", [WorkflowDef("n", [])], "update_workflow_defs"),
    (WorkflowExecutor, "get_workflow_def", ["n"], "get_workflow_def"),
    (WorkflowExecutor, "get_workflow_defs", [], "get_workflow_defs"),
    (WorkflowExecutor, "get_workflow_defs", [True], "get_latest_workflow_defs"),
    (WorkflowExecutor, "delete_workflow_def", ["n", 1], "delete_workflow_def"),
    (WorkflowExecutor, "start_workflow", ["n"], "start_workflow"),
    (WorkflowExecutor, "execute_workflow", ["n"], "execute_workflow"),
    (WorkflowExecutor, "rerun", ["w"], "rerun_workflow"),
    (WorkflowExecutor, "get_workflow", ["w"], "get_workflow"),
    (WorkflowExecutor, "get_output", ["w", dict], "get_workflow"),
    (WorkflowExecutor, "get_by_correlation_ids", ["n", "c"], "get_workflows_by_correlation_ids"),
    (WorkflowExecutor, "get_workflow_status", ["w"], "get_workflow_status"),
    (WorkflowExecutor, "pause", ["w"], "pause_workflow"),
    (WorkflowExecutor, "resume", ["w"], "resume_workflow"),
    (WorkflowExecutor, "restart", ["w"], "restart_workflow"),
    (WorkflowExecutor, "retry", ["w"], "retry_workflow"),
    (WorkflowExecutor, "decide", ["w"], "decide_workflow"),
    (WorkflowExecutor, "terminate", ["w"], "terminate_workflow"),
    (WorkflowExecutor, "skip_task", ["w", "r"], "skip_task"),
    (WorkflowExecutor, "search", ["q"], "search_workflows"),
    (HttpTaskClient, "batch_poll", ["n", "worker", None, 1, 1.0], "batch_poll_tasks"),
    (HttpTaskClient, "update", [TaskResult("t", "w"), 1.0], "update_task"),
    (HttpTaskClient, "update_and_poll", [TaskResult("t", "w"), 1.0], "update_task_v2"),
    (HttpTaskClient, "extend_lease", [Task("t", "w"), "worker", 1.0], "update_task"),
    (HttpTaskClient, "get_task", ["t"], "get_task"),
]


@pytest.mark.parametrize(("owner", "method", "arguments", "operation"), CALLS)
def test_a_call_goes_through_its_generated_function(api_client, owner, method, arguments, operation):
    with pytest.raises(Called, match=f"^{operation}$"):
        getattr(owner(api_client), method)(*arguments)


def test_no_executors_method_is_left_out_of_that_list():
    for owner in (TaskExecutor, WorkflowExecutor):
        public = {name for name in vars(owner) if not name.startswith("_")}
        assert public == {method for kind, method, _, _ in CALLS if kind is owner}


def test_a_token_comes_through_its_generated_function(api_client):
    with_key = ApiClient(AuthenticationSettings("key", "secret"), api_client.http_settings)
    with pytest.raises(Called, match="^generate_token$"):
        TaskExecutor(with_key).get_task("t")


def test_the_hand_written_code_holds_no_path():
    roots = tuple({"/" + module.TEMPLATE.split("/")[1] for module in operations().values()})
    package = Path(conductor.__file__).parent
    for file in set(package.rglob("*.py")) - set(package.glob("testing/**/*.py")):
        for text in strings(ast.parse(file.read_text())):
            assert not any(root in text for root in roots), f"{file.name}: {text!r}"


def strings(tree):
    """All texts in the code but the docstrings."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    ]


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", None])
@pytest.mark.parametrize(
    ("owner", "method", "arguments", "operation"), [call for call in CALLS if call[0] is not HttpTaskClient]
)
def test_a_path_argument_that_would_change_the_path_is_refused(api_client, owner, method, arguments, operation, bad):
    template = operations()[operation].TEMPLATE.replace("{status}", "").replace("{version}", "")
    in_path = template.count("{")
    for place in range(in_path):
        with pytest.raises(ValueError, match="must be a name without slashes"):
            getattr(owner(api_client), method)(*arguments[:place], bad, *arguments[place + 1 :])
