"""What time brings: tasks that are due, too old, or whose message the broker lost."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from tasks.broker import Message
from tasks.lifecycle.changes import Change, clock
from tasks.models import Event, Task
from tasks.status import EventKind, TaskPriority, TaskStatus

_QUEUE_DUE = "status = 'QUEUED', due_at = NULL, next_attempt_at = NULL, enqueued_at = NULL"
_EXPIRE = "status = 'EXPIRED', finished_at = {now}, due_at = NULL, enqueued_at = NULL"
_OVERDUE = "expires_at <= {now} AND expires_at IS NOT NULL AND started_at IS NULL AND finished_at IS NULL"


def promote_due(limit: int) -> list[UUID]:
    """Move up to `limit` resting tasks whose time has come to QUEUED; the caller enqueues them. Returns their ids."""
    events = _each(TaskStatus.SCHEDULED, _QUEUE_DUE, "due_at <= {now}", "due_at", limit)
    events += _each(TaskStatus.RETRYING, _QUEUE_DUE, "due_at <= {now}", "due_at", limit)
    return [event.task_id for event in events]


def expire_overdue(limit: int) -> list[UUID]:
    """Move up to `limit` tasks that were not started in time to EXPIRED. Returns their ids.

    Upkeep is late by nature; the claim itself refuses an expired task.
    """
    events = _each(TaskStatus.QUEUED, _EXPIRE, _OVERDUE, "expires_at", limit)
    events += _each(TaskStatus.SCHEDULED, _EXPIRE, _OVERDUE, "expires_at", limit)
    return [event.task_id for event in events]


def now() -> datetime:
    """The present time, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {clock()}", [])
        (moment,) = cursor.fetchone()
    return datetime.fromisoformat(moment).replace(tzinfo=UTC) if isinstance(moment, str) else moment


def mark_enqueued(task_ids: Iterable[UUID]) -> None:
    """Note that the broker has the messages of these tasks; those that run already are left alone."""
    waiting = Task.objects.filter(id__in=sorted(task_ids), status=TaskStatus.QUEUED)
    waiting.update(enqueued_at=Now())


def messages(task_ids: Sequence[UUID]) -> list[Message]:
    """The messages for those of these tasks that are QUEUED now."""
    return _messages(Q(id__in=task_ids), len(task_ids))


def unsent(older_than_seconds: float, limit: int) -> list[Message]:
    """QUEUED tasks that nobody has handed to the broker for that long, oldest first."""
    before = Now() - timedelta(seconds=older_than_seconds)
    return _messages(Q(enqueued_at__isnull=True, updated_at__lt=before), limit, "updated_at")


def waiting_since_before(queue: str, priority: TaskPriority, moment: datetime, limit: int) -> list[Message]:
    """QUEUED tasks whose message was sent before `moment`: lost, where the broker's next one is younger than that."""
    lost = Q(queue=queue, priority=priority, enqueued_at__lt=moment)
    return _messages(lost, limit, "enqueued_at")


def _messages(condition: Q, limit: int, *order: str) -> list[Message]:
    columns = ("id", "queue", "priority")
    found = Task.objects.filter(condition, status=TaskStatus.QUEUED).order_by(*order).values_list(*columns)[:limit]
    return [Message(task_id, queue, TaskPriority(priority)) for task_id, queue, priority in found]


def _each(old: TaskStatus, set_: str, condition: str, order: str, limit: int) -> list[Event]:
    """Apply one transition to up to `limit` rows that nobody else has locked."""
    lock = "" if connection.vendor == "sqlite" else "FOR UPDATE SKIP LOCKED"
    chosen = (
        f"id IN (SELECT id FROM tasks_task WHERE {condition} AND status = '{old}'"  # noqa: S608 - words of ours
        f" ORDER BY {order} LIMIT {limit} {lock})"
    )
    change = Change(set=set_, where=f"{chosen} AND status = '{old}'")
    return change.apply([(EventKind.STATUS, {"from": old, "failed": False})])
