"""The task, whatever its type. Its source is a `TaskSnapshot`; generated types add the arguments and the result."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from tasks.api.cursors import cursor_at
from tasks.api.types.attempts import TaskAttempt
from tasks.api.types.connections import DEFAULT_EVENTS, TaskEventConnection, events_page
from tasks.api.types.fields import derived, resolved
from tasks.api.types.info import Info
from tasks.api.types.naming import arguments_json, result_json
from tasks.api.types.node import Node, task_object_type
from tasks.api.types.outcomes import TaskFailure, TaskProgress, failure_of_task
from tasks.api.types.scalars import EventCursor
from tasks.api.types.users import User
from tasks.models.snapshots import TaskSnapshot
from tasks.status import FINAL, TaskPriority, TaskStatus

_described = strawberry.field


@strawberry.interface(description="One requested unit of work. Its object type is that of its task type.")
class Task(Node):
    """The interface of all tasks, as they stood at one event."""

    id: strawberry.ID = derived(lambda task: str(task.id), "A UUID (version 7).")
    type: str = _described(description="The registered name, `reverse_string`.")
    status: TaskStatus = _described(description="Where it stands.")
    is_final: bool = derived(lambda task: task.status in FINAL, "True where only a retryTask can move it on.")
    version: int = _described(description="Grows by one with every event of this task.")
    cursor: EventCursor = derived(
        lambda task: cursor_at(task.event_id),
        "This task's own last event: `taskUpdated(after:)` goes on from here, nothing missed. Not for feeds.",
    )
    queue: str = _described(description="Where it waits.")
    priority: TaskPriority = _described(description="Its rank within its queue.")
    tags: list[str] = _described(description="As given when it was submitted.")
    metadata: JSON | None = _described(description="As given when it was submitted.")
    progress: TaskProgress | None = _described(description="How far the attempt has come, where its handler says so.")
    attempt: int = _described(
        description="The number of the last attempt, 0 before the first. Goes on counting over a retryTask."
    )
    max_attempts: int = _described(description="How many attempts it is allowed.")
    failure: TaskFailure | None = derived(failure_of_task, "Of the last attempt that failed.")
    timeout_seconds: float | None = _described(description="How long one attempt may take.")
    idempotency_key: str | None = _described(description="As given when it was submitted.")
    created_at: datetime = _described(description="When it was submitted.")
    updated_at: datetime = _described(description="When its last event happened.")
    scheduled_for: datetime | None = _described(description="The time asked for, where one was.")
    expires_at: datetime | None = _described(description="Not started by then: EXPIRED, never run.")
    started_at: datetime | None = _described(description="When the last attempt was claimed.")
    finished_at: datetime | None = _described(description="When it became final.")
    next_attempt_at: datetime | None = _described(description="While RETRYING: when the next attempt is due.")
    cancel_requested_at: datetime | None = _described(description="When somebody asked it to stop while it ran.")
    arguments_json: JSON | None = derived(
        arguments_json,
        "`arguments` again, untyped, for lists of mixed types. Null where hidden from the viewer.",
    )
    result_json: JSON | None = derived(
        result_json, "`result` again, untyped, for lists of mixed types. Null where hidden from the viewer."
    )

    @resolved("Who submitted it.")
    async def owner(self: Any, info: Info) -> User | None:
        """Read by a data loader."""
        if self.owner_id is None:
            return None
        return await info.context.loaders.users.load(self.owner_id)  # type: ignore[return-value]  # a row is a User

    @resolved("Every run of its handler, the first one first.")
    async def attempts(self: Any, info: Info) -> list[TaskAttempt]:
        """Read by a data loader."""
        return await info.context.loaders.attempts.load(self.id)  # type: ignore[return-value]  # rows are TaskAttempts

    @resolved("Its history, oldest first. `first` null means 100; at most 1,000.")
    async def events(
        self: Any, info: Info, first: int | None = DEFAULT_EVENTS, after: EventCursor | None = strawberry.UNSET
    ) -> TaskEventConnection:
        """Read by a data loader."""
        return await events_page(info.context.loaders, self.id, first, after)  # type: ignore[return-value]  # its source

    resolve_type = staticmethod(task_object_type)  # type: ignore[assignment]  # of tasks alone

    @staticmethod
    def is_type_of(task: Any, _info: Any) -> bool:
        """Accept any task: `resolve_type` has chosen the type already."""
        return isinstance(task, TaskSnapshot)


@strawberry.type(description="A task whose type this server no longer has.")
class UnknownTask(Task):
    """What is left of a task when its function is gone."""
