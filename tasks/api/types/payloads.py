"""What mutations answer. The sources are the answers of `tasks.submission` and `tasks.accounts`."""

from datetime import datetime

import strawberry

from tasks.api.types.errors import AuthError, CancelTaskError, CreateWatchTokenError, RetryTaskError, SubmitTaskError
from tasks.api.types.tasks import Task
from tasks.api.types.users import User

_TASK = "As it stands now; null where none was stored or found."
_ERRORS = "Empty where it was done."


@strawberry.type(description="What became of submitTask.")
class SubmitTaskPayload:
    """Its source is a `SubmitAnswer`."""

    task: Task | None = strawberry.field(description=_TASK)
    deduplicated: bool = strawberry.field(description="True where the idempotency key found a task that existed.")
    errors: list[SubmitTaskError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What became of cancelTask.")
class CancelTaskPayload:
    """Its source is an `Answer`."""

    task: Task | None = strawberry.field(description=_TASK)
    errors: list[CancelTaskError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What became of retryTask.")
class RetryTaskPayload:
    """Its source is an `Answer`."""

    task: Task | None = strawberry.field(description=_TASK)
    errors: list[RetryTaskError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Who is signed in now, and how a program proves it.")
class AuthPayload:
    """Its source is an `AuthAnswer`."""

    user: User | None = strawberry.field(description="Null where there are errors.")
    token: str | None = strawberry.field(description="Send it as `Authorization: Bearer <token>`. Shown this once.")
    token_expires_at: datetime | None = strawberry.field(description="From then on the token is no good.")
    errors: list[AuthError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="A watch token. Whoever has it may follow the task, so hand it to nobody else.")
class CreateWatchTokenPayload:
    """Its source is a `WatchTokenAnswer`."""

    token: str | None = strawberry.field(
        description="Send it as `Authorization: Bearer <token>`, or in a socket's connection parameters."
    )
    expires_at: datetime | None = strawberry.field(
        description="From then on the token is no good, and what was opened with it ends within a minute."
    )
    errors: list[CreateWatchTokenError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What became of logout.")
class LogoutPayload:
    """Signing out can't fail."""

    ok: bool = strawberry.field(description="Always true: the session and the token that came are good no more.")


@strawberry.input(description="Which task to cancel.")
class CancelTaskInput:
    """One task."""

    id: strawberry.ID = strawberry.field(description="The task's.")


@strawberry.input(
    description="FAILED, CANCELLED or EXPIRED: back to QUEUED. `attempt` goes on counting, maxAttempts grows by the "
    "original allowance; finishedAt, expiresAt, cancelRequestedAt and failure are cleared."
)
class RetryTaskInput:
    """One task."""

    id: strawberry.ID = strawberry.field(description="The task's.")


@strawberry.input(description="A new user.")
class RegisterInput:
    """Credentials to be."""

    username: str = strawberry.field(description="Not taken yet.")
    password: str = strawberry.field(description="Not too short, and not a common one.")


@strawberry.input(description="Credentials.")
class LoginInput:
    """Credentials."""

    username: str = strawberry.field(description="As registered.")
    password: str = strawberry.field(description="As registered.")


@strawberry.input(description="Which task to show, and for how long.")
class CreateWatchTokenInput:
    """One task."""

    task_id: strawberry.ID = strawberry.field(description="The task's.")
    expires_in_seconds: float = strawberry.field(default=900, description="From now on; at least 1.")
