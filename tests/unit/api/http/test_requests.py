"""Whole requests: status, media type and the code of the error, for each way in which one can go wrong."""

from typing import Any

import pytest

from tasks.api import explorer
from tests.asgi_client import AsgiClient, Response
from tests.unit.api.http.test_body import UNREADABLE

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
TWO_OPERATIONS = "query A { hello } query B { hello }"


def code_of(response: Response) -> str | None:
    errors = response.json().get("errors")
    return errors[0]["extensions"]["code"] if errors else None


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_good_query_is_answered_in_the_media_type_asked_for(client: AsgiClient, accept: str) -> None:
    response = await client.post({"query": "{ hello }"}, {"accept": accept})

    assert response.status == 200
    assert response.header("content-type") == f"{accept}; charset=utf-8"
    assert response.json() == {"data": {"hello": "Hello, world"}}


# Where nothing was executed the older media type says 200 all the same, as the draft asks.
@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (GRAPHQL, 400)])
@pytest.mark.parametrize(
    ("request_body", "code"),
    [
        pytest.param({"query": "{"}, "GRAPHQL_PARSE_FAILED", id="syntax"),
        pytest.param({"query": ""}, "GRAPHQL_PARSE_FAILED", id="empty document"),
        pytest.param({"query": "{ nope }"}, "GRAPHQL_VALIDATION_FAILED", id="unknown field"),
        pytest.param({"query": "{ hello(name: 3) }"}, "BAD_USER_INPUT", id="literal of the wrong type"),
        pytest.param({"query": "{ choose(choice: {}) }"}, "BAD_USER_INPUT", id="nothing in a oneOf"),
        pytest.param(
            {"query": '{ choose(choice: {text: "a", number: 1}) }'}, "BAD_USER_INPUT", id="two fields in a oneOf"
        ),
        pytest.param(
            {"query": "query ($c: Choice!) { choose(choice: $c) }", "variables": {"c": {"text": "a", "number": 1}}},
            "BAD_USER_INPUT",
            id="two fields in a variable's oneOf",
        ),
        pytest.param({"query": "query ($n: String!) { hello(name: $n) }"}, "BAD_USER_INPUT", id="variable missing"),
        pytest.param(
            {"query": "query ($n: String!) { hello(name: $n) }", "variables": {"n": 3}},
            "BAD_USER_INPUT",
            id="variable of the wrong type",
        ),
        pytest.param({"query": TWO_OPERATIONS}, "BAD_USER_INPUT", id="two operations and no name"),
        pytest.param({"query": TWO_OPERATIONS, "operationName": "C"}, "BAD_USER_INPUT", id="unknown operation"),
        pytest.param({"query": "fragment F on Query { hello }"}, "GRAPHQL_VALIDATION_FAILED", id="no operation"),
        pytest.param({"query": "subscription { count }"}, "BAD_USER_INPUT", id="subscription"),
        pytest.param({"query": "type A { a: Int }"}, "GRAPHQL_VALIDATION_FAILED", id="definitions"),
        pytest.param({"query": "{ " + "node { child " * 300}, "GRAPHQL_PARSE_FAILED", id="deep and unfinished"),
    ],
)
async def test_request_that_is_not_executed_has_no_data(
    client: AsgiClient, request_body: Any, code: str, accept: str, status: int
) -> None:
    response = await client.post(request_body, {"accept": accept})

    assert response.status == status
    assert response.header("content-type") == f"{accept}; charset=utf-8"
    assert "data" not in response.json()
    assert code_of(response) == code


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
@pytest.mark.parametrize("name", UNREADABLE)
async def test_unreadable_body_is_answered_400_as_json(client: AsgiClient, name: str, accept: str) -> None:
    response = await client.post(UNREADABLE[name], {"accept": accept})

    assert response.status == 400
    assert response.header("content-type") == f"{accept}; charset=utf-8"
    assert "data" not in response.json()
    assert code_of(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("method", "headers", "status", "allow"),
    [
        pytest.param("PUT", {}, 405, "GET, POST", id="PUT"),
        pytest.param("DELETE", {}, 405, "GET, POST", id="DELETE"),
        pytest.param("HEAD", {}, 405, "GET, POST", id="HEAD"),
        pytest.param("POST", {"accept": "image/png"}, 406, None, id="nothing acceptable"),
        pytest.param("POST", {}, 415, None, id="no content type"),
        pytest.param("POST", {"content-type": "text/plain"}, 415, None, id="text"),
        pytest.param("POST", {"content-type": "application/json", "content-encoding": "gzip"}, 400, None, id="gzip"),
        pytest.param("POST", {"authorization": "Basic abc"}, 415, None, id="the body is looked at before the user"),
    ],
)
async def test_request_of_the_wrong_kind_is_refused_as_json(
    client: AsgiClient, method: str, headers: dict[str, str], status: int, allow: str | None
) -> None:
    response = await client.request(method, headers=headers, chunks=[b'{"query": "{ hello }"}'])

    assert response.status == status
    assert response.header("allow") == allow
    assert response.header("content-type") == "application/json; charset=utf-8"
    assert code_of(response) == "BAD_USER_INPUT"


async def test_options_name_the_methods_in_an_answer_without_content(client: AsgiClient) -> None:
    response = await client.request("OPTIONS")

    assert (response.status, response.header("allow"), response.body) == (204, "GET, POST", b"")
    assert response.header("content-length") is None


async def test_get_serves_queries(client: AsgiClient) -> None:
    response = await client.get(query="query ($n: String) { hello(name: $n) }", variables='{"n": "Ada"}')

    assert (response.status, response.json()) == (200, {"data": {"hello": "Hello, Ada"}})


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
@pytest.mark.parametrize("query", ["mutation { touch }", "subscription { count }"])
async def test_get_executes_nothing_else(client: AsgiClient, query: str, accept: str) -> None:
    response = await client.get({"accept": accept}, query=query)

    assert response.status == 405
    assert response.header("allow") == "POST"
    assert code_of(response) == "BAD_USER_INPUT"


async def test_get_chooses_by_operation_name_what_it_would_execute(client: AsgiClient) -> None:
    both = "query Q { hello } mutation M { touch }"

    assert (await client.get(query=both, operationName="Q")).status == 200
    assert (await client.get(query=both, operationName="M")).status == 405


async def test_body_over_the_limit_is_answered_413(client: AsgiClient) -> None:
    response = await client.post(b" " * (1024 * 1024 + 1))

    assert response.status == 413
    assert code_of(response) == "TOO_LARGE"


async def test_authorization_that_is_not_bearer_is_answered_401(client: AsgiClient) -> None:
    response = await client.post({"query": "{ hello }"}, {"authorization": "Basic dXNlcjpwYXNz"})

    assert response.status == 401
    assert response.header("www-authenticate") == "Bearer"
    assert code_of(response) == "UNAUTHENTICATED"


async def test_what_json_can_hold_comes_back_as_it_was(client: AsgiClient) -> None:
    value = {"big": 2**80, "half": "\ud800", "deep": [[[None, True, 1.5]]], "text": "é\u2028"}

    response = await client.post({"query": "query ($v: JSON) { echo(value: $v) }", "variables": {"v": value}})

    assert response.json() == {"data": {"echo": value}}


async def test_html_goes_to_browsers_alone(client: AsgiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "page", lambda: b"<title>GraphiQL</title>")

    page = await client.get({"accept": "text/html,*/*;q=0.8"})
    posted = await client.post({"query": "{ hello }"}, {"accept": "text/html,*/*;q=0.8"})

    assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")
    assert page.body == b"<title>GraphiQL</title>"
    assert posted.header("content-type") == "application/json; charset=utf-8"
