import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.http import Http404, HttpRequest
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from tasks import accounts, database
from tasks.api.sign_in import sign_in
from tasks.api.viewer import ANONYMOUS, Credentials, Viewer, Viewers, session_key_of
from tasks.errors import Forbidden, InvalidCredentials, InvalidRegistration, RateLimited, Unauthenticated
from tasks.models import AccessToken, User

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery"


class CountingHasher(MD5PasswordHasher):
    """Cheap, and it counts the passwords that it has worked on."""

    algorithm = "counting"
    worked: ClassVar[list[str]] = []

    def encode(self, password: str, salt: str) -> str:
        """Count and hash."""
        self.worked.append(password)
        return super().encode(password, salt)


@pytest.fixture(autouse=True)
def hasher(settings: Settings) -> type[CountingHasher]:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    settings.REGISTRATION_OPEN = True
    CountingHasher.worked.clear()
    return CountingHasher


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password=PASSWORD)


async def test_registration_makes_a_user_who_is_signed_in() -> None:
    answer = await accounts.register("ada", PASSWORD)

    assert answer.errors == []
    assert answer.user is not None
    assert answer.token is not None
    assert answer.session_key is not None
    viewers = Viewers()
    by_token = await viewers.by_authorization(f"Bearer {answer.token}")
    by_session = await viewers.by_session(answer.session_key)
    assert by_token.user_id == by_session.user_id == answer.user.pk
    assert by_token.expires_at == answer.token_expires_at


async def test_neither_password_nor_token_is_stored() -> None:
    answer = await accounts.register("ada", PASSWORD)

    user = await database.read(User.objects.get)
    token = await database.read(AccessToken.objects.get)
    assert answer.token is not None
    assert PASSWORD not in user.password
    assert bytes(token.digest) == hashlib.sha256(answer.token.encode()).digest()


@pytest.mark.parametrize(
    ("username", "password", "field"),
    [
        pytest.param("ada", PASSWORD, "username", id="taken"),
        pytest.param("\uff41\uff44\uff41", PASSWORD, "username", id="taken, in wide letters"),
        pytest.param("", PASSWORD, "username", id="no name"),
        pytest.param("a b", PASSWORD, "username", id="a space"),
        pytest.param("a" * 151, PASSWORD, "username", id="a long name"),
        pytest.param("a\0b", PASSWORD, "username", id="a NUL in the name"),
        pytest.param("a\ud800", PASSWORD, "username", id="half a character in the name"),
        pytest.param("bob", "", "password", id="no password"),
        pytest.param("bob", "x1y2", "password", id="a short password"),
        pytest.param("bob", "password123", "password", id="a common password"),
        pytest.param("bob", "8273645182", "password", id="digits alone"),
        pytest.param("bobbington", "bobbington1", "password", id="a password like the name"),
        pytest.param("bob", "a\0" + PASSWORD, "password", id="a NUL in the password"),
        pytest.param("bob", "a\ud800" + PASSWORD, "password", id="half a character in the password"),
        pytest.param("bob", PASSWORD * 100, "password", id="an endless password"),
    ],
)
@pytest.mark.usefixtures("ada")
async def test_registration_is_refused_as_data(username: str, password: str, field: str) -> None:
    answer = await accounts.register(username, password)

    assert answer.user is None
    assert answer.token is None
    assert answer.errors
    assert {type(error) for error in answer.errors} == {InvalidRegistration}
    assert {tuple(error.path) for error in answer.errors} == {("input", field)}
    assert await database.read(User.objects.count) == 1


async def test_simultaneous_registrations_of_one_name_make_one_user() -> None:
    answers = await asyncio.gather(*(accounts.register("ada", PASSWORD) for _ in range(5)))

    assert len([answer for answer in answers if answer.user]) == 1
    assert await database.read(User.objects.count) == 1


async def test_registration_is_closed_by_its_setting(settings: Settings) -> None:
    settings.REGISTRATION_OPEN = False

    answer = await accounts.register("ada", PASSWORD)

    assert [type(error) for error in answer.errors] == [Forbidden]
    assert await database.read(User.objects.count) == 0


async def test_login_signs_in_twice_over(ada: User) -> None:
    answer = await accounts.login("ada", PASSWORD)

    assert answer.user == ada
    assert answer.session_key is not None
    assert (await Viewers().by_session(answer.session_key)).user_id == ada.pk
    assert (await Viewers().by_authorization(f"bearer {answer.token}")).user_id == ada.pk


@pytest.mark.parametrize(
    ("username", "password"),
    [
        pytest.param("ada", "wrong", id="wrong password"),
        pytest.param("bob", PASSWORD, id="unknown name"),
        pytest.param("asleep", PASSWORD, id="not active"),
        pytest.param("", "", id="nothing"),
        pytest.param("a\0da", PASSWORD, id="a NUL in the name"),
        pytest.param("ada\ud800", PASSWORD, id="half a character in the name"),
        pytest.param("ada", PASSWORD + "\0", id="a NUL in the password"),
        pytest.param("ada", PASSWORD + "\ud800", id="half a character in the password"),
        pytest.param("ada", PASSWORD * 1_000, id="an endless password"),
        pytest.param("a" * 10_000, PASSWORD, id="an endless name"),
    ],
)
@pytest.mark.usefixtures("ada")
async def test_failed_login_tells_nothing_and_costs_the_same(
    hasher: type[CountingHasher], username: str, password: str
) -> None:
    await database.write(lambda: User.objects.create_user("asleep", password=PASSWORD, is_active=False))
    hasher.worked.clear()

    answer = await accounts.login(username, password)

    assert answer.errors == [InvalidCredentials("unknown name or wrong password", ["input"])]
    assert answer.token is None
    assert len(hasher.worked) == 1


@pytest.mark.usefixtures("ada")
async def test_login_ends_the_browser_s_former_session() -> None:
    former = await accounts.login("ada", PASSWORD)

    answer = await accounts.login("ada", PASSWORD, session_key=former.session_key)

    assert answer.session_key not in (None, former.session_key)
    assert former.session_key is not None
    assert await Viewers().by_session(former.session_key) == ANONYMOUS


async def test_sign_in_of_a_program_makes_a_token_and_no_session(ada: User) -> None:
    browser = await accounts.login("ada", PASSWORD)

    entered = await accounts.login("ada", PASSWORD, session_key=browser.session_key, with_session=False)
    registered = await accounts.register("bob", PASSWORD, with_session=False)

    assert (entered.session_key, registered.session_key) == (None, None)
    assert (await Viewers().by_authorization(f"Bearer {entered.token}")).user_id == ada.pk
    assert (await Viewers().by_authorization(f"Bearer {registered.token}")).user_id is not None
    assert await database.read(lambda: [s.pk for s in Session.objects.all()]) == [browser.session_key]
    assert await database.read(lambda: User.objects.filter(last_login=None).exists()) is False


async def test_logout_ends_what_the_request_came_with_and_nothing_else(ada: User) -> None:
    here, elsewhere = await accounts.login("ada", PASSWORD), await accounts.login("ada", PASSWORD)
    viewer = await Viewers().by_authorization(f"Bearer {here.token}")

    await accounts.logout(viewer, here.session_key)

    assert here.session_key is not None
    assert elsewhere.session_key is not None
    assert await Viewers().by_session(here.session_key) == ANONYMOUS
    with pytest.raises(Unauthenticated):
        await Viewers().by_authorization(f"Bearer {here.token}")
    assert (await Viewers().by_session(elsewhere.session_key)).user_id == ada.pk
    assert (await Viewers().by_authorization(f"Bearer {elsewhere.token}")).user_id == ada.pk


async def test_logout_of_nobody_does_nothing() -> None:
    await accounts.logout(ANONYMOUS, None)
    await accounts.logout(ANONYMOUS, "no such session")


@pytest.mark.usefixtures("ada")
async def test_flood_of_logins_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.accounts.hashing.MAX_HASHES_WAITING", 3)

    answers = await asyncio.gather(*(accounts.login("ada", PASSWORD) for _ in range(10)))

    turned_away = [answer for answer in answers if answer.errors]
    assert len(turned_away) == 7
    assert {type(answer.errors[0]) for answer in turned_away} == {RateLimited}


async def remembered(viewers: Viewers, answer: accounts.AuthAnswer) -> Viewer:
    assert answer.session_key is not None
    return await viewers.by_session(answer.session_key)


async def test_viewer_is_remembered_for_a_while_and_then_looked_up_again(ada: User) -> None:
    answer = await accounts.login("ada", PASSWORD)
    hot, cold = Viewers(seconds=60), Viewers(seconds=0)
    assert (await remembered(hot, answer)) == (await remembered(cold, answer))

    await database.write(lambda: User.objects.update(is_active=False))

    assert (await remembered(hot, answer)).user_id == ada.pk
    assert await remembered(cold, answer) == ANONYMOUS
    with pytest.raises(Unauthenticated):
        await cold.by_authorization(f"Bearer {answer.token}")


@pytest.mark.usefixtures("ada")
async def test_token_is_not_remembered_beyond_its_own_end() -> None:
    answer = await accounts.login("ada", PASSWORD)
    ended = datetime.now(UTC) - timedelta(seconds=1)
    await database.write(lambda: AccessToken.objects.update(expires_at=ended))

    with pytest.raises(Unauthenticated):
        await Viewers().by_authorization(f"Bearer {answer.token}")


async def test_new_password_ends_the_sessions(ada: User) -> None:
    answer = await accounts.login("ada", PASSWORD)
    ada.set_password("another horse battery")
    await database.write(ada.save)

    assert await remembered(Viewers(), answer) == ANONYMOUS


@pytest.mark.usefixtures("ada")
async def test_many_requests_at_once_ask_the_database_once() -> None:
    answer = await accounts.login("ada", PASSWORD)
    viewers = Viewers()

    await asyncio.gather(*(remembered(viewers, answer) for _ in range(50)))

    assert len(viewers._asked) == 0  # noqa: SLF001 - nothing may be left behind
    assert len(viewers._known) == 1  # noqa: SLF001


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token abc", "Bearer nobody's", "Bearer " + "x" * 10_000]
)
async def test_authorization_that_is_no_good_is_an_error(header: str) -> None:
    with pytest.raises(Unauthenticated):
        await Viewers().by_authorization(header)


async def test_socket_is_signed_in_by_its_parameters_or_by_a_cookie_from_our_own_page(ada: User) -> None:
    answer = await accounts.login("ada", PASSWORD)
    viewers, cookie = Viewers(), f"a=b; sessionid={answer.session_key}"

    by_token = Credentials.of_socket({"Authorization": f"Bearer {answer.token}"}, cookie, origin_is_trusted=False)
    by_cookie = Credentials.of_socket(None, cookie, origin_is_trusted=True)
    foreign = Credentials.of_socket({}, cookie, origin_is_trusted=False)

    assert (await viewers.of(by_token)).user_id == (await viewers.of(by_cookie)).user_id == ada.pk
    assert (by_token.session_key, by_cookie.session_key) == (None, answer.session_key)
    assert foreign == Credentials()
    assert await viewers.of(foreign) == ANONYMOUS
    with pytest.raises(Unauthenticated):
        Credentials.of_socket({"authorization": 7}, cookie, origin_is_trusted=True)


@pytest.mark.parametrize(
    ("cookie", "key"),
    [
        pytest.param("sessionid=abc123", "abc123", id="a key"),
        pytest.param('a=b; sessionid="abc123"', "abc123", id="in quotes"),
        pytest.param('sessionid="\\000aaaaaaaa"', None, id="a NUL, quoted"),
        pytest.param("sessionid=\0aaaaaaaa", None, id="a NUL"),
        pytest.param("sessionid=\u00e4bc", None, id="a letter beyond ASCII"),
        pytest.param("sessionid=", None, id="nothing"),
        pytest.param("other=abc123", None, id="another cookie"),
    ],
)
def test_session_key_is_one_that_django_may_have_made(cookie: str, key: str | None) -> None:
    assert session_key_of(cookie) == key


def test_sign_in_link_is_good_for_an_hour(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    token = accounts.create_sign_in_link(ada)

    assert accounts.user_of_sign_in_link(token) == ada
    assert accounts.user_of_sign_in_link(token) == ada
    assert token != accounts.create_sign_in_link(ada)
    assert accounts.user_of_sign_in_link(token[:-1]) is None
    assert accounts.user_of_sign_in_link("") is None
    monkeypatch.setattr("tasks.accounts.links.SIGN_IN_LINK_SECONDS", -1)
    assert accounts.user_of_sign_in_link(token) is None


def test_demo_user_is_made_once_and_has_no_password() -> None:
    first, second = (accounts.demo_link("http://127.0.0.1:8000/") for _ in range(2))

    demo = User.objects.get()
    assert first.startswith("http://127.0.0.1:8000/sign-in/")
    assert first != second
    assert demo.username == "demo"
    assert not demo.has_usable_password()
    assert accounts.user_of_sign_in_link(first.rpartition("/")[2]) == demo


def request_from(address: str, headers: dict[str, str] | None = None) -> HttpRequest:
    request = RequestFactory(REMOTE_ADDR=address).get("/sign-in/token", headers=headers)
    request.session = SessionStore()
    return request


def test_sign_in_link_gives_the_browser_a_session(ada: User, settings: Settings) -> None:
    settings.DEBUG = True
    request = request_from("127.0.0.1")

    response = sign_in(request, accounts.create_sign_in_link(ada))

    assert (response.status_code, response["Location"]) == (302, "/graphql")
    assert UUID(request.session["_auth_user_id"]) == ada.pk


@pytest.mark.parametrize(
    ("debug", "address", "headers"),
    [
        pytest.param(False, "127.0.0.1", {}, id="with DEBUG off"),
        pytest.param(True, "192.0.2.7", {}, id="from elsewhere"),
        pytest.param(True, "127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, id="through a proxy"),
        pytest.param(True, "", {}, id="from a local socket"),
    ],
)
def test_sign_in_link_is_not_there(
    ada: User, settings: Settings, debug: bool, address: str, headers: dict[str, str]
) -> None:
    settings.DEBUG = debug

    with pytest.raises(Http404):
        sign_in(request_from(address, headers), accounts.create_sign_in_link(ada))
