"""What time brings: tasks that are due, too old, or whose message the broker lost."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from tasks.broker import Message
from tasks.lifecycle.changes import Change, clock, later
from tasks.lifecycle.values import transition
from tasks.models import Event, Task
from tasks.status import TaskPriority, TaskStatus

_QUEUE_DUE = "status = 'QUEUED', due_at = NULL, next_attempt_at = NULL, enqueued_at = {now}"
_DUE = "due_at <= {now}"
_EXPIRE = "status = 'EXPIRED', finished_at = {now}, due_at = NULL, enqueued_at = NULL"
_OVERDUE = "expires_at <= {now} AND expires_at IS NOT NULL AND started_at IS NULL AND finished_at IS NULL"
_UNSENT = "enqueued_at IS NULL AND updated_at <= {earlier}"
_LOST = "queue = %s AND priority = %s AND enqueued_at < %s"


def promote_due(limit: int) -> list[Message]:
    """Move up to `limit` resting tasks whose time has come to QUEUED, for the caller to send at once.

    They count as enqueued: where the send fails, `mark_unsent` says so.
    """
    changed = _each(TaskStatus.SCHEDULED, _QUEUE_DUE, _DUE, "due_at", limit)
    changed += _each(TaskStatus.RETRYING, _QUEUE_DUE, _DUE, "due_at", limit)
    return [Message(event.task_id, event.queue, TaskPriority(priority), event.version) for event, priority in changed]


def expire_overdue(limit: int) -> list[UUID]:
    """Move up to `limit` tasks that were not started in time to EXPIRED. Returns their ids.

    Upkeep is late by nature; the claim itself refuses an expired task.
    """
    changed = _each(TaskStatus.QUEUED, _EXPIRE, _OVERDUE, "expires_at", limit)
    changed += _each(TaskStatus.SCHEDULED, _EXPIRE, _OVERDUE, "expires_at", limit)
    return [event.task_id for event, _ in changed]


def mark_enqueued(messages: Iterable[Message]) -> None:
    """Note that the broker has these messages; a task that something happened to since is left alone."""
    by_version: defaultdict[int, list[UUID]] = defaultdict(list)
    for message in messages:
        by_version[message.version].append(message.task_id)
    for version, task_ids in by_version.items():
        waiting = Task.objects.filter(id__in=sorted(task_ids), version=version, status=TaskStatus.QUEUED)
        waiting.update(enqueued_at=Now())


def mark_unsent(messages: Iterable[Message]) -> None:
    """Take back that the broker has these messages: it could not be reached."""
    task_ids = sorted(message.task_id for message in messages)
    Task.objects.filter(id__in=task_ids, status=TaskStatus.QUEUED).update(enqueued_at=None)


def take_unsent(older_than_seconds: float, limit: int) -> list[Message]:
    """QUEUED tasks that nobody has handed to the broker for that long, oldest first, for the caller to send at once.

    They count as enqueued from now on, so that no other worker sends them too.
    """
    condition = _UNSENT.replace("{earlier}", later())
    return _taken(condition, [-older_than_seconds], "updated_at", limit)


def take_lost(queue: str, priority: TaskPriority, moment: datetime, limit: int) -> list[Message]:
    """QUEUED tasks whose message was sent before `moment`: lost, where the broker's next one is younger than that.

    They count as enqueued from now on; the caller sends them at once.
    """
    before = connection.ops.adapt_datetimefield_value(moment)
    return _taken(_LOST, [queue, priority.value, before], "enqueued_at", limit)


def now() -> datetime:
    """The present time, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {clock()}", [])
        (moment,) = cursor.fetchone()
    return datetime.fromisoformat(moment).replace(tzinfo=UTC) if isinstance(moment, str) else moment


def _taken(condition: str, parameters: Sequence[Any], order: str, limit: int) -> list[Message]:
    """Stamp rows that nobody else has locked as enqueued. No event: what a client sees does not change."""
    sql = (
        f"UPDATE tasks_task SET enqueued_at = {{now}} WHERE {_chosen(TaskStatus.QUEUED, condition, order, limit)}"  # noqa: S608
        " RETURNING id, queue, priority, version"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("{now}", clock()), parameters)
        return [
            Message(task_id if isinstance(task_id, UUID) else UUID(task_id), queue, TaskPriority(priority), version)
            for task_id, queue, priority, version in cursor.fetchall()
        ]


def _each(old: TaskStatus, set_: str, condition: str, order: str, limit: int) -> list[tuple[Event, int]]:
    """Apply one transition to up to `limit` rows that nobody else has locked; each event with the task's priority."""
    where = f"{_chosen(old, condition, order, limit)} AND status = '{old}'"
    changed = Change(set=set_, where=where, read=("priority",)).apply_and_read([transition(old)])
    return [(event, priority) for event, (priority,) in changed]


def _chosen(status: TaskStatus, condition: str, order: str, limit: int) -> str:
    lock = "" if connection.vendor == "sqlite" else "FOR UPDATE SKIP LOCKED"
    return (
        f"id IN (SELECT id FROM tasks_task WHERE {condition} AND status = '{status}'"  # noqa: S608 - words of ours
        f" ORDER BY {order} LIMIT {limit} {lock})"
    )
