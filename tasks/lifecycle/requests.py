"""What people ask of a task that stands: cancel it, or run it again."""

from uuid import UUID

from tasks.lifecycle.changes import Change
from tasks.lifecycle.values import transition
from tasks.models import Task
from tasks.status import RETRYABLE, EventKind, TaskStatus

_CANCEL_WAITING = Change(
    set="status = 'CANCELLED', finished_at = {now}, due_at = NULL, next_attempt_at = NULL, enqueued_at = NULL",
    where="id = %s AND status = %s",
)
_ASK_RUNNING = Change(
    set="cancel_requested_at = {now}", where="id = %s AND status = 'RUNNING' AND cancel_requested_at IS NULL"
)
_RETRY = Change(
    set=(
        "status = 'QUEUED', max_attempts = max_attempts + attempt_allowance, finished_at = NULL, expires_at = NULL,"
        " cancel_requested_at = NULL, failure = NULL, progress = NULL, enqueued_at = NULL,"
        " attempts_spent = attempt - attempts_returned"
    ),
    where="id = %s AND status = %s",
)


def request_cancel(task_id: UUID) -> TaskStatus | None:
    """Cancel a waiting task at once; of a running one, ask: it stays RUNNING until its handler has ended.

    None where it was done, now or before; else the final status that the task has already. Raises `Task.DoesNotExist`.
    """
    while True:
        status, asked_at = _status(task_id)
        if status.is_final:
            return status
        if status is not TaskStatus.RUNNING:
            events = _CANCEL_WAITING.apply([transition(status)], [], [task_id.hex, status])
        elif asked_at is None:
            events = _ASK_RUNNING.apply([(EventKind.CANCEL_REQUEST, {})], [], [task_id.hex])
        else:
            return None
        if events:
            return None


def retry(task_id: UUID) -> TaskStatus | None:
    """Queue a task again that is FAILED, CANCELLED or EXPIRED. The caller, or upkeep, enqueues it.

    None where it was done; else the status that the task has. Raises `Task.DoesNotExist`.
    """
    while True:
        status, _ = _status(task_id)
        if status not in RETRYABLE:
            return status
        if _RETRY.apply([transition(status)], [], [task_id.hex, status]):
            return None


def _status(task_id: UUID) -> tuple[TaskStatus, object]:
    status, asked_at = Task.objects.values_list("status", "cancel_requested_at").get(id=task_id)
    return TaskStatus(status), asked_at
