"""Registration, login and logout. Mistakes of the client are answered as data; only `StoreUnavailable` is raised."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from tasks import database
from tasks.accounts.attempts import forgive, refused_for
from tasks.accounts.hashing import hashing
from tasks.errors import Forbidden, InvalidCredentials, InvalidRegistration, RateLimited, UserError
from tasks.models import AccessToken, User

USERNAME = User._meta.get_field("username")  # noqa: SLF001 - Django's documented way to fields
MAX_USERNAME_CHARACTERS = USERNAME.max_length or 150
MAX_PASSWORD_CHARACTERS = 1_024
TOKEN_BYTES = 32
BUSY_SECONDS = 2.0
"""After which the passwords that wait now are hashed."""


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


async def register(
    username: str,
    password: str,
    *,
    session_key: str | None = None,
    with_session: bool = True,
    address: str | None = None,
) -> AuthAnswer:
    """Make a user and sign them in. Refused where REGISTRATION_OPEN is off, or where Django's validators object.

    `session_key` is the browser's present one: a new session takes its place; `with_session` is False where nobody
    could be told a session's key. Counts as an attempt to log in from the client's `address`.
    """
    if not settings.REGISTRATION_OPEN:
        return _failed(Forbidden("registration is closed on this server", ["input"]))
    seconds = await refused_for(address, None)
    if seconds is not None:
        return _too_often(seconds)
    if len(username) <= MAX_USERNAME_CHARACTERS:  # to normalise some that are longer takes minutes
        username = User.normalize_username(username)
    hashed = await hashing(_hashed, username, password)
    if hashed is None:
        return _failed(_busy())
    if not isinstance(hashed, str):
        return AuthAnswer(errors=hashed)
    user = await database.write(_create, username, hashed)
    if user is None:
        return _failed(InvalidRegistration("a user with that name exists already", ["input", "username"]))
    return await database.write(_signed_in, user, session_key, with_session)


async def login(
    username: str,
    password: str,
    *,
    session_key: str | None = None,
    with_session: bool = True,
    address: str | None = None,
) -> AuthAnswer:
    """Sign a user in. `session_key` is the browser's present one: a new session takes its place.

    An unknown name, a wrong password and a user who is not active get the same answer after the same work. Attempts
    are limited per `address` of the client, where it is given, and per name, whether there is such a user or not; under
    a name those count that have failed since the last that did not.
    """
    if not _is_storable(username) or len(username) > MAX_USERNAME_CHARACTERS:
        username = ""  # nobody's
    if not _is_storable(password) or len(password) > MAX_PASSWORD_CHARACTERS:
        password = secrets.token_urlsafe()  # nobody's, and as much work to find that out
    username = User.normalize_username(username)
    seconds = await refused_for(address, username)
    if seconds is not None:
        return _too_often(seconds)
    user = await hashing(_authenticate, username, password)
    if user is None:
        return _failed(_busy())
    if not isinstance(user, User):
        return _failed(InvalidCredentials("unknown name or wrong password", ["input"]))
    await forgive(username)
    return await database.write(_signed_in, user, session_key, with_session)


async def logout(viewer: Credential, session_key: str | None) -> None:
    """End the token and the session with which the request came; the user's others go on."""
    if viewer.token_id is not None or session_key is not None:
        await database.write(_end, viewer.token_id, session_key)


def _failed(error: UserError) -> AuthAnswer:
    return AuthAnswer(errors=[error])


def _busy() -> UserError:
    problem = "too many logins at once, try again in a moment"
    return RateLimited(problem, ["input"], retry_after_seconds=BUSY_SECONDS)


def _too_often(seconds: float) -> AuthAnswer:
    return _failed(RateLimited("too many attempts to sign in, try again later", ["input"], retry_after_seconds=seconds))


def _is_storable(text: str) -> bool:
    """Tell whether the text is one that a database and a hash can take: no NUL, no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _hashed(username: str, password: str) -> str | list[UserError]:
    """Return the password's hash, or what is wrong with either."""
    return _faults(username, password) or make_password(password)


def _faults(username: str, password: str) -> list[UserError]:
    """Return what the user model and Django's password validators say against these."""
    faults: list[tuple[str, str]] = []
    if not _is_storable(username):
        faults.append(("username", "the name has a NUL or half a surrogate pair in it"))
    else:
        try:
            USERNAME.clean(username, None)
        except ValidationError as error:
            faults += [("username", message) for message in error.messages]
    if not _is_storable(password) or len(password) > MAX_PASSWORD_CHARACTERS:
        faults.append(("password", f"expected at most {MAX_PASSWORD_CHARACTERS} characters, none of them a NUL"))
    else:
        try:
            validate_password(password, User(username=username[:MAX_USERNAME_CHARACTERS]))
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
