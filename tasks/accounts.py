"""Users and their ways in: registration, login, logout, and the development server's sign-in link.

Passwords are hashed on threads of their own: one takes a tenth of a second of CPU, and the database's threads have
other things to do. Mistakes of the client are answered as data; only `StoreUnavailable` is raised.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from typing import ParamSpec, Protocol, TypeVar
from uuid import UUID

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, TimestampSigner
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from tasks import database
from tasks.errors import Forbidden, InvalidCredentials, InvalidRegistration, RateLimited, UserError
from tasks.models import AccessToken, User

P = ParamSpec("P")
T = TypeVar("T")

HASHING_THREADS = 2
MAX_HASHES_WAITING = 32
"""About two seconds of hashing; who comes then is told to come again."""
MAX_PASSWORD_CHARACTERS = 1_024
TOKEN_BYTES = 32
SIGN_IN_LINK_SECONDS = 3_600
DEMO_USERNAME = "demo"

_hashes_waiting = 0


class Credential(Protocol):
    """Whoever logs out: all that is needed of a viewer."""

    @property
    def token_id(self) -> UUID | None:
        """The bearer token with which the request came, if any."""


@dataclass(frozen=True, slots=True)
class AuthAnswer:
    """A user who is signed in: `token` for programs and, if asked for, `session_key` for a cookie. Or `errors`."""

    user: User | None = None
    token: str | None = None
    """Told this once: only its digest is stored."""
    token_expires_at: datetime | None = None
    session_key: str | None = None
    errors: list[UserError] = field(default_factory=list)


async def register(username: str, password: str, *, with_session: bool = True) -> AuthAnswer:
    """Make a user and sign them in. Refused where REGISTRATION_OPEN is off, or where Django's validators object.

    `with_session` is False where nobody could be told a session's key.
    """
    if not settings.REGISTRATION_OPEN:
        return _failed(Forbidden("registration is closed on this server", ["input"]))
    username = User.normalize_username(username)
    errors = await _hashing(_faults, username, password)
    if errors is None:
        return _failed(_busy())
    if errors:
        return AuthAnswer(errors=errors)
    hashed = await _hashing(make_password, password)
    if hashed is None:
        return _failed(_busy())
    user = await database.write(_create, username, hashed)
    if user is None:
        return _failed(InvalidRegistration("a user with that name exists already", ["input", "username"]))
    return await database.write(_signed_in, user, None, with_session)


async def login(
    username: str, password: str, *, session_key: str | None = None, with_session: bool = True
) -> AuthAnswer:
    """Sign a user in. `session_key` is the browser's present one: a new session takes its place.

    An unknown name, a wrong password and a user who is not active get the same answer after the same work.
    """
    if not _is_storable(username):
        username = ""
    if not _is_storable(password) or len(password) > MAX_PASSWORD_CHARACTERS:
        password = secrets.token_urlsafe()  # nobody's, and as much work to find that out
    user = await _hashing(_authenticate, User.normalize_username(username), password)
    if user is None:
        return _failed(_busy())
    if not isinstance(user, User):
        return _failed(InvalidCredentials("unknown name or wrong password", ["input"]))
    return await database.write(_signed_in, user, session_key, with_session)


async def logout(viewer: Credential, session_key: str | None) -> None:
    """End the token and the session with which the request came; the user's others go on."""
    if viewer.token_id is not None or session_key is not None:
        await database.write(_end, viewer.token_id, session_key)


def create_sign_in_link(user: User) -> str:
    """Return a token that signs this user in, by way of /sign-in/<token>, for an hour. Random: no two are alike."""
    return _signer().sign(f"{user.pk}.{secrets.token_urlsafe(16)}")


def user_of_sign_in_link(token: str) -> User | None:
    """Return the user whom a link's token signs in; None for one that is forged, old, or of a user not active."""
    try:
        user_id, _, _ = _signer().unsign(token, max_age=SIGN_IN_LINK_SECONDS).partition(".")
        return User.objects.filter(pk=UUID(user_id), is_active=True).first()
    except (BadSignature, ValueError):
        return None


def demo_link(base_url: str) -> str:
    """Return a link that signs in the user `demo`, who is made if missing and can't log in by password."""
    user, created = User.objects.get_or_create(username=DEMO_USERNAME)
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return f"{base_url.rstrip('/')}/sign-in/{create_sign_in_link(user)}"


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="taskfeed.sign-in", sep="~")


def _failed(error: UserError) -> AuthAnswer:
    return AuthAnswer(errors=[error])


def _busy() -> UserError:
    return RateLimited("too many logins at once, try again in a moment", ["input"], retry_after_seconds=2.0)


def _is_storable(text: str) -> bool:
    """Tell whether the text is one that a database and a hash can take: no NUL, no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _faults(username: str, password: str) -> list[UserError]:
    """Return what the user model and Django's password validators say against these."""
    faults: list[tuple[str, str]] = []
    if not _is_storable(username):
        faults.append(("username", "the name has a NUL or half a surrogate pair in it"))
    else:
        try:
            User._meta.get_field("username").clean(username, None)  # noqa: SLF001 - Django's documented way to fields
        except ValidationError as error:
            faults += [("username", message) for message in error.messages]
    if not _is_storable(password) or len(password) > MAX_PASSWORD_CHARACTERS:
        faults.append(("password", f"expected at most {MAX_PASSWORD_CHARACTERS} characters, none of them a NUL"))
    else:
        try:
            validate_password(password, User(username=username))
        except ValidationError as error:
            faults += [("password", message) for message in error.messages]
    return [InvalidRegistration(message, ["input", name]) for name, message in faults]


def _create(username: str, hashed_password: str) -> User | None:
    try:
        with transaction.atomic():
            return User.objects.create(username=username, password=hashed_password)
    except IntegrityError:
        return None


def _authenticate(username: str, password: str) -> User | bool:
    user = database.guarded(auth.authenticate, None, username=username, password=password)
    return user if isinstance(user, User) else False


@transaction.atomic
def _signed_in(user: User, session_key: str | None, with_session: bool) -> AuthAnswer:
    if with_session:
        session_key = _new_session(user, session_key)
    else:
        session_key = None
        auth.user_logged_in.send(User, request=None, user=user)  # as `auth.login` does, which wants a session
    token = secrets.token_urlsafe(TOKEN_BYTES)
    expires_at = datetime.now(UTC) + timedelta(seconds=settings.TOKEN_LIFETIME_SECONDS)
    AccessToken.objects.create(user=user, digest=hashlib.sha256(token.encode()).digest(), expires_at=expires_at)
    return AuthAnswer(user, token, expires_at, session_key)


def _new_session(user: User, former_key: str | None) -> str | None:
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(former_key)
    auth.login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    if request.session.session_key == former_key:
        request.session.cycle_key()  # Django keeps the key where the same user logs in again
    request.session.save()
    return request.session.session_key


@transaction.atomic
def _end(token_id: UUID | None, session_key: str | None) -> None:
    if token_id is not None:
        AccessToken.objects.filter(pk=token_id).delete()
    if session_key is not None:
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
        request.user = auth.get_user(request)
        auth.logout(request)


@cache
def _hashers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="passwords")


async def _hashing(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Run `fn` on a hashing thread; None where too many are waiting for one already."""
    global _hashes_waiting  # noqa: PLW0603 - counted on the loop alone
    if _hashes_waiting >= MAX_HASHES_WAITING:
        return None
    _hashes_waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_hashers(), lambda: fn(*args, **kwargs))
    finally:
        _hashes_waiting -= 1
