"""Which pages of other origins may read answers: none, unless it is configured."""

import pytest
from django.core.checks import run_checks
from pytest_django.fixtures import Settings

from tasks.api.execution import Documents
from tasks.api.transport.http import GraphQLHTTP
from tests.asgi_client import AsgiClient, Response

SHOP = "https://shop.example"
HELLO = {"query": "{ hello }"}
ASKS = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, content-type",
    "origin": SHOP,
}


def cors_of(response: Response) -> dict[str, str]:
    return {name: value for name, value in response.headers if name.startswith("access-control")}


@pytest.fixture
def allowing(documents: Documents, settings: Settings) -> AsgiClient:
    settings.CORS_ALLOWED_ORIGINS = [SHOP]
    return AsgiClient(GraphQLHTTP(documents))


async def test_nothing_is_allowed_unless_configured(client: AsgiClient) -> None:
    for response in (
        await client.request("OPTIONS", headers=ASKS),
        await client.post(HELLO, {"origin": SHOP}),
        await client.post(HELLO, {"origin": "http://testserver"}),
    ):
        assert cors_of(response) == {}


async def test_preflight_of_an_allowed_origin_says_what_its_pages_may_send(allowing: AsgiClient) -> None:
    response = await allowing.request("OPTIONS", headers=ASKS)

    allowed = cors_of(response)
    assert response.status == 204
    assert allowed["access-control-allow-origin"] == SHOP
    assert {"authorization", "content-type", "last-event-id"} <= set(
        allowed["access-control-allow-headers"].split(", ")
    )
    assert {"GET", "POST"} <= set(allowed["access-control-allow-methods"].split(", "))
    assert "access-control-max-age" in allowed
    assert "access-control-allow-credentials" not in allowed


@pytest.mark.parametrize("origin", ["https://evil.example", "http://shop.example", "https://a.shop.example", "null"])
async def test_other_origins_are_told_nothing(allowing: AsgiClient, origin: str) -> None:
    preflight = await allowing.request("OPTIONS", headers={**ASKS, "origin": origin})
    answer = await allowing.post(HELLO, {"origin": origin})

    assert (cors_of(preflight), cors_of(answer)) == ({}, {})


@pytest.mark.parametrize("body", [HELLO, b"["], ids=["good", "refused"])
async def test_answers_can_be_read_whatever_they_are(allowing: AsgiClient, settings: Settings, body: object) -> None:
    settings.CSRF_TRUSTED_ORIGINS = [SHOP]
    client = AsgiClient(GraphQLHTTP(allowing.application.documents))  # type: ignore[attr-defined]

    response = await client.post(body, {"origin": SHOP})

    assert cors_of(response) == {
        "access-control-allow-origin": SHOP,
        "access-control-expose-headers": "retry-after, www-authenticate",
    }
    assert response.all("vary") == ["Accept, Authorization, Cookie, Origin"]


async def test_allowed_origin_still_needs_a_token_unless_it_is_trusted_as_well(allowing: AsgiClient) -> None:
    response = await allowing.post(HELLO, {"origin": SHOP})

    assert response.status == 403
    assert cors_of(response)["access-control-allow-origin"] == SHOP


async def test_cookies_go_along_where_that_is_configured(documents: Documents, settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [SHOP]
    settings.CORS_ALLOW_CREDENTIALS = True

    response = await AsgiClient(GraphQLHTTP(documents)).request("OPTIONS", headers=ASKS)

    assert cors_of(response)["access-control-allow-credentials"] == "true"


async def test_options_without_a_preflight_is_a_question_about_methods(allowing: AsgiClient) -> None:
    response = await allowing.request("OPTIONS", headers={"origin": SHOP})

    assert (response.status, response.header("allow")) == (204, "GET, POST")
    assert "access-control-allow-methods" not in cors_of(response)


def test_origin_that_is_none_is_found_by_the_checks(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["shop.example"]

    assert "corsheaders.E013" in {found.id for found in run_checks()}
