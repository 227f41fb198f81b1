"""One task as it stood at one moment: what the API shows, whether read from the row or carried by an event."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from tasks.models.events import Event
from tasks.models.tasks import Task
from tasks.status import TaskPriority, TaskStatus

Json = Any


@dataclass(slots=True, eq=False)
class TaskSnapshot:
    """One task as it stood right after its event number `version`. Shared between readers: never change one."""

    # What never changes after submission.
    id: UUID
    type: str
    owner_id: UUID | None
    batch_id: UUID | None
    queue: str
    priority: TaskPriority
    arguments: dict[str, Json]
    idempotency_key: str | None
    tags: list[str]
    metadata: Json
    timeout_seconds: float | None
    scheduled_for: datetime | None
    created_at: datetime
    # What each event may change.
    event_id: int
    """The id of the event `version`; 0 where it was pruned."""
    version: int
    status: TaskStatus
    attempt: int
    max_attempts: int
    progress: dict[str, Json] | None
    failure: dict[str, Json] | None
    result: Json
    updated_at: datetime
    expires_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime | None
    cancel_requested_at: datetime | None

    @classmethod
    def of_row(cls, row: Task, event_id: int) -> Self:
        """The task as its row says; `event_id` is that of the event `row.version`."""
        values = [getattr(row, column) for column in _COLUMNS]
        return cls._of_values(values, event_id)

    @classmethod
    def of_event(cls, facts: "TaskSnapshot", event: Event) -> Self:
        """The task right after `event`; `facts` is any snapshot of the same task, for what never changes."""
        return cls(
            facts.id,
            facts.type,
            facts.owner_id,
            facts.batch_id,
            facts.queue,
            facts.priority,
            facts.arguments,
            facts.idempotency_key,
            facts.tags,
            facts.metadata,
            facts.timeout_seconds,
            facts.scheduled_for,
            facts.created_at,
            event.id,
            event.version,
            TaskStatus(event.status),
            event.attempt,
            event.max_attempts,
            event.progress,
            event.failure,
            event.result,
            event.at,
            event.expires_at,
            event.started_at,
            event.finished_at,
            event.next_attempt_at,
            event.cancel_requested_at,
        )

    @classmethod
    def _of_values(cls, values: Iterable[Any], event_id: int) -> Self:
        given = dict(zip(_COLUMNS, values, strict=True))
        given["status"] = TaskStatus(given["status"])
        given["priority"] = TaskPriority(given["priority"])
        return cls(event_id=event_id, **given)


_COLUMNS = tuple(name for name in TaskSnapshot.__slots__ if name != "event_id")


def snapshots(tasks: QuerySet[Task]) -> list[TaskSnapshot]:
    """Read `tasks`, in their order, in one query."""
    last_event = Event.objects.filter(task_id=OuterRef("id"), version=OuterRef("version")).values("id")
    rows = tasks.annotate(event_id=Subquery(last_event)).values_list("event_id", *_COLUMNS)
    return [TaskSnapshot._of_values(values, event_id or 0) for event_id, *values in rows]  # noqa: SLF001


def snapshot(task_id: UUID) -> TaskSnapshot | None:
    """Read one task, or None where there is none."""
    found = snapshots(Task.objects.filter(id=task_id))
    return found[0] if found else None
