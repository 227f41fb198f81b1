"""The registry, as clients see it."""

from typing import Any

import strawberry
from strawberry.scalars import JSON

from tasks import registry
from tasks.api.types.node import Node


@strawberry.type(description="A registered function: a sort of work that can be submitted.")
class TaskType(Node):
    """Its source is a `tasks.registry.TaskType`."""

    name: str = strawberry.field(description="The registered name, `reverse_string`.")
    input_field: str = strawberry.field(description="Its field in TaskInput, `reverseString`.")
    object_type: str = strawberry.field(description="`ReverseStringTask`.")
    description: str = strawberry.field(description="What it does.")
    queue: str = strawberry.field(description="Where its tasks wait unless told otherwise.")
    max_attempts: int = strawberry.field(description="How many attempts its tasks are allowed unless told otherwise.")
    timeout_seconds: float | None = strawberry.field(description="How long one attempt may take unless told otherwise.")
    arguments_schema: JSON = strawberry.field(description="JSON Schema, draft 2020-12.")
    result_schema: JSON | None = strawberry.field(
        description="JSON Schema, draft 2020-12; null where there is no result."
    )

    @staticmethod
    def is_type_of(task_type: Any, _info: Any) -> bool:
        """Accept what the registry holds."""
        return isinstance(task_type, registry.TaskType)
