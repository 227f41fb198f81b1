"""Every error of ours that crosses a module, each with its stable code.

`UserError`s are data: a client can mend its input, so they are returned as values of a mutation's payload. The
exceptions below `TaskfeedError` end an operation and reach the client as a top-level error with `extensions.code`.
"""

from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from tasks.status import TaskStatus


class TaskfeedError(Exception):
    """The base of our exceptions; `code` is what the client sees in `extensions.code`."""

    code: ClassVar[str] = "INTERNAL"


class BadUserInput(TaskfeedError):
    """The request itself can't be understood."""

    code = "BAD_USER_INPUT"


class InvalidCursor(TaskfeedError):
    """A cursor that this server did not hand out."""

    code = "INVALID_CURSOR"


class Unauthenticated(TaskfeedError):
    """The operation needs a user and there is none."""

    code = "UNAUTHENTICATED"


class NotPermitted(TaskfeedError):
    """The user may not do this."""

    code = "FORBIDDEN"


class TaskNotFound(TaskfeedError):
    """A subscription to a task that is unknown, pruned or somebody else's."""

    code = "NOT_FOUND"


class StoreUnavailable(TaskfeedError):
    """The database can't be reached just now; nothing is known to be stored."""

    code = "UNAVAILABLE"


class TimedOut(StoreUnavailable):
    """It took longer than it may."""

    code = "TIMED_OUT"


class Misconfigured(TaskfeedError):
    """The process must not start like this; the message names the setting or function, and what would do."""

    code = "MISCONFIGURED"


@dataclass(frozen=True, slots=True)
class UserError:
    """A mistake that a client can mend in its input. `path` runs from the argument down, in GraphQL names."""

    code: ClassVar[str]
    message: str
    path: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class InvalidArguments(UserError):
    """A value breaks a rule of the task type or of the API."""

    code = "INVALID_ARGUMENTS"


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLarge(UserError):
    """A value's stored size, in bytes, or its number of items is over `limit`."""

    code = "TOO_LARGE"
    limit: int


@dataclass(frozen=True, slots=True)
class NotFound(UserError):
    """No such task, as far as this user may know."""

    code = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Forbidden(UserError):
    """This user may not do this."""

    code = "FORBIDDEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(UserError):
    """Too many submissions; try again after `retry_after_seconds`."""

    code = "RATE_LIMITED"
    retry_after_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFull(UserError):
    """As many tasks as `limit` wait already."""

    code = "QUEUE_FULL"
    queue: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyConflict(UserError):
    """The key is taken by the task `task_id`, which has another type or other arguments."""

    code = "IDEMPOTENCY_CONFLICT"
    task_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCancellable(UserError):
    """The task is final already."""

    code = "NOT_CANCELLABLE"
    status: TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRetryable(UserError):
    """Only FAILED, CANCELLED and EXPIRED tasks can be retried."""

    code = "NOT_RETRYABLE"
    status: TaskStatus


@dataclass(frozen=True, slots=True)
class InvalidCredentials(UserError):
    """Unknown name or wrong password; we don't say which."""

    code = "INVALID_CREDENTIALS"


@dataclass(frozen=True, slots=True)
class InvalidRegistration(UserError):
    """The name or the password is not acceptable."""

    code = "INVALID_REGISTRATION"
