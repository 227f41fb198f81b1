"""Events and tasks as the log and the task table have them, made up."""

from datetime import UTC, datetime
from uuid import UUID

from tasks.models import Event
from tasks.models.snapshots import TaskSnapshot
from tasks.status import EventKind, TaskPriority, TaskStatus

AT = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = UUID(int=1)
OWNER = UUID(int=2)
STRANGER = UUID(int=3)


def event(event_id: int, task: int, version: int, owner: UUID = OWNER, status: str = TaskStatus.RUNNING) -> Event:
    return Event(
        id=event_id,
        task_id=UUID(int=task),
        version=version,
        kind=EventKind.STATUS,
        at=AT,
        owner_id=owner,
        type="count_words",
        queue="default",
        body={"from": None, "failed": False},
        status=status,
        attempt=1,
        max_attempts=3,
    )


def ids_alone(full: Event) -> Event:
    """As the channel layer tells of an event that is too big for it."""
    return Event(id=full.id, task_id=full.task_id, version=full.version, kind="")


def facts(task_id: UUID, owner: UUID = OWNER) -> TaskSnapshot:
    return TaskSnapshot(
        id=task_id,
        type="count_words",
        owner_id=owner,
        batch_id=None,
        queue="default",
        priority=TaskPriority.NORMAL,
        arguments={"text": "a b"},
        idempotency_key=None,
        tags=[],
        metadata=None,
        timeout_seconds=None,
        scheduled_for=None,
        created_at=AT,
        event_id=0,
        version=10_000,
        status=TaskStatus.SUCCEEDED,
        attempt=1,
        max_attempts=3,
        progress=None,
        failure=None,
        result=None,
        updated_at=AT,
        expires_at=None,
        started_at=None,
        finished_at=None,
        next_attempt_at=None,
        cancel_requested_at=None,
    )
