"""The attempt row: one run of a handler."""

from typing import Any

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from tasks.models.tasks import Task
from tasks.status import AttemptStatus


class Attempt(models.Model):
    """One run of a handler, from its claim to its end."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.IntegerField()
    status = models.CharField(max_length=16, choices=[(s.value, s.name) for s in AttemptStatus])
    claim_id = models.UUIDField(unique=True)
    worker = models.CharField(max_length=255)
    """The worker's name, for people: `celery@host`."""
    incarnation = models.UUIDField()
    """The worker process start that made the claim; a restart under the same name is another."""
    pid = models.IntegerField()
    """The pool child that runs the handler, on the worker's machine."""
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    failure: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    """`{"code", "message", "exception", "traceback"}`."""

    class Meta:
        constraints = (models.UniqueConstraint(fields=["task", "number"], name="attempt_number"),)
        indexes = (
            models.Index(fields=["incarnation"], name="attempt_running", condition=Q(status=AttemptStatus.RUNNING)),
        )

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.task_id} ({self.status})"
