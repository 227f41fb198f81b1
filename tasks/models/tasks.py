"""The task row: the truth about one requested unit of work."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.base import ModelState
from uuid_utils.compat import uuid7

from tasks.status import ACTIVE, RETRYABLE, TaskPriority, TaskStatus


class Task(models.Model):
    """One requested unit of work. `tasks.lifecycle` alone writes it, one event for each change.

    The columns above the line never change after submission; an event carries a copy of those below it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=100)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="tasks", db_index=False
    )
    batch_id = models.UUIDField(null=True)
    queue = models.CharField(max_length=100)
    priority = models.SmallIntegerField(default=TaskPriority.NORMAL, choices=[(p.value, p.name) for p in TaskPriority])
    arguments = models.JSONField()
    arguments_digest = models.BinaryField(max_length=32)
    """SHA-256 of type and arguments: tells whether a second use of an idempotency key asks for the same."""
    idempotency_key = models.CharField(max_length=255, null=True)  # noqa: DJ001 - NULL is "no key", '' is a key
    tags = models.JSONField(default=list)
    metadata: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    timeout_seconds = models.FloatField(null=True)
    retry_delay_seconds = models.FloatField(null=True)
    """The first delay between attempts; null: the task type's backoff."""
    attempt_allowance = models.IntegerField()
    """`max_attempts` as submitted: what each retryTask adds to it."""
    scheduled_for = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    # ------------------------------------------------------------------------------------------------------------
    status = models.CharField(max_length=16, choices=[(s.value, s.name) for s in TaskStatus])
    version = models.IntegerField(default=1)
    """Grows by one with every event of this task."""
    attempt = models.IntegerField(default=0)
    max_attempts = models.IntegerField()
    attempts_returned = models.IntegerField(default=0)
    """Attempts given back unfinished, which count for nothing."""
    attempts_spent = models.IntegerField(default=0)
    """Attempts that counted up to the last retryTask: the backoff starts anew with it."""
    progress: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    """`{"fraction": float | null, "message": str | null, "updated_at": RFC 3339}`."""
    failure: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    """`{"code", "message", "exception"}` of the last attempt that failed; the traceback is in the attempt."""
    result: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    # ---- of no interest to clients -----------------------------------------------------------------------------
    due_at = models.DateTimeField(null=True)
    """While it rests: when upkeep moves it to QUEUED."""
    enqueued_at = models.DateTimeField(null=True)
    """While QUEUED: when its message was handed to the broker; null: not yet, as far as is known."""
    claim_id = models.UUIDField(null=True)
    """While RUNNING: the one claim that may end the attempt. Never used twice."""

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["owner", "idempotency_key"],
                name="task_idempotency_key",
                condition=Q(idempotency_key__isnull=False),
            ),
        )
        indexes = (
            models.Index(fields=["owner", "-id"], name="task_owner_newest"),
            models.Index(fields=["owner", "-updated_at", "-id"], name="task_owner_updated"),
            models.Index(fields=["due_at"], name="task_due", condition=Q(due_at__isnull=False)),
            models.Index(
                fields=["queue", "priority", "enqueued_at"], name="task_queued", condition=Q(status=TaskStatus.QUEUED)
            ),
            models.Index(
                fields=["updated_at"],
                name="task_unsent",
                condition=Q(status=TaskStatus.QUEUED, enqueued_at__isnull=True),
            ),
            models.Index(
                fields=["expires_at"],
                name="task_expiring",
                condition=Q(expires_at__isnull=False, started_at__isnull=True, finished_at__isnull=True),
            ),
            models.Index(fields=["finished_at"], name="task_finished", condition=Q(finished_at__isnull=False)),
            models.Index(fields=["updated_at", "id"], name="task_updated"),
            models.Index(fields=["type", "id"], name="task_type_newest"),
            # Lists that ask for what is rare. Partial, so that a task that just succeeds is in none of them at its end.
            models.Index(fields=["owner", "id"], name="task_active", condition=Q(status__in=sorted(ACTIVE))),
            models.Index(fields=["id"], name="task_active_all", condition=Q(status__in=sorted(ACTIVE))),
            models.Index(
                fields=["status", "owner", "id"], name="task_unsuccessful", condition=Q(status__in=sorted(RETRYABLE))
            ),
            models.Index(fields=["queue", "id"], name="task_other_queue", condition=~Q(queue="default")),
            models.Index(
                fields=["priority", "id"], name="task_other_priority", condition=~Q(priority=TaskPriority.NORMAL)
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.id} ({self.status})"

    @classmethod
    def made(cls, **values: Any) -> Self:
        """Build a new one from its columns' values, without Django's constructor, which costs six times as much.

        By the names of the columns (`owner_id`), and all that have neither a default nor null, `id` and `tags` too.
        """
        task = cls.__new__(cls)
        task.__dict__.update(_DEFAULTS)
        task.__dict__.update(values)
        task.__dict__["_state"] = ModelState()
        return task


_DEFAULTS = {
    field.attname: field.default if field.has_default() else None
    for field in Task._meta.concrete_fields  # noqa: SLF001 - Django's documented API
    if not (field.has_default() and callable(field.default))
}
