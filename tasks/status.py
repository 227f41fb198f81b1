"""The words of a task's life: statuses, priorities, event kinds, and which status may follow which.

A leaf: it imports nothing of ours, touches nothing, and everybody may read it.
"""

from enum import IntEnum, StrEnum
from types import MappingProxyType


class TaskStatus(StrEnum):
    """Where a task stands. What moves it in and out is `TRANSITIONS`."""

    SCHEDULED = "SCHEDULED"
    """Accepted, and resting in the database until `scheduled_for`."""
    QUEUED = "QUEUED"
    """Due: a worker may claim it at any moment."""
    RUNNING = "RUNNING"
    """Claimed: exactly one claim holds it, and only that claim may end the attempt."""
    RETRYING = "RETRYING"
    """The last attempt failed; resting in the database until `next_attempt_at`."""
    SUCCEEDED = "SUCCEEDED"
    """Final: the handler returned a result that fits its declared type."""
    FAILED = "FAILED"
    """Final unless retried: no attempt is left, or the failure was not worth another."""
    CANCELLED = "CANCELLED"
    """Final unless retried: somebody asked for it before it succeeded."""
    EXPIRED = "EXPIRED"
    """Final unless retried: not started before `expires_at`."""

    @property
    def is_final(self) -> bool:
        """True where only a `retryTask` can move the task on."""
        return self in FINAL


FINAL = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.EXPIRED})
ACTIVE = frozenset(TaskStatus) - FINAL
"""What has not ended."""
RETRYABLE = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.EXPIRED})
"""What `retryTask` takes back to QUEUED."""


class TransitionCause(StrEnum):
    """Why a task moves from one status to another: one word per edge of the table below."""

    DUE = "due"
    """Its time has come."""
    CLAIM = "claim"
    """A worker took it and begins an attempt."""
    SUCCESS = "success"
    """The attempt's result was stored."""
    FAILURE = "failure"
    """The attempt failed for good, or was the last allowed."""
    RETRY_LATER = "retry later"
    """The attempt failed and another is allowed after a delay."""
    GIVE_BACK = "give back"
    """A worker that is told to stop returns the attempt unfinished and uncounted."""
    CANCEL = "cancel"
    """A cancel took effect."""
    EXPIRY = "expiry"
    """It was not started in time."""
    RETRY_TASK = "retryTask"
    """Somebody asked for the whole task again."""


TRANSITIONS = MappingProxyType(
    {
        (TaskStatus.SCHEDULED, TaskStatus.QUEUED): TransitionCause.DUE,
        (TaskStatus.SCHEDULED, TaskStatus.CANCELLED): TransitionCause.CANCEL,
        (TaskStatus.SCHEDULED, TaskStatus.EXPIRED): TransitionCause.EXPIRY,
        (TaskStatus.QUEUED, TaskStatus.RUNNING): TransitionCause.CLAIM,
        (TaskStatus.QUEUED, TaskStatus.CANCELLED): TransitionCause.CANCEL,
        (TaskStatus.QUEUED, TaskStatus.EXPIRED): TransitionCause.EXPIRY,
        (TaskStatus.RUNNING, TaskStatus.SUCCEEDED): TransitionCause.SUCCESS,
        (TaskStatus.RUNNING, TaskStatus.FAILED): TransitionCause.FAILURE,
        (TaskStatus.RUNNING, TaskStatus.RETRYING): TransitionCause.RETRY_LATER,
        (TaskStatus.RUNNING, TaskStatus.QUEUED): TransitionCause.GIVE_BACK,
        (TaskStatus.RUNNING, TaskStatus.CANCELLED): TransitionCause.CANCEL,
        (TaskStatus.RETRYING, TaskStatus.QUEUED): TransitionCause.DUE,
        (TaskStatus.RETRYING, TaskStatus.CANCELLED): TransitionCause.CANCEL,
        (TaskStatus.FAILED, TaskStatus.QUEUED): TransitionCause.RETRY_TASK,
        (TaskStatus.CANCELLED, TaskStatus.QUEUED): TransitionCause.RETRY_TASK,
        (TaskStatus.EXPIRED, TaskStatus.QUEUED): TransitionCause.RETRY_TASK,
    }
)
"""Every legal transition, `(from, to)`, with what causes it. A pair that is not here never happens."""


class TaskPriority(IntEnum):
    """Within one queue, all HIGH tasks start before any NORMAL one, and those before any LOW one."""

    LOW = 0
    """When nothing else waits."""
    NORMAL = 1
    """The default."""
    HIGH = 2
    """Ahead of all others in its queue."""


class AttemptStatus(StrEnum):
    """How one run of a handler stands."""

    RUNNING = "RUNNING"
    """The handler runs now, as far as anybody knows."""
    SUCCEEDED = "SUCCEEDED"
    """It returned a valid result."""
    FAILED = "FAILED"
    """It raised, ran out of time, was lost with its worker, or returned what does not fit."""
    CANCELLED = "CANCELLED"
    """It ended because a cancel was asked."""
    RETURNED = "RETURNED"
    """Given back unfinished by a worker that was told to stop; not counted against maxAttempts."""


class FailureCode(StrEnum):
    """Why an attempt failed."""

    EXCEPTION = "EXCEPTION"
    """The handler raised."""
    TIMEOUT = "TIMEOUT"
    """It ran longer than its `timeout_seconds`."""
    WORKER_LOST = "WORKER_LOST"
    """The process that ran it died, or its worker's lease ran out."""
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    """The handler raised MemoryError."""
    INVALID_RESULT = "INVALID_RESULT"
    """What it returned does not fit its declared type."""
    REJECTED = "REJECTED"
    """The handler refused the task for good, or its stored arguments no longer fit; not retried."""


class LogLevel(StrEnum):
    """How much a log line of a handler matters."""

    DEBUG = "DEBUG"
    """For whoever wrote the handler."""
    INFO = "INFO"
    """The default."""
    WARNING = "WARNING"
    """Something is odd, and the handler goes on."""
    ERROR = "ERROR"
    """Something failed, though perhaps not the attempt."""


class EventKind(StrEnum):
    """What a stored event tells."""

    STATUS = "STATUS"
    """A transition."""
    PROGRESS = "PROGRESS"
    """How far the attempt has come."""
    LOG = "LOG"
    """One line that the handler logged."""
    OUTPUT = "OUTPUT"
    """A chunk of what the handler streams."""
    CANCEL_REQUEST = "CANCEL_REQUEST"
    """Somebody asked a running task to stop."""
