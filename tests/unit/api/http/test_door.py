import pytest
from pytest_django.fixtures import Settings

from tasks.api.execution import Documents
from tasks.api.transport.http import GraphQLHTTP
from tests.asgi_client import AsgiClient

HELLO = {"query": "{ hello }"}
OURS = "http://testserver"


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "a b", "testserver:port", ""])
async def test_host_that_is_not_allowed_is_refused(client: AsgiClient, host: str) -> None:
    response = await client.post(HELLO, {"host": host})

    assert response.status == 400
    assert response.header("content-type") == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 200, id="a program"),
        pytest.param({"origin": OURS, "sec-fetch-site": "same-origin"}, 200, id="our own page"),
        pytest.param({"origin": "https://trusted.example", "sec-fetch-site": "cross-site"}, 200, id="a trusted page"),
        pytest.param({"origin": "https://a.wild.example"}, 200, id="a page of a trusted domain"),
        pytest.param({"origin": "https://evil.example"}, 403, id="a foreign page"),
        pytest.param({"origin": "https://testserver"}, 403, id="our host with another scheme"),
        pytest.param({"origin": "http://testserver:81"}, 403, id="our host with another port"),
        pytest.param({"origin": "null"}, 403, id="a sandboxed page"),
        pytest.param({"origin": ""}, 403, id="an empty origin"),
        pytest.param({"sec-fetch-site": "cross-site"}, 403, id="a foreign page that hides its origin"),
        pytest.param({"sec-fetch-site": "none"}, 200, id="the user himself"),
    ],
)
async def test_foreign_page_can_post_nothing(
    documents: Documents, settings: Settings, headers: dict[str, str], status: int
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example", "https://*.wild.example"]
    client = AsgiClient(GraphQLHTTP(documents))

    response = await client.post(HELLO, headers)

    assert response.status == status
    if status == 403:
        assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_link_from_elsewhere_to_a_query_works(client: AsgiClient) -> None:
    response = await client.get({"sec-fetch-site": "cross-site"}, query="{ hello }")

    assert response.status == 200


async def test_no_answer_is_readable_by_other_origins(client: AsgiClient) -> None:
    response = await client.post(HELLO, {"origin": OURS})

    assert not [name for name, _ in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("body", [{"query": "{ hello }"}, b"["], ids=["good", "refused"])
async def test_every_answer_has_the_security_headers_of_django(client: AsgiClient, body: object) -> None:
    response = await client.post(body)

    assert response.header("x-content-type-options") == "nosniff"
    assert response.header("referrer-policy") == "same-origin"
    assert response.header("cross-origin-opener-policy") == "same-origin"
    assert response.header("x-frame-options") == "DENY"
    assert response.header("cache-control") == "no-store"


async def test_hsts_and_redirect_follow_the_settings(documents: Documents, settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS = 60
    settings.SECURE_SSL_REDIRECT = True
    application = GraphQLHTTP(documents)

    plain = await AsgiClient(application).get(query="{ hello }")
    secure = await AsgiClient(application, scheme="https").get(query="{ hello }")

    assert (plain.status, plain.header("location")) == (301, "https://testserver/graphql?query=%7B+hello+%7D")
    assert plain.header("strict-transport-security") is None
    assert (secure.status, secure.header("strict-transport-security")) == (200, "max-age=60")


async def test_scheme_behind_a_proxy_is_the_one_the_settings_trust(documents: Documents, settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    client = AsgiClient(GraphQLHTTP(documents))
    secure_page = {"origin": "https://testserver"}

    assert (await client.post(HELLO, {**secure_page, "x-forwarded-proto": "https"})).status == 200
    assert (await client.post(HELLO, secure_page)).status == 403


async def test_session_cookie_is_set_and_taken_as_the_settings_say(documents: Documents, settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    client = AsgiClient(GraphQLHTTP(documents))

    entered = await client.post({"query": 'mutation { enter(key: "abc") }'})
    left = await client.post({"query": "mutation { leave }"})
    neither = await client.post(HELLO)

    [cookie] = entered.all("set-cookie")
    assert cookie.startswith("sessionid=abc;")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    [gone] = left.all("set-cookie")
    assert 'sessionid="";' in gone
    assert "Max-Age=0" in gone
    assert neither.all("set-cookie") == []
