"""A cookie alone never suffices: what a page of another site can make a browser send, tried on the real doors."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.sessions.models import Session
from pytest_django.fixtures import Settings

from tasks import accounts, database
from tasks.accounts import AuthAnswer
from tasks.api.execution import Documents
from tasks.api.schema import schema
from tasks.api.transport.http import GraphQLHTTP
from tasks.api.viewer import ANONYMOUS, Viewers
from tasks.models import AccessToken, Task, User
from tests.asgi_client import AsgiClient, Response
from tests.integration.test_socket_credentials import connected

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

PASSWORD = "correct horse battery"
OURS = "http://testserver"
EVIL = "https://evil.example"
SUBMIT = 'mutation { submitTask(input: {task: {reverseString: {text: "forged"}}}) { task { id } } }'
JSON = b'{"query": "mutation { submitTask(input: {task: {reverseString: {text: \\"forged\\"}}}) { task { id } } }"}'
FORM = urlencode({"query": SUBMIT}).encode()
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n' + JSON + b"\r\n"
    b'--b\r\nContent-Disposition: form-data; name="map"\r\n\r\n{}\r\n--b--\r\n'
)
BOUNDARY = "multipart/form-data; boundary=b"


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.REGISTRATION_OPEN = True


@pytest.fixture
async def victim() -> AuthAnswer:
    return await accounts.register("ada", PASSWORD)


@pytest.fixture
async def attacker() -> AuthAnswer:
    return await accounts.register("mallory", PASSWORD)


@pytest.fixture
def client() -> AsgiClient:
    return AsgiClient(GraphQLHTTP(Documents(schema), Viewers(seconds=0)))


def cookie_of(answer: AuthAnswer) -> dict[str, str]:
    return {"cookie": f"sessionid={answer.session_key}"}


async def post(client: AsgiClient, body: bytes, headers: dict[str, str]) -> Response:
    """Send these headers and no others: no content type of the client's own."""
    return await client.request("POST", headers=headers, chunks=[body])


# --- what a foreign page can send -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        # Without leave a page may send these three types alone, and no type at all.
        pytest.param({"content-type": "text/plain"}, JSON, 415, id="text/plain"),
        pytest.param({"content-type": "text/plain; application/json"}, JSON, 415, id="text/plain that mentions JSON"),
        pytest.param({"content-type": "text/plain;a=application/json"}, JSON, 415, id="text/plain, JSON as parameter"),
        pytest.param({"content-type": "application/x-www-form-urlencoded"}, FORM, 415, id="a form"),
        pytest.param({"content-type": "application/x-www-form-urlencoded"}, JSON, 415, id="a form of JSON"),
        pytest.param({"content-type": BOUNDARY}, MULTIPART, 415, id="an upload"),
        pytest.param({"content-type": BOUNDARY}, JSON, 415, id="an upload of JSON"),
        pytest.param({}, JSON, 415, id="no content type"),
        pytest.param({"content-type": ""}, JSON, 415, id="an empty content type"),
        pytest.param({"content-type": "application/graphql"}, SUBMIT.encode(), 415, id="bare GraphQL"),
        pytest.param({"content-type": "application/json,text/plain"}, JSON, 415, id="two content types"),
        # The rest could come by way of a hole in a browser or a plug-in.
        *(
            pytest.param({"content-type": "application/json", **headers}, JSON, 403, id=f"JSON, {name}")
            for name, headers in {
                "a foreign Origin": {"origin": EVIL},
                "no Origin of its own": {"origin": "null"},
                "an empty Origin": {"origin": ""},
                "our host by another scheme": {"origin": "https://testserver"},
                "our host at another port": {"origin": "http://testserver:8001"},
                "a host that begins like ours": {"origin": "http://testserver.evil.example"},
                "a host that ends like ours": {"origin": "http://eviltestserver"},
                "a host below ours": {"origin": "http://blog.testserver"},
                "our Origin and another": {"origin": f"{OURS}, {EVIL}"},
                "another site, Origin hidden": {"sec-fetch-site": "cross-site"},
                "a sister site, Origin hidden": {"sec-fetch-site": "same-site"},
                "a foreign Origin that claims to be ours": {"origin": EVIL, "sec-fetch-site": "same-origin"},
                "a foreign Origin, our Referer": {"origin": EVIL, "referer": f"{OURS}/graphql"},
            }.items()
        ),
        pytest.param(
            {"content-type": "application/json", "origin": EVIL, "authorization": "Bearer x"},
            JSON,
            401,
            id="a bad token",
        ),
        pytest.param(
            {"content-type": "application/json", "origin": EVIL, "authorization": "Basic YTpi"},
            JSON,
            401,
            id="a password that the browser remembers for a proxy",
        ),
    ],
)
async def test_forged_mutation_is_refused_before_it_is_executed(
    client: AsgiClient, victim: AuthAnswer, headers: dict[str, str], body: bytes, status: int
) -> None:
    response = await post(client, body, {**cookie_of(victim), **headers})

    assert response.status == status
    assert await database.read(Task.objects.count) == 0


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="a link"),
        pytest.param({"origin": OURS}, id="our own page"),
        pytest.param({"x-http-method-override": "POST"}, id="an override"),
        pytest.param({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, id="a link on another site"),
    ],
)
async def test_mutation_by_get_is_refused(client: AsgiClient, victim: AuthAnswer, headers: dict[str, str]) -> None:
    for accept in ("*/*", "application/json", "application/graphql-response+json"):
        response = await client.get({**cookie_of(victim), **headers, "accept": accept}, query=SUBMIT)

        assert response.status == 405
    assert await database.read(Task.objects.count) == 0


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": OURS, "sec-fetch-site": "same-origin"}, id="our own page"),
        pytest.param({"origin": "https://shop.example", "sec-fetch-site": "cross-site"}, id="a trusted page"),
        pytest.param({}, id="a program"),
    ],
)
async def test_who_may_use_the_cookie_can(settings: Settings, victim: AuthAnswer, headers: dict[str, str]) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://shop.example"]
    client = AsgiClient(GraphQLHTTP(Documents(schema)))

    response = await post(client, JSON, {**cookie_of(victim), **headers, "content-type": "application/json"})

    assert response.status == 200
    task = await database.read(Task.objects.select_related("owner").get)
    assert task.owner == victim.user


# --- a foreign page that signs in, or has a token of its own ----------------------------------------------------------


@pytest.mark.parametrize("field", ["login", "register"])
@pytest.mark.parametrize("headers", [{"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}])
async def test_foreign_page_can_sign_nobody_in(
    client: AsgiClient, attacker: AuthAnswer, field: str, headers: dict[str, str]
) -> None:
    name = "mallory" if field == "login" else "newcomer"
    query = f'mutation {{ {field}(input: {{username: "{name}", password: "{PASSWORD}"}}) {{ user {{ id }} }} }}'

    response = await client.post({"query": query}, headers)

    assert response.status == 403
    assert response.all("set-cookie") == []
    assert await database.read(lambda: [row.pk for row in Session.objects.all()]) == [attacker.session_key]
    assert await database.read(User.objects.count) == 1


@pytest.mark.parametrize("headers", [{"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "same-site"}])
async def test_foreign_page_with_a_token_touches_no_cookie(
    client: AsgiClient, victim: AuthAnswer, attacker: AuthAnswer, headers: dict[str, str]
) -> None:
    sent = {**cookie_of(victim), **headers, "authorization": f"Bearer {attacker.token}"}
    login = f'mutation {{ login(input: {{username: "mallory", password: "{PASSWORD}"}}) {{ token }} }}'

    submitted = await client.post({"query": SUBMIT}, sent)
    entered = await client.post({"query": login}, sent)
    left = await client.post({"query": "mutation { logout { ok } }"}, sent)

    assert [answer.status for answer in (submitted, entered, left)] == [200, 200, 200]
    assert [answer.all("set-cookie") for answer in (submitted, entered, left)] == [[], [], []]
    assert (await database.read(Task.objects.select_related("owner").get)).owner == attacker.user
    assert entered.json()["data"]["login"]["token"]
    assert victim.session_key is not None
    assert (await Viewers().by_session(victim.session_key)).user_id == victim.user.pk  # type: ignore[union-attr]
    assert (await client.post({"query": "{ __typename }"}, sent)).status == 401  # its own token has ended


# --- sockets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [EVIL, "null", "https://testserver", "http://testserver:8001"])
async def test_cookie_on_a_foreign_page_s_socket_is_refused(victim: AuthAnswer, origin: str) -> None:
    with pytest.raises(AssertionError, match="4403"):
        async with connected(Viewers(), session_key=victim.session_key, origin=origin.encode()):
            pass


async def test_foreign_page_s_socket_without_a_cookie_is_nobody_s() -> None:
    async with connected(Viewers(), origin=EVIL.encode()) as socket:
        assert await socket.ask("{ me { id } }") == {"me": None}


async def test_foreign_page_s_socket_with_a_token_is_the_token_s(victim: AuthAnswer, attacker: AuthAnswer) -> None:
    keys: dict[str, Any] = {"session_key": victim.session_key, "token": attacker.token}
    async with connected(Viewers(), origin=EVIL.encode(), **keys) as socket:
        assert await socket.ask("{ me { username } }") == {"me": {"username": "mallory"}}
        assert await database.read(AccessToken.objects.count) == 2
    assert await Viewers().by_session("nobodys") == ANONYMOUS
