"""`@task_type`: all that a team writes to have a task type."""

from collections.abc import Callable
from typing import Any, TypeVar, overload

from tasks.registry.backoff import Backoff
from tasks.registry.derivation import build_task_type
from tasks.registry.discovery import registry
from tasks.registry.options import Options
from tasks.status import TaskPriority

Handler = TypeVar("Handler", bound=Callable[..., Any])


@overload
def task_type(function: Handler, /) -> Handler: ...
@overload
def task_type(
    *,
    name: str | None = None,
    queue: str = "default",
    priority: TaskPriority = TaskPriority.NORMAL,
    max_attempts: int = 3,
    backoff: Backoff = ...,
    retry_on: tuple[type[Exception], ...] = ...,
    do_not_retry_on: tuple[type[Exception], ...] = (),
    timeout_seconds: float = 300.0,
) -> Callable[[Handler], Handler]: ...
def task_type(function: Handler | None = None, /, **options: Any) -> Handler | Callable[[Handler], Handler]:
    """Make a task type of a type-annotated function, and leave it as it is. The options are `Options`' fields.

    Raises Misconfigured, which stops the process at start-up, with everything that is wrong with the function.
    """

    def register(handler: Handler) -> Handler:
        registry.add(build_task_type(handler, Options(**options)))
        return handler

    return register if function is None else register(function)
