"""What clients ask, and what they are answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tasks.errors import UserError
from tasks.models.snapshots import TaskSnapshot
from tasks.registry import TaskType
from tasks.status import TaskPriority

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRequest:
    """A task to be stored; None stands for the default. Times are aware, durations in seconds."""

    task_type: TaskType
    values: Mapping[str, Json]
    """The arguments as GraphQL coerced them, under GraphQL names."""
    priority: TaskPriority = TaskPriority.NORMAL
    queue: str | None = None
    idempotency_key: str | None = None
    scheduled_for: datetime | None = None
    delay_seconds: float | None = None
    expires_in_seconds: float | None = None
    max_attempts: int | None = None
    retry_delay_seconds: float | None = None
    timeout_seconds: float | None = None
    tags: Sequence[str] | None = None
    metadata: Json = None
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SubmitAnswer:
    """The task as it stands, new or found by its key; or what is wrong with the request, and nothing was stored."""

    task: TaskSnapshot | None
    deduplicated: bool = False
    errors: list[UserError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """A task after a request about it, or why the request was refused."""

    task: TaskSnapshot | None
    errors: list[UserError] = field(default_factory=list)
