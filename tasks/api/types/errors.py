"""Mistakes that a client can mend, as data. Their sources are the values of `tasks.errors`."""

from typing import Annotated, Any, ClassVar

import strawberry

from tasks import errors
from tasks.api.types.enums import ErrorCode
from tasks.api.types.fields import resolved
from tasks.api.types.info import Info
from tasks.api.types.tasks import Task
from tasks.status import TaskStatus


def error_object_type(error: errors.UserError, _info: Any, _abstract: Any) -> str:
    """Name the object type of an error: its class has the same name."""
    return type(error).__name__


@strawberry.interface(description="A mistake that a client can mend in its input.")
class UserError:
    """The interface of all mistakes."""

    code: ErrorCode = strawberry.field(description="Its stable name.")
    message: str = strawberry.field(description="What was expected, and what came instead.")
    path: list[str] = strawberry.field(
        description="From the argument down, in GraphQL names, list positions as digits: "
        '["input", "task", "reverseString", "text"].'
    )

    resolve_type = staticmethod(error_object_type)
    source: ClassVar[type[errors.UserError]] = errors.UserError

    @classmethod
    def is_type_of(cls, error: Any, _info: Any) -> bool:
        """Tell the members of a union apart."""
        return type(error) is cls.source


@strawberry.type(description="A value breaks a rule of the task type or of the API.")
class InvalidArguments(UserError):
    """Its path leads to the value."""

    source = errors.InvalidArguments


@strawberry.type(description="A value is larger than what is stored.")
class TooLarge(UserError):
    """Its path leads to the value."""

    limit: int = strawberry.field(description="In bytes, or in items for a list.")
    source = errors.TooLarge


@strawberry.type(description="No such thing, as far as this user may know.")
class NotFound(UserError):
    """Unknown, pruned and somebody else's look alike."""

    source = errors.NotFound


@strawberry.type(description="This user may not do this.")
class Forbidden(UserError):
    """Not a matter of the input's form."""

    source = errors.Forbidden


@strawberry.type(description="Too often; try again later.")
class RateLimited(UserError):
    """Nothing was stored."""

    retry_after_seconds: float = strawberry.field(description="When to try again.")
    source = errors.RateLimited


@strawberry.type(description="As many tasks wait in that queue as may.")
class QueueFull(UserError):
    """Nothing was stored."""

    queue: str = strawberry.field(description="The queue.")
    limit: int = strawberry.field(description="How many tasks may wait in it.")
    source = errors.QueueFull


@strawberry.type(description="The idempotency key is taken by a task of another type or with other arguments.")
class IdempotencyConflict(UserError):
    """Nothing was stored."""

    source = errors.IdempotencyConflict

    @resolved("The task that has the key.")
    async def task(self: Any, info: Info) -> Task:
        """Read by a data loader; it has the same owner."""
        return await info.context.loaders.tasks.load(self.task_id)  # type: ignore[return-value]  # its source


@strawberry.type(description="The task is final already.")
class NotCancellable(UserError):
    """Nothing was changed."""

    status: TaskStatus = strawberry.field(description="Where the task stands.")
    source = errors.NotCancellable


@strawberry.type(description="Only FAILED, CANCELLED and EXPIRED tasks can be retried.")
class NotRetryable(UserError):
    """Nothing was changed."""

    status: TaskStatus = strawberry.field(description="Where the task stands.")
    source = errors.NotRetryable


@strawberry.type(description="Unknown name or wrong password.")
class InvalidCredentials(UserError):
    """We don't say which."""

    source = errors.InvalidCredentials


@strawberry.type(description="The name or the password is not acceptable.")
class InvalidRegistration(UserError):
    """Its path leads to the one at fault."""

    source = errors.InvalidRegistration


SubmitTaskError = Annotated[
    InvalidArguments | TooLarge | RateLimited | QueueFull | IdempotencyConflict | Forbidden,
    strawberry.union("SubmitTaskError", description="Why a task was not taken."),
]
CancelTaskError = Annotated[
    NotFound | NotCancellable, strawberry.union("CancelTaskError", description="Why a task was not cancelled.")
]
RetryTaskError = Annotated[
    NotFound | NotRetryable | RateLimited | QueueFull,
    strawberry.union("RetryTaskError", description="Why a task was not retried."),
]
AuthError = Annotated[
    InvalidCredentials | InvalidRegistration | RateLimited | Forbidden,
    strawberry.union("AuthError", description="Why nobody was signed in."),
]
CreateWatchTokenError = Annotated[
    NotFound | InvalidArguments | RateLimited,
    strawberry.union("CreateWatchTokenError", description="Why no watch token was given out."),
]
