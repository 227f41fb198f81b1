"""How often somebody may try to sign in; and what a new password, a stranger's session and a used token come to."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import AsyncClient, Client
from pytest_django.fixtures import Settings

from tasks import accounts, database, rates
from tasks.accounts import TokenUses, uses
from tasks.api.execution import Documents
from tasks.api.schema import schema
from tasks.api.transport.http import GraphQLHTTP
from tasks.api.viewer import ANONYMOUS, Viewers
from tasks.errors import InvalidCredentials, InvalidRegistration, RateLimited, Unauthenticated
from tasks.models import AccessToken, User
from tasks.rates import RateLimiter
from tests.asgi_client import AsgiClient
from tests.integration.test_accounts import CountingHasher

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

PASSWORD = "correct horse battery"
DEADLINE_SECONDS = 20.0
SIGN_IN = """
    mutation ($name: String!, $password: String!) {
      register(input: {username: $name, password: $password}) { ...Answer }
      login(input: {username: $name, password: $password}) { ...Answer }
    }
    fragment Answer on AuthPayload {
      user { id } errors { __typename ... on UserError { code path } ... on RateLimited { retryAfterSeconds } }
    }
"""


@pytest.fixture(autouse=True)
def hasher(settings: Settings) -> type[CountingHasher]:
    settings.PASSWORD_HASHERS = ["tests.integration.test_accounts.CountingHasher"]
    settings.REGISTRATION_OPEN = True
    CountingHasher.worked.clear()
    return CountingHasher


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password=PASSWORD)


@pytest.fixture
def client() -> AsgiClient:
    return AsgiClient(GraphQLHTTP(Documents(schema), Viewers(seconds=0)))


# --- too many attempts ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("name", ["ada", "nobody", "n" * 10_000, "a\0da", "half \ud800"])
async def test_name_is_tried_so_often_whether_it_exists_or_not(
    settings: Settings, hasher: type[CountingHasher], name: str
) -> None:
    settings.LOGIN_ATTEMPTS_PER_NAME = "3/hour"
    hasher.worked.clear()

    answers = [await accounts.login(name, "wrong") for _ in range(5)]

    assert [type(answer.errors[0]) for answer in answers] == [*[InvalidCredentials] * 3, *[RateLimited] * 2]
    assert len(hasher.worked) == 3  # whom we send away costs us nothing


@pytest.mark.parametrize("way_in", [accounts.login, accounts.register])
async def test_name_that_takes_minutes_to_normalise_is_not_normalised(way_in: Callable[..., Any]) -> None:
    """Unicode sorts the marks on one letter by a method whose time is the square of their number, on our loop."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        answer = await way_in("a" + "\u0315\u0300" * 120_000, PASSWORD)

    assert answer.user is None
    assert {type(error) for error in answer.errors} <= {InvalidCredentials, InvalidRegistration}


@pytest.mark.usefixtures("ada")
async def test_right_password_does_not_help_once_there_were_too_many_attempts(settings: Settings) -> None:
    settings.LOGIN_ATTEMPTS_PER_NAME = "2/hour"
    for _ in range(2):
        await accounts.login("ada", "wrong")

    [error] = (await accounts.login("ada", PASSWORD)).errors

    assert isinstance(error, RateLimited)
    assert 0 < error.retry_after_seconds <= 3600


@pytest.mark.usefixtures("ada")
async def test_right_password_in_time_ends_the_count(settings: Settings) -> None:
    settings.LOGIN_ATTEMPTS_PER_NAME = "2/hour"

    answers = [await accounts.login("ada", password) for password in ["wrong", PASSWORD] * 3]

    assert [answer.user is not None for answer in answers] == [False, True] * 3


@pytest.mark.usefixtures("ada")
async def test_other_names_and_other_addresses_are_not_held_up(settings: Settings) -> None:
    settings.LOGIN_ATTEMPTS_PER_NAME = settings.LOGIN_ATTEMPTS_PER_ADDRESS = "1/hour"
    await accounts.login("bob", "wrong", address="192.0.2.1")

    assert (await accounts.login("ada", PASSWORD, address="192.0.2.2")).user is not None


async def sent(client: AsgiClient, name: str, headers: dict[str, str] | None = None) -> Any:
    variables = {"name": name, "password": PASSWORD}
    return (await client.post({"query": SIGN_IN, "variables": variables}, headers)).json()["data"]


async def test_address_is_counted_over_registrations_and_logins(client: AsgiClient, settings: Settings) -> None:
    settings.LOGIN_ATTEMPTS_PER_ADDRESS = "3/hour"

    first, second = await sent(client, "ada"), await sent(client, "bob")
    elsewhere = await sent(AsgiClient(client.application, peer="192.0.2.9"), "cy")

    assert [first["register"]["errors"], first["login"]["errors"], second["register"]["errors"]] == [[], [], []]
    [error] = second["login"]["errors"]
    assert (error["__typename"], error["code"], error["path"]) == ("RateLimited", "RATE_LIMITED", ["input"])
    assert 0 < error["retryAfterSeconds"] <= 3600
    assert elsewhere["login"]["errors"] == []


@pytest.mark.parametrize(
    ("proxies", "refused"),
    [pytest.param(0, True, id="whoever writes the header"), pytest.param(1, False, id="a proxy we trust")],
)
async def test_forwarded_address_counts_where_a_proxy_is_trusted(
    client: AsgiClient, settings: Settings, proxies: int, refused: bool
) -> None:
    settings.LOGIN_ATTEMPTS_PER_ADDRESS = "2/hour"
    settings.TRUSTED_PROXIES = proxies

    await sent(client, "ada", {"x-forwarded-for": "192.0.2.1"})
    answer = await sent(client, "bob", {"x-forwarded-for": "192.0.2.2"})

    assert bool(answer["login"]["errors"]) is refused


@pytest.mark.usefixtures("ada")
async def test_logins_go_on_while_redis_is_away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LOGIN_ATTEMPTS_PER_NAME = settings.LOGIN_ATTEMPTS_PER_ADDRESS = "1/hour"
    away = RateLimiter("redis://127.0.0.1:1", "test")
    monkeypatch.setattr(rates, "limiter", lambda: away)

    answers = [await accounts.login("ada", PASSWORD, address="192.0.2.1") for _ in range(3)]

    assert all(answer.user for answer in answers)


async def test_admin_s_own_form_is_no_way_round(ada: User, settings: Settings) -> None:
    settings.LOGIN_ATTEMPTS_PER_NAME = "2/hour"
    await database.write(User.objects.filter(pk=ada.pk).update, is_staff=True)
    right, wrong = ({"username": "ada", "password": password} for password in (PASSWORD, "wrong"))

    answers = [
        await AsyncClient().post("/admin/login/", form, secure=True) for form in (wrong, right, wrong, wrong, right)
    ]

    assert [answer.status_code for answer in answers] == [200, 302, 200, 200, 200]
    assert "Too many attempts to sign in" in answers[-1].content.decode()


async def test_admin_s_own_form_counts_addresses(settings: Settings) -> None:
    settings.LOGIN_ATTEMPTS_PER_ADDRESS = "2/hour"

    pages = [
        await AsyncClient().post("/admin/login/", {"username": f"user{number}", "password": "wrong"}, secure=True)
        for number in range(3)
    ]

    assert ["Too many attempts" in page.content.decode() for page in pages] == [False, False, True]


# --- sessions ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ada")
async def test_session_that_a_stranger_planted_is_not_the_one_that_is_signed_in(client: AsgiClient) -> None:
    planted = SessionStore()
    await database.write(planted.create)
    ours = {"origin": "http://testserver", "cookie": f"sessionid={planted.session_key}"}

    entered = await client.post(
        {"query": f'mutation {{ login(input: {{username: "ada", password: "{PASSWORD}"}}) {{ user {{ id }} }} }}'}, ours
    )

    [line] = entered.all("set-cookie")
    assert SimpleCookie(line)["sessionid"].value != planted.session_key
    assert planted.session_key is not None
    assert await Viewers().by_session(planted.session_key) == ANONYMOUS


async def test_registration_ends_the_browser_s_former_session(ada: User) -> None:  # noqa: ARG001 - she must be there
    former = await accounts.login("ada", PASSWORD)

    registered = await accounts.register("bob", PASSWORD, session_key=former.session_key)

    assert registered.session_key not in (None, former.session_key)
    assert former.session_key is not None
    assert await Viewers().by_session(former.session_key) == ANONYMOUS


# --- tokens -----------------------------------------------------------------------------------------------------------


async def test_new_password_ends_the_tokens_and_nothing_else_does(ada: User) -> None:
    answer = await accounts.login("ada", PASSWORD)
    others = await accounts.register("bob", PASSWORD)
    viewers = Viewers(seconds=0)
    ada.first_name = "Ada"
    await database.write(ada.save)
    await viewers.by_authorization(f"Bearer {answer.token}")

    ada.set_password("another horse battery")
    await database.write(ada.save)

    with pytest.raises(Unauthenticated):
        await viewers.by_authorization(f"Bearer {answer.token}")
    await viewers.by_authorization(f"Bearer {others.token}")


@pytest.mark.usefixtures("ada")
async def test_password_that_is_only_hashed_anew_ends_no_token(settings: Settings) -> None:
    answer = await accounts.login("ada", PASSWORD)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]

    again = await accounts.login("ada", PASSWORD)

    stored = (await database.read(User.objects.get)).password
    assert stored.startswith("md5$")
    for token in (answer.token, again.token):
        await Viewers().by_authorization(f"Bearer {token}")


async def used_at(former: datetime | None = None) -> datetime | None:
    """Return when the one token was last used, once that is stored and not `former`."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (found := (await database.read(AccessToken.objects.get)).last_used_at) == former:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


@pytest.mark.usefixtures("ada")
async def test_last_use_is_stored_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uses, "GATHERED_SECONDS", 0.01)
    answer = await accounts.login("ada", PASSWORD)
    before = datetime.now(UTC)

    await Viewers().by_authorization(f"Bearer {answer.token}")

    used = await used_at()
    assert used is not None
    assert used >= before


@pytest.mark.usefixtures("ada")
async def test_last_use_is_stored_once_a_minute_by_all_servers_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uses, "GATHERED_SECONDS", 0.01)
    await accounts.login("ada", PASSWORD)
    token = await database.read(AccessToken.objects.get)
    here, there = TokenUses(), TokenUses()
    here.note(token.pk)
    first = await used_at()

    here.note(token.pk)
    assert not here._waiting  # noqa: SLF001 - that nothing is on its way
    there.note(token.pk)
    await until_stored(there)
    assert (await database.read(AccessToken.objects.get)).last_used_at == first

    long_ago = datetime.now(UTC) - timedelta(seconds=61)
    await database.write(lambda: AccessToken.objects.update(last_used_at=long_ago))
    TokenUses().note(token.pk)
    assert await used_at(long_ago) is not None


async def until_stored(token_uses: TokenUses) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while token_uses._storing is None:  # noqa: ASYNC110, SLF001 - nothing announces it
            await asyncio.sleep(0.01)
        await token_uses._storing  # noqa: SLF001


def test_token_is_shown_with_its_last_use_and_revoked_in_the_admin(ada: User) -> None:
    used = datetime(2026, 3, 1, 12, 34, tzinfo=UTC)
    token = AccessToken.objects.create(user=ada, digest=b"d" * 32, expires_at=datetime.now(UTC), last_used_at=used)
    admin = Client()
    admin.force_login(User.objects.create_superuser("root", password=PASSWORD))

    listed = admin.get("/admin/tasks/accesstoken/", secure=True).content.decode()
    revoked = admin.post(f"/admin/tasks/accesstoken/{token.pk}/delete/", {"post": "yes"}, secure=True)

    assert "ada" in listed
    assert "March 1, 2026, 12:34 p.m." in listed
    assert revoked.status_code == 302
    assert not AccessToken.objects.exists()
