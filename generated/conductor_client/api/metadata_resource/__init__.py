from . import (
    delete_task_def,
    delete_workflow_def,
    get_latest_workflow_defs,
    get_task_def,
    get_task_defs,
    get_workflow_def,
    get_workflow_defs,
    register_task_defs,
    register_workflow_def,
    update_task_def,
    update_workflow_defs,
)

__all__ = (
    "delete_task_def",
    "delete_workflow_def",
    "get_latest_workflow_defs",
    "get_task_def",
    "get_task_defs",
    "get_workflow_def",
    "get_workflow_defs",
    "register_task_defs",
    "register_workflow_def",
    "update_task_def",
    "update_workflow_defs",
)
