"""The generated package as a whole: which operations it has, and how its modules hang together."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import conductor_client
import pytest

PACKAGE = Path(conductor_client.__file__).parent
MODULES = sorted(module.name for module in pkgutil.walk_packages(conductor_client.__path__, "conductor_client."))

OPERATIONS = {
    "task_resource": """poll_task batch_poll_tasks update_task update_task_v2 update_task_by_ref_name
        update_task_by_ref_name_sync signal_workflow_task signal_workflow_task_sync add_task_log get_task_logs get_task
        get_queue_size get_queue_sizes get_queue_sizes_of_task_types get_queue_details get_poll_data get_all_poll_data requeue_pending_tasks
        search_tasks search_tasks_v2 get_task_external_storage_location""",
    "metadata_resource": """register_task_defs update_task_def get_task_defs get_task_def delete_task_def
        register_workflow_def update_workflow_defs get_workflow_def get_workflow_defs get_latest_workflow_defs
        delete_workflow_def""",
    "workflow_resource": """start_workflow execute_workflow get_workflow get_workflow_status decide_workflow
        pause_workflow resume_workflow restart_workflow retry_workflow rerun_workflow terminate_workflow skip_task
        search_workflows get_workflows_by_correlation_ids remove_workflow""",
    "token_resource": "generate_token",
    "version_resource": "get_version",
}


@pytest.mark.parametrize("resource", OPERATIONS)
def test_every_operation_has_a_module_and_there_are_no_others(resource):
    package = importlib.import_module(f"conductor_client.api.{resource}")
    assert {module.name for module in pkgutil.iter_modules(package.__path__)} == set(OPERATIONS[resource].split())
    assert set(package.__all__) == set(OPERATIONS[resource].split())
    for name in package.__all__:
        assert callable(getattr(package, name).sync)


def test_every_module_can_be_the_first_to_be_imported():
    """Models refer to each other in circles: whichever comes first must do."""
    program = f"""
import importlib, sys
for name in {MODULES}:
    importlib.import_module(name)
    for loaded in [each for each in sys.modules if each.startswith("conductor_client")]:
        del sys.modules[loaded]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_it_is_typed():
    assert (PACKAGE / "py.typed").exists()


def test_it_stays_small():
    files = list(PACKAGE.rglob("*.py"))
    assert len(files) < 130
    assert sum(len(file.read_text().splitlines()) for file in files) < 6000


def test_no_library_but_msgspec_comes_in():
    program = f"""
import importlib, sys
for name in {MODULES}:
    importlib.import_module(name)
loaded = {{name.split(".")[0] for name in sys.modules}}
foreign = {{name for name in loaded - sys.stdlib_module_names if not name.startswith("_")}}
assert foreign - {{"typing_extensions"}} == {{"conductor_client", "msgspec"}}, foreign  # msgspec's, for old Pythons
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_it_refers_to_itself_relatively():
    """So that it can be moved under another name."""
    for file in PACKAGE.rglob("*.py"):
        assert "import conductor_client" not in file.read_text()
        assert "from conductor_client" not in file.read_text()
