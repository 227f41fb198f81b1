"""The event log: every change of every task, in the order of each task's versions."""

from collections.abc import Collection
from typing import Any, Self
from uuid import uuid4

from django.db import models
from django.db.models.base import ModelState

from tasks.status import EventKind


class Event(models.Model):
    """A past-tense fact about one task, with the task's changeable columns as they stood right after it.

    Ids are handed out before commits, so a higher id may become visible first; only `tasks.hub` may conclude
    anything from them. There are no foreign keys: the log outlives nothing, and pruning must not wait for it.
    """

    id = models.BigAutoField(primary_key=True)
    task_id = models.UUIDField()
    version = models.IntegerField()
    kind = models.CharField(max_length=16, choices=[(k.value, k.name) for k in EventKind])
    at = models.DateTimeField()
    owner_id = models.UUIDField(null=True)
    batch_id = models.UUIDField(null=True)
    type = models.CharField(max_length=100)
    queue = models.CharField(max_length=100)
    body = models.JSONField()
    """STATUS `{"from": status | null, "failed": bool}`; LOG `{"level", "message"}`; OUTPUT `{"chunk"}`; else `{}`."""
    # ---- the task right after the event ------------------------------------------------------------------------
    status = models.CharField(max_length=16)
    attempt = models.IntegerField()
    max_attempts = models.IntegerField()
    progress: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    failure: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    result: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    """Only in the event that ends the task."""
    expires_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["task_id", "version"], name="event_version"),)
        indexes = (models.Index(fields=["owner_id", "id"], name="event_owner"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.id}: version {self.version} of {self.task_id}"

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any) -> Self:
        """Build one from its columns' values, without Django's constructor where all are there.

        Every event is read several times on its way to those who watch, and the constructor costs six times as much.
        """
        if len(values) != len(EVENT_COLUMNS):
            return super().from_db(db, field_names, values, **options)
        event = cls.__new__(cls)
        event.__dict__.update(zip(EVENT_COLUMNS, values, strict=True))
        state = event.__dict__["_state"] = ModelState()
        state.adding = False
        state.db = db
        return event


_FIELDS = tuple(Event._meta.concrete_fields)  # noqa: SLF001 - Django's documented API
EVENT_COLUMNS = tuple(field.attname for field in _FIELDS)
"""Every column of an event, in the order in which `Event.from_db` takes their values."""
EVENT_JSON_COLUMNS = frozenset(field.attname for field in _FIELDS if isinstance(field, models.JSONField))
EVENT_TIME_COLUMNS = frozenset(field.attname for field in _FIELDS if isinstance(field, models.DateTimeField))
EVENT_UUID_COLUMNS = frozenset(field.attname for field in _FIELDS if isinstance(field, models.UUIDField))


class EventLog(models.Model):
    """The one row about the log as a whole."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.UUIDField(default=uuid4)
    """Part of every cursor. A new one makes all cursors handed out so far EPOCH_CHANGED."""
    bound_to = models.CharField(max_length=200, default="")
    """What a restore changes: on PostgreSQL the system identifier, the timeline and the database's oid."""
    pruned_through = models.BigIntegerField(default=0)
    """The highest id ever pruned. A feed's cursor below it can't be resumed without a gap."""

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="event_log_single"),)

    def __str__(self) -> str:
        return f"epoch {self.epoch}"
