"""Runs a sample handler as the worker does, apart from the database: arguments in as JSON, the result out as JSON."""

import inspect
from typing import Any

from tasks.registry import TaskContext, registry
from tests.unit.handlers.contexts import RecordingContext


async def run(name: str, context: TaskContext | None = None, **arguments: Any) -> Any:
    """Submit, store, load, call and store again; arguments in GraphQL names. Raises whatever the handler raises."""
    task_type = registry.find(name)
    assert task_type is not None
    stored = task_type.dump_arguments(task_type.parse_arguments(arguments))
    result = task_type.call(task_type.load_arguments(stored), context or RecordingContext())
    return task_type.dump_result(await result if inspect.isawaitable(result) else result)
