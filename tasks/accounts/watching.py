"""Watch tokens: the sight of one task, for a while, for somebody who has no account.

A token is a signed statement, and no row: who gave it out, for which task, until when. It ends early where its giver
could not see the task any more: not active, with a new password, no longer staff; or where the task is gone.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer

from tasks import database, rates
from tasks.errors import InvalidArguments, NotFound, RateLimited, UserError
from tasks.models import Task, User

WATCH_PREFIX = "watch."
"""No other token begins like this: they have no dot."""
LEAST_SECONDS = 1.0
_ID, _MARK = 32, 16
"""Characters of a UUID in hexadecimal, and of what is kept of the giver's password."""


@dataclass(frozen=True, slots=True)
class WatchGrant:
    """What a watch token says, as its signature proves."""

    task_id: UUID
    user_id: UUID
    """Who gave it out."""
    password_mark: str
    """Of the giver's password at the time; not the password, nor anything it could be guessed from."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class WatchTokenAnswer:
    """A watch token, or `errors`."""

    token: str | None = None
    expires_at: datetime | None = None
    errors: list[UserError] = field(default_factory=list)


async def create_watch_token(user_id: UUID, task_id: UUID, expires_in_seconds: float) -> WatchTokenAnswer:
    """Give out a token for a task that the user may see."""
    at_most: float = settings.MAX_WATCH_TOKEN_SECONDS
    if not (math.isfinite(expires_in_seconds) and LEAST_SECONDS <= expires_in_seconds <= at_most):
        problem = f"expected {LEAST_SECONDS:g} to {at_most:g} seconds, got: {expires_in_seconds:g}"
        return WatchTokenAnswer(errors=[InvalidArguments(problem, ["input", "expiresInSeconds"])])
    limit = settings.WATCH_TOKENS_PER_USER
    seconds = await rates.limiter().aside(rates.limiter().hit, "watch-token", user_id.hex, limit)
    if seconds is not None:
        return WatchTokenAnswer(
            errors=[RateLimited("too many watch tokens, try again later", ["input"], retry_after_seconds=seconds)]
        )
    milliseconds = int((datetime.now(UTC) + timedelta(seconds=expires_in_seconds)).timestamp() * 1000)
    user = await database.read(_giver, user_id, task_id)
    if user is None:
        return WatchTokenAnswer(errors=[NotFound(f"there is no task {task_id} of yours", ["input", "taskId"])])
    statement = f"{task_id.hex}{user_id.hex}{_marks(user)[0]}{milliseconds:x}"
    return WatchTokenAnswer(_signer().sign(WATCH_PREFIX + statement), _time(milliseconds))


def read_grant(token: str) -> WatchGrant | None:
    """Return what a watch token says; None for one that was tampered with or has expired. Asks no database."""
    if not token.isascii():
        return None
    try:
        statement = _signer().unsign(token).removeprefix(WATCH_PREFIX)
    except BadSignature:
        return None
    marks = 2 * _ID
    grant = WatchGrant(
        task_id=UUID(statement[:_ID]),
        user_id=UUID(statement[_ID:marks]),
        password_mark=statement[marks : marks + _MARK],
        expires_at=_time(int(statement[marks + _MARK :], 16)),
    )
    return grant if grant.expires_at > datetime.now(UTC) else None


def holds(grant: WatchGrant) -> bool:
    """Tell whether its giver may still see the task. Blocks: reads the database."""
    user = _giver(grant.user_id, grant.task_id)
    return user is not None and grant.password_mark in _marks(user)


def _giver(user_id: UUID, task_id: UUID) -> User | None:
    """Return the user, if active and allowed to see this task."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return None
    owner_id = Task.objects.filter(pk=task_id).values_list("owner_id", flat=True).first()
    if owner_id == user_id:
        return user
    return user if user.is_staff and Task.objects.filter(pk=task_id).exists() else None


def _marks(user: User) -> list[str]:
    """Return the mark of a user's password, and those it had under the former SECRET_KEYs that still hold."""
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return [made[:_MARK] for made in hashes]


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _signer() -> Signer:
    return Signer(salt="taskfeed.watch", sep=".")
