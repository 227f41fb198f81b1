"""Requests about a task that stands: cancel it, run it again."""

from collections.abc import Callable
from uuid import UUID

from django.db.models import QuerySet

from tasks import database, lifecycle
from tasks.errors import NotCancellable, NotFound, NotRetryable
from tasks.models import Task
from tasks.models.snapshots import TaskSnapshot, snapshot
from tasks.status import TaskStatus
from tasks.submission.admission import admission
from tasks.submission.requests import Answer
from tasks.submission.submitting import enqueue

PATH = ["input", "id"]


async def cancel(viewer_id: UUID, is_staff: bool, task_id: UUID) -> Answer:
    """Cancel a waiting task, or ask a running one to stop. Somebody else's task is not found, staff excepted."""
    refused, task = await database.write(_change, lifecycle.request_cancel, viewer_id, is_staff, task_id)
    if refused is not None:
        return Answer(task, [NotCancellable(f"the task is {refused} already", PATH, status=refused)])
    return Answer(task) if task else _not_found(task_id)


async def retry(viewer_id: UUID, is_staff: bool, task_id: UUID) -> Answer:
    """Queue a FAILED, CANCELLED or EXPIRED task again. Somebody else's task is not found, staff excepted.

    It counts as a submission of whoever asks for it.
    """
    queue = await database.read(_queue_of, viewer_id, is_staff, task_id)
    if queue is None:
        return _not_found(task_id)
    too_many = admission().refused(viewer_id, queue, PATH)
    if too_many is not None:
        return Answer(None, [too_many])
    refused, task = await database.write(_change, lifecycle.retry, viewer_id, is_staff, task_id)
    if refused is not None:
        message = f"expected a task that is FAILED, CANCELLED or EXPIRED, got one that is {refused}"
        return Answer(task, [NotRetryable(message, PATH, status=refused)])
    if task is None:
        return _not_found(task_id)
    enqueue(task)
    return Answer(task)


def _queue_of(viewer_id: UUID, is_staff: bool, task_id: UUID) -> str | None:
    return _visible(viewer_id, is_staff, task_id).values_list("queue", flat=True).first()


def _visible(viewer_id: UUID, is_staff: bool, task_id: UUID) -> QuerySet[Task]:
    return Task.objects.filter(id=task_id) if is_staff else Task.objects.filter(id=task_id, owner_id=viewer_id)


def _change(
    change: Callable[[UUID], TaskStatus | None], viewer_id: UUID, is_staff: bool, task_id: UUID
) -> tuple[TaskStatus | None, TaskSnapshot | None]:
    """What the change was refused for, if so, and the task after it; no task: none that the viewer may touch."""
    if not _visible(viewer_id, is_staff, task_id).exists():
        return None, None
    try:
        return change(task_id), snapshot(task_id)
    except Task.DoesNotExist:
        return None, None  # pruned in between


def _not_found(task_id: UUID) -> Answer:
    return Answer(None, [NotFound(f"there is no task {task_id} of yours", PATH)])
