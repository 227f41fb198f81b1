"""What clients send. These inputs are for the schema alone: resolvers get what GraphQL coerced, without a detour.

Strawberry would build an object for every input and look at every task type for each submission.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import strawberry
from strawberry.scalars import JSON
from strawberry.types.arguments import InputContext

from tasks.api.types.generated import TaskInput, choice
from tasks.status import TaskPriority, TaskStatus

Submission: TypeAlias = dict[str, Any]
"""The keyword arguments of a `tasks.submission.SubmitRequest`, except how long to wait."""
Given: TypeAlias = Mapping[str, Any]
"""What a client gave, under GraphQL names."""


def _optional(description: str) -> Any:
    return strawberry.field(description=description, default=strawberry.UNSET)


@strawberry.input
class _SubmissionInput:
    task: TaskInput = strawberry.field(description="What to do.")
    priority: TaskPriority = strawberry.field(
        default=TaskPriority.NORMAL, description="Within one queue, higher ones start first."
    )
    queue: str | None = _optional("Where it waits. Default: the task type's.")
    scheduled_for: datetime | None = _optional("This or delaySeconds, not both. A time in the past: at once.")
    delay_seconds: float | None = _optional("Not started before that long after submission.")
    expires_in_seconds: float | None = _optional("Not started that long after submission: EXPIRED, never run.")
    max_attempts: int | None = _optional("How many attempts it is allowed. Default: the task type's.")
    retry_delay_seconds: float | None = _optional("Before the second attempt. Default: the task type's backoff.")
    timeout_seconds: float | None = _optional("How long one attempt may take. Default: the task type's.")
    tags: list[str] | None = _optional("Words to find it by.")
    metadata: JSON | None = _optional("Anything; it comes back with the task.")


@strawberry.input(description="A task to submit.")
class SubmitTaskInput(_SubmissionInput):
    """Converted to a `Submission`."""

    idempotency_key: str | None = _optional(
        "The same key and arguments by the same owner: the task that exists comes back. Lives as long as the task."
    )


@strawberry.input(
    description="The idempotencyKey makes it safe to send again: a client library that reconnects by itself follows "
    "the same task."
)
class RunTaskInput(_SubmissionInput):
    """Converted to a `Submission`."""

    idempotency_key: str = strawberry.field(description="Your own name for this task.")


@strawberry.input(description="Which tasks. All conditions given must hold. An empty list matches nothing.")
class TaskFilter:
    """Given to `tasks.api.filters.select` as it came."""

    ids: list[strawberry.ID] | None = _optional("Any of these.")
    types: list[str] | None = _optional("Of any of these task types.")
    statuses: list[TaskStatus] | None = _optional("In any of these.")
    queues: list[str] | None = _optional("In any of these queues.")
    priorities: list[TaskPriority] | None = _optional("Of any of these.")
    tags_any: list[str] | None = _optional("With at least one of these.")
    tags_all: list[str] | None = _optional("With every one of these.")
    created_after: datetime | None = _optional("Submitted after this moment.")
    created_before: datetime | None = _optional("Submitted before this moment.")
    is_final: bool | None = _optional("Only those that have ended, or only those that have not.")
    owner_ids: list[strawberry.ID] | None = _optional(
        "Without this and allOwners: one's own tasks. Others are for staff."
    )
    all_owners: bool | None = _optional("Everybody's tasks; for staff.")


def _definition(of: Any) -> Any:
    return of.__strawberry_definition__


_PYTHON_NAMES = {
    "priority": "priority",
    "queue": "queue",
    "idempotencyKey": "idempotency_key",
    "scheduledFor": "scheduled_for",
    "delaySeconds": "delay_seconds",
    "expiresInSeconds": "expires_in_seconds",
    "maxAttempts": "max_attempts",
    "retryDelaySeconds": "retry_delay_seconds",
    "timeoutSeconds": "timeout_seconds",
    "tags": "tags",
    "metadata": "metadata",
}


def _submission(_input: type, value: Given, _context: InputContext) -> Submission:
    chosen = choice(value["task"])
    submission: Submission = {"task_type": chosen.task_type, "values": chosen.values}
    for name, given in value.items():
        if name != "task":
            submission[_PYTHON_NAMES[name]] = given
    return submission


def _as_given(_input: type, value: Given, _context: InputContext) -> Given:
    return value


_definition(SubmitTaskInput).from_input = _submission
_definition(RunTaskInput).from_input = _submission
_definition(TaskFilter).from_input = _as_given

SubmitTaskArgument = Annotated[Submission, strawberry.argument(graphql_type=SubmitTaskInput)]
RunTaskArgument = Annotated[Submission, strawberry.argument(graphql_type=RunTaskInput)]
FilterArgument = Annotated[Given | None, strawberry.argument(graphql_type=TaskFilter | None)]
