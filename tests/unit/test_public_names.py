"""The public names of the package, each of which is imported at its first use."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import conductor

NAMES = """
    ApiClient AuthenticationSettings HttpSettings MetricsSettings TaskRunner TaskExecutor WorkflowExecutor
    Task TaskDef TaskExecLog TaskResult TaskResultStatus TaskStatus NonRetryableError task_context provide_metrics
    WorkflowDef WorkflowTask Workflow ApiError ConfigurationError process_pool MetricsCollector MetricsServer
"""


def test_a_star_brings_the_public_names_and_nothing_of_other_modules():
    brought = {}
    exec("from conductor import *", brought)  # noqa: S102 - a star is allowed nowhere else
    del brought["__builtins__"]
    assert set(NAMES.split()) <= brought.keys()
    for name, value in brought.items():
        assert not name.startswith("_")
        assert value.__module__.split(".")[0] in ("conductor", "conductor_client"), name
    assert brought.keys() <= set(dir(conductor))


def test_all_names_are_those_that_type_checkers_see():
    tree = ast.parse(Path(conductor.__file__).read_text())
    seen = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module.startswith("conductor.")
    ]
    places = {name.name: node.module for node in seen for name in node.names if name.name != "__version__"}
    assert sorted(conductor.__all__) == sorted(places)
    assert {name: getattr(conductor, name) for name in places} == {
        name: getattr(sys.modules[module], name) for name, module in places.items()
    }


def test_the_import_of_the_package_loads_nothing_else():
    """Programs that need a part of it, such as the processes of a pool, start sooner."""
    program = "import conductor, sys; print(*[name for name in sys.modules if name.startswith('conductor')])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) == {"conductor", "conductor._version"}


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'conductor' has no attribute 'nothing'"):
        conductor.nothing  # noqa: B018


@pytest.mark.parametrize(
    "program",
    [
        """from conductor import TaskDef; assert TaskDef.from_json('{"name": "ship"}').name == "ship" """,
        """from conductor import Task; assert Task("1", "2", input_data={"n": "1"}).input_as(dict) == {"n": "1"}""",
    ],
)
def test_a_model_has_its_methods_when_nothing_else_is_imported(program):
    subprocess.run([sys.executable, "-c", program], check=True)
