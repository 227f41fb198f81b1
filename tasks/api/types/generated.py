"""What the schema gets from the registry: an object type for each task type, and the input that chooses one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry.types.arguments import InputContext
from strawberry.types.base import StrawberryOptional

from tasks.api.types.fields import derived
from tasks.api.types.shapes import ShapeTypes
from tasks.api.types.tasks import Task
from tasks.models.snapshots import TaskSnapshot
from tasks.registry import ArgumentsInvalid, ResultInvalid, TaskType, registry
from tasks.registry.shapes import Shape
from tasks.status import TaskStatus

_types = ShapeTypes()


@dataclass(frozen=True, slots=True)
class TaskChoice:
    """The one task type that a client chose, and its arguments as GraphQL coerced them, under GraphQL names."""

    task_type: TaskType
    values: Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Wrapped:
    """A result that is no object of its own."""

    value: Any


def _task_object_type(task_type: TaskType) -> Any:
    """Make the object type of a task type's tasks."""
    namespace: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
    if task_type.arguments.fields:
        namespace["__annotations__"]["arguments"] = StrawberryOptional(_types.object_type(task_type.arguments))
        namespace["arguments"] = derived(
            lambda task: _arguments(task_type, task),
            "Null where hidden from the viewer, or where they no longer fit the function's present type.",
        )
    if task_type.result_shape is not None:
        namespace["__annotations__"]["result"] = StrawberryOptional(_result_type(task_type, task_type.result_shape))
        namespace["result"] = derived(lambda task: _result(task_type, task), "Null until SUCCEEDED.")
    made = type(task_type.object_type, (Task,), namespace)
    return strawberry.type(made, name=task_type.object_type, description=task_type.description or None)


def _result_type(task_type: TaskType, shape: Shape) -> Any:
    if task_type.result is not None:
        return _types.object_type(task_type.result)
    name = f"{task_type.type_prefix}Result"
    fields = {
        "__annotations__": {"value": _types.annotation(shape)},
        "__module__": __name__,
        "value": strawberry.field(description="What the function returned."),
    }
    return strawberry.type(type(name, (), fields), name=name, description="The result.")


def _arguments(task_type: TaskType, task: TaskSnapshot) -> Any:
    try:
        return task_type.load_arguments(task.arguments)
    except ArgumentsInvalid:
        return None


def _result(task_type: TaskType, task: TaskSnapshot) -> Any:
    if task.status is not TaskStatus.SUCCEEDED:
        return None
    try:
        value = task_type.load_result(task.result)
    except ResultInvalid:
        return None
    return Wrapped(value) if task_type.result_is_wrapped else value


def _task_input() -> Any:
    """Make the input whose fields are the task types."""
    namespace: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
    for task_type in registry.all():
        namespace["__annotations__"][task_type.input_field] = StrawberryOptional(_types.input_type(task_type.arguments))
        namespace[task_type.input_field] = strawberry.field(
            name=task_type.input_field, description=task_type.description or None, default=strawberry.UNSET
        )
    made: Any = strawberry.input(
        type("TaskInput", (), namespace), one_of=True, description="Exactly one task type and its arguments."
    )
    made.__strawberry_definition__.from_input = _choose
    return made


def _choose(_input: type, value: Mapping[str, Any], _context: InputContext) -> TaskChoice:
    return choice(value)


def choice(value: Mapping[str, Any]) -> TaskChoice:
    """Take the one field that is there. Strawberry would look at every task type there is."""
    ((field, arguments),) = value.items()
    return TaskChoice(registry.by_input_field(field), arguments)


TASK_TYPES = tuple(_task_object_type(task_type) for task_type in registry.all())
"""In the order of their names."""
TaskInput = _task_input()
