"""Who asks: found from a bearer token, a watch token or a session, and remembered for a few seconds."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from time import monotonic
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.contrib import auth
from django.db.models import QuerySet
from django.http import HttpRequest, parse_cookie

from tasks import database
from tasks.accounts import WATCH_PREFIX, TokenUses, WatchGrant, holds, read_grant
from tasks.errors import TimedOut, Unauthenticated
from tasks.models import AccessToken, Task, User
from tasks.models.snapshots import TaskSnapshot

REMEMBERED_SECONDS = 5.0
"""How long a logout, a deactivation or a new staff flag may take to be noticed in another process."""
REMEMBERED_VIEWERS = 10_000
MAX_TOKEN_CHARACTERS = 200


Key = bytes | str | WatchGrant
"""What a viewer is remembered under: the digest of a token, a session's key, or what a watch token says."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The one on whose behalf an operation runs."""

    user_id: UUID | None
    is_staff: bool
    token_id: UUID | None
    """Of the bearer token; None for a session and for nobody."""
    expires_at: datetime | None
    """Of either token; from then on this viewer is nobody. None for a session: ask again now and then."""
    watches: UUID | None = None
    """The one task that a watch token shows; its holder is no user."""

    @property
    def is_nobody(self) -> bool:
        """Neither a user nor the holder of a watch token."""
        return self.user_id is None and self.watches is None

    @property
    def rights(self) -> tuple[UUID | None, bool, UUID | None]:
        """All that decides what this viewer may see and do."""
        return self.user_id, self.is_staff, self.watches

    def require(self) -> UUID:
        """Return the user's id. Raises `Unauthenticated` for nobody."""
        if self.user_id is None:
            raise Unauthenticated("this needs a user: log in, or send the header Authorization: Bearer <token>")
        return self.user_id

    def require_sight(self) -> None:
        """Raise `Unauthenticated` for nobody."""
        if self.watches is None:
            self.require()

    def may_see(self, task: TaskSnapshot) -> bool:
        """Tell whether this task may be shown: to staff all, to users their own, to a watch token's holder that one."""
        if self.watches is not None:
            return task.id == self.watches
        return self.is_staff or (self.user_id is not None and task.owner_id == self.user_id)

    def visible_tasks(self) -> QuerySet[Task]:
        """Select the tasks of which `may_see` is true."""
        if self.watches is not None:
            return Task.objects.filter(pk=self.watches)
        if self.is_staff:
            return Task.objects.all()
        # Tasks that lost their owner have none, and so has nobody.
        return Task.objects.none() if self.user_id is None else Task.objects.filter(owner_id=self.user_id)


ANONYMOUS = Viewer(None, is_staff=False, token_id=None, expires_at=None)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody shows to be known by. Where both are there, `authorization` tells who it is."""

    authorization: str | None = None
    """The value of an Authorization header, or what stands for it in connection_init's payload."""
    session_key: str | None = None
    """Of the browser's cookie, whether it is good or not."""

    @classmethod
    def of_socket(cls, payload: Mapping[str, Any] | None, cookie: str, *, origin_is_trusted: bool) -> Self:
        """Return what came with connection_init and with the handshake's cookie.

        The cookie counts only where the page that opened the socket is ours (`Door.trusts_origin`), since any page
        can make a browser open a socket with the user's cookies. Raises `Unauthenticated`.
        """
        session_key = session_key_of(cookie) if origin_is_trusted else None
        for name, value in (payload or {}).items():
            if name.lower() == "authorization":
                if not isinstance(value, str):
                    raise Unauthenticated('authorization is not understood: expected "Bearer <token>"')
                return cls(value, session_key)
        return cls(None, session_key)


class Viewers:
    """Finds viewers, with at most one query per credential in `REMEMBERED_SECONDS`. One per process, on one loop.

    What is remembered never outlives the credential's own expiry.
    """

    def __init__(self, *, seconds: float = REMEMBERED_SECONDS, entries: int = REMEMBERED_VIEWERS) -> None:
        self.seconds = seconds
        self.entries = entries
        self._known: OrderedDict[Key, tuple[Viewer | None, float]] = OrderedDict()
        self._asked: dict[Key, asyncio.Task[Viewer | None]] = {}
        self._uses = TokenUses()

    async def by_authorization(self, header: str) -> Viewer:
        """Return the viewer of an `Authorization` header's value. Raises `Unauthenticated` for any that is no good."""
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN_CHARACTERS:
            raise Unauthenticated("the Authorization header is not understood: expected Bearer <token>")
        if token.startswith(WATCH_PREFIX):
            grant = read_grant(token)
            viewer = None if grant is None else await self._find(grant, _by_grant)
        else:
            viewer = await self._find(hashlib.sha256(token.encode("utf-8", "replace")).digest(), _by_digest)
        if viewer is None:
            raise Unauthenticated("the token is unknown, expired or revoked: log in again")
        return viewer

    async def by_session(self, session_key: str) -> Viewer:
        """Return the viewer of a session; nobody where it has ended, since browsers keep old cookies."""
        return await self._find(session_key, _by_session_key) or ANONYMOUS

    async def of(self, credentials: Credentials) -> Viewer:
        """Return the viewer of an `Authorization` value, else of a session, else nobody. Raises `Unauthenticated`."""
        if credentials.authorization is not None:
            return await self.by_authorization(credentials.authorization)
        if credentials.session_key is not None:
            return await self.by_session(credentials.session_key)
        return ANONYMOUS

    def forget(self, viewer: Viewer, session_key: str | None) -> None:
        """Let a logout be noticed at once in this process."""
        if session_key is not None:
            self._known.pop(session_key, None)
        if viewer.token_id is not None:
            for key in [k for k, (known, _) in self._known.items() if known and known.token_id == viewer.token_id]:
                del self._known[key]

    async def _find(self, key: Key, look_up: Callable[[Any], Viewer | None]) -> Viewer | None:
        known = self._known.get(key)
        if known is not None and known[1] > monotonic():
            return known[0]
        return await self._look_up(key, look_up)

    async def _look_up(self, key: Key, look_up: Callable[[Any], Viewer | None]) -> Viewer | None:
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.ensure_future(database.read(look_up, key))
            task.add_done_callback(lambda done: self._remember(key, done))
        # Whoever else waits for the same answer must not lose it because one of them has gone.
        try:
            async with asyncio.timeout(settings.MAX_OPERATION_SECONDS):
                return await asyncio.shield(task)
        except TimeoutError:
            raise TimedOut("who asks could not be found out in time, try again in a moment") from None

    def _remember(self, key: Key, task: "asyncio.Task[Viewer | None]") -> None:
        self._asked.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        viewer = task.result()
        seconds = self.seconds
        if viewer is not None and viewer.token_id is not None:
            self._uses.note(viewer.token_id)
        if viewer is not None and viewer.expires_at is not None:
            seconds = min(seconds, (viewer.expires_at - datetime.now(UTC)).total_seconds())
        self._known[key] = (viewer, monotonic() + seconds)
        self._known.move_to_end(key)
        while len(self._known) > self.entries:
            self._known.popitem(last=False)


def session_key_of(cookie: str) -> str | None:
    """Return the session key in a `Cookie` header's value; None for what can't be one of Django's.

    Django unquotes the value, and so may hand out any character, even a NUL, which PostgreSQL takes for an error.
    """
    if settings.SESSION_COOKIE_NAME not in cookie:
        return None
    key = parse_cookie(cookie).get(settings.SESSION_COOKIE_NAME, "")
    return key if key.isascii() and key.isalnum() else None


def _by_digest(digest: bytes) -> Viewer | None:
    row = (
        AccessToken.objects.filter(digest=digest, expires_at__gt=datetime.now(UTC), user__is_active=True)
        .values_list("user_id", "user__is_staff", "id", "expires_at")
        .first()
    )
    return Viewer(*row) if row else None


def _by_grant(grant: WatchGrant) -> Viewer | None:
    if not holds(grant):
        return None
    return Viewer(None, is_staff=False, token_id=None, expires_at=grant.expires_at, watches=grant.task_id)


def _by_session_key(session_key: str) -> Viewer | None:
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = auth.get_user(request)
    if not isinstance(user, User):
        return None
    return Viewer(user.pk, user.is_staff, None, None)
