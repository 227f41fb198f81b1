"""Arguments and results as untyped JSON, under the names that clients know."""

from typing import Any

from tasks.models.snapshots import TaskSnapshot
from tasks.registry import registry
from tasks.status import TaskStatus


def arguments_json(task: TaskSnapshot) -> Any:
    """Return a task's arguments in GraphQL names; those of an unknown type as they are stored."""
    task_type = registry.find(task.type)
    return task.arguments if task_type is None else task_type.arguments_json(task.arguments)


def result_json(task: TaskSnapshot) -> Any:
    """Return a task's result in GraphQL names, null until SUCCEEDED; that of an unknown type as it is stored."""
    if task.status is not TaskStatus.SUCCEEDED:
        return None
    task_type = registry.find(task.type)
    return task.result if task_type is None else task_type.result_json(task.result)
