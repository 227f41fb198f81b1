"""The sources that the tests open, and what they look at in the log."""

from typing import Any

from tasks.hub import Cursor, FeedSource, Hub, TaskSource
from tasks.models import Event, Task, User
from tasks.models.snapshots import TaskSnapshot
from tasks.status import TaskStatus


def anybody(_: TaskSnapshot) -> bool:
    return True


def is_running(task: TaskSnapshot) -> bool:
    return task.status == TaskStatus.RUNNING


def source_of(hub: Hub, task: Task, after: int | None = None, **options: Any) -> TaskSource:
    cursor = None if after is None else Cursor(hub.epoch, after)
    return TaskSource(hub, task.id, options.pop("allowed", anybody), cursor, **options)


def feed_of(hub: Hub, owner: User | None, after: int | None = None, **options: Any) -> FeedSource:
    cursor = None if after is None else Cursor(hub.epoch, after)
    owners = None if owner is None else frozenset({owner.id})
    return FeedSource(hub, owners, options.pop("matches", anybody), cursor, **options)


def ids_of(task: Task) -> list[int]:
    return list(Event.objects.filter(task_id=task.id).order_by("version").values_list("id", flat=True))


def delete_versions(task: Task, *versions: int) -> None:
    """Prune some events, as a partial retention would."""
    Event.objects.filter(task_id=task.id, version__in=versions).delete()
