"""What the lifecycle hands out and takes in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tasks.status import EventKind, FailureCode, LogLevel, TaskPriority, TaskStatus

Json = Any


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one attempt. `claim_id` is never used twice, so a lost claim can change nothing."""

    task_id: UUID
    claim_id: UUID
    attempt: int
    type: str
    queue: str
    priority: TaskPriority
    arguments: dict[str, Json]
    max_attempts: int
    attempts_returned: int
    attempts_spent: int
    """Attempts that counted up to the last `retryTask`."""
    timeout_seconds: float | None
    retry_delay_seconds: float | None
    version: int
    """The task's, as it was read with the claim."""

    @property
    def attempts_counted(self) -> int:
        """This attempt and those before it, without the ones that were given back."""
        return self.attempt - self.attempts_returned

    @property
    def failures_in_a_row(self) -> int:
        """How many attempts will have failed if this one does, since submission or the last `retryTask`."""
        return self.attempts_counted - self.attempts_spent

    @property
    def is_last_attempt(self) -> bool:
        """True where a failure of this attempt is final."""
        return self.attempts_counted >= self.max_attempts


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed. The traceback stays with the attempt, for staff."""

    code: FailureCode
    message: str
    exception: str | None = None
    traceback: str | None = None

    def for_task(self) -> dict[str, Json]:
        """As the task and its events store it."""
        return {"code": self.code, "message": self.message, "exception": self.exception}

    def for_attempt(self) -> dict[str, Json]:
        """As the attempt stores it."""
        return {**self.for_task(), "traceback": self.traceback}


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far the attempt has come: `fraction` is 0 to 1, None when unknown."""

    fraction: float | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Logged:
    """One line of the handler's log."""

    level: LogLevel
    message: str

    kind = EventKind.LOG

    def body(self) -> dict[str, Json]:
        """As the event stores it."""
        return {"level": self.level, "message": self.message}


@dataclass(frozen=True, slots=True)
class Output:
    """A chunk of what the handler streams."""

    chunk: str

    kind = EventKind.OUTPUT

    def body(self) -> dict[str, Json]:
        """As the event stores it."""
        return {"chunk": self.chunk}


@dataclass(frozen=True, slots=True)
class RecordAnswer:
    """What a handler's record traffic learns about its own claim."""

    held: bool
    """False: the claim is not ours any more, and nothing was recorded."""
    cancel_requested: bool
    version: int | None = None
    """The task's after the entries, to name with the next ones; None where it is not known."""


@dataclass(frozen=True, slots=True)
class RunningAttempt:
    """One attempt as the database has it RUNNING."""

    claim: Claim
    incarnation: UUID
    pid: int
    started_at: datetime
    cancel_requested_at: datetime | None


EventEntry = tuple[EventKind, dict[str, Json]]


def transition(old: TaskStatus | None, *, failed: bool = False) -> EventEntry:
    """The event of a transition from `old`; `failed`: because the attempt did, with the task's present failure."""
    return EventKind.STATUS, {"from": old, "failed": failed}
