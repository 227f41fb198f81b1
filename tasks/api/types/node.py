"""What has an id that is unique among all types."""

from typing import Any
from uuid import UUID

import strawberry
from graphql import GraphQLError

from tasks.api.types.fields import derived
from tasks.models import User
from tasks.models.snapshots import TaskSnapshot
from tasks.registry import TaskType, registry

UNKNOWN_TASK = "UnknownTask"
TASK_TYPE_PREFIX = "TaskType:"


def task_object_type(task: TaskSnapshot, _info: Any = None, _abstract: Any = None) -> str:
    """Name the object type of a task: that of its task type, or `UnknownTask` where the server has none."""
    task_type = registry.find(task.type)
    return UNKNOWN_TASK if task_type is None else task_type.object_type


def node_object_type(node: Any, _info: Any = None, _abstract: Any = None) -> str:
    """Name the object type of anything that has an id."""
    if isinstance(node, TaskSnapshot):
        return task_object_type(node)
    if isinstance(node, TaskType):
        return "TaskType"
    if isinstance(node, User):
        return "User"
    raise GraphQLError(f"expected a task, a task type or a user, got: {type(node).__name__}")


def node_id(node: Any) -> str:
    """Write the id of anything that has one: its UUID, or `TaskType:<name>`."""
    if isinstance(node, TaskType):
        return f"{TASK_TYPE_PREFIX}{node.name}"
    found: UUID = node.id
    return str(found)


@strawberry.interface(description="Whatever has an id that is unique among all types; `node` finds it.")
class Node:
    """The interface of everything that `node` finds."""

    id: strawberry.ID = derived(
        node_id, "A UUID for tasks and users, `<type>:<name>` for the rest. The same in the API, the rows and the logs."
    )
    resolve_type = staticmethod(node_object_type)
