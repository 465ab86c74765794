"""The operations: a package a resource, a module an operation, its function called sync."""

from . import (
    metadata_resource,
    task_resource,
    token_resource,
    version_resource,
    workflow_resource,
)

__all__ = (
    "metadata_resource",
    "task_resource",
    "token_resource",
    "version_resource",
    "workflow_resource",
)
