"""Credentials at the HTTP door, with the real schema and the real store."""

from http.cookies import SimpleCookie

import pytest
from django.db import OperationalError
from pytest_django.fixtures import Settings

from tasks.api import viewer as viewers
from tasks.api.execution import Documents
from tasks.api.schema import schema
from tasks.api.transport.http import GraphQLHTTP
from tasks.models import User
from tests.asgi_client import AsgiClient, Response

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery"
OURS = {"origin": "http://testserver"}
ME = {"query": "{ me { username } }"}
LOGIN = {
    "query": """
        mutation ($input: LoginInput!) {
          login(input: $input) { token user { username } errors { __typename ... on UserError { code path } } }
        }
    """,
    "variables": {"input": {"username": "ada", "password": PASSWORD}},
}
LOGOUT = {"query": "mutation { logout { ok } }"}


@pytest.fixture(autouse=True)
def ada(settings: Settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user("ada", password=PASSWORD)


@pytest.fixture
def client() -> AsgiClient:
    return AsgiClient(GraphQLHTTP(Documents(schema)))


def cookie_of(response: Response) -> dict[str, str]:
    [line] = response.all("set-cookie")
    [morsel] = SimpleCookie(line).values()
    return {"cookie": f"{morsel.key}={morsel.value}"}


async def test_browser_logs_in_and_out_by_its_cookie(client: AsgiClient) -> None:
    entered = await client.post(LOGIN, OURS)
    cookie = cookie_of(entered)
    seen = await client.post(ME, {**OURS, **cookie})
    left = await client.post(LOGOUT, {**OURS, **cookie})
    afterwards = await client.post(ME, {**OURS, **cookie})

    assert entered.json()["data"]["login"]["errors"] == []
    assert seen.json() == {"data": {"me": {"username": "ada"}}}
    assert left.json() == {"data": {"logout": {"ok": True}}}
    assert 'sessionid=""' in left.all("set-cookie")[0]
    assert afterwards.json() == {"data": {"me": None}}


async def test_program_logs_in_and_out_by_its_token(client: AsgiClient) -> None:
    entered = await client.post(LOGIN)
    bearer = {"authorization": f"Bearer {entered.json()['data']['login']['token']}"}
    seen = await client.post(ME, {**bearer, "origin": "https://elsewhere.example"})
    left = await client.post(LOGOUT, bearer)
    afterwards = await client.post(ME, bearer)

    assert seen.json() == {"data": {"me": {"username": "ada"}}}
    assert left.json() == {"data": {"logout": {"ok": True}}}
    assert afterwards.status == 401
    assert afterwards.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param({"origin": "https://evil.example"}, id="a foreign page"),
        pytest.param({"origin": "null"}, id="a sandboxed page"),
        pytest.param({"sec-fetch-site": "cross-site"}, id="a page that hides its origin"),
        pytest.param({**OURS, "content-type": "text/plain"}, id="a form"),
    ],
)
async def test_cookie_alone_never_suffices(client: AsgiClient, foreign: dict[str, str]) -> None:
    cookie = cookie_of(await client.post(LOGIN, OURS))

    refused = await client.post(LOGOUT, {**cookie, **foreign})

    assert refused.status in (403, 415)
    assert (await client.post(ME, cookie)).json() == {"data": {"me": {"username": "ada"}}}


async def test_mutation_by_get_does_nothing_even_with_a_cookie(client: AsgiClient) -> None:
    cookie = cookie_of(await client.post(LOGIN, OURS))

    assert (await client.get(cookie, query=LOGOUT["query"])).status == 405
    assert (await client.get(cookie, query=ME["query"])).json() == {"data": {"me": {"username": "ada"}}}


@pytest.mark.parametrize(
    "cookie",
    ["sessionid=nobodys", "sessionid=", "sessionid", "other=x", "sessionid=\"'\\", 'sessionid="\\000aaaaaaaa"'],
)
async def test_old_or_odd_cookie_is_nobody_and_no_error(client: AsgiClient, cookie: str) -> None:
    response = await client.post(ME, {"cookie": cookie})

    assert (response.status, response.json()) == (200, {"data": {"me": None}})


async def test_wrong_password_is_data(client: AsgiClient) -> None:
    credentials = {"username": "ada\ud800", "password": "wrong\0"}
    response = await client.post({**LOGIN, "variables": {"input": credentials}})

    assert response.status == 200
    [error] = response.json()["data"]["login"]["errors"]
    assert error == {"__typename": "InvalidCredentials", "code": "INVALID_CREDENTIALS", "path": ["input"]}
    assert response.all("set-cookie") == []


async def test_closed_registration_is_data(client: AsgiClient, settings: Settings) -> None:
    settings.REGISTRATION_OPEN = False
    query = """
        mutation { register(input: {username: "bob", password: "correct horse"}) { user { id } errors { __typename } } }
    """

    response = await client.post({"query": query})

    assert response.json()["data"]["register"] == {"user": None, "errors": [{"__typename": "Forbidden"}]}


async def test_store_that_is_away_is_answered_503(client: AsgiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_digest: bytes) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(viewers, "_by_digest", away)

    response = await client.post(ME, {"authorization": "Bearer abc"})

    assert (response.status, response.header("retry-after")) == (503, "1")
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
