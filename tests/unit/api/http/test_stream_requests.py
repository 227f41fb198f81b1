"""Streams of server-sent events: who gets one, for what, and what is refused before it opens."""

import json
from uuid import UUID, uuid4

import pytest
from pytest_django.fixtures import Settings

from tasks.api.execution import Documents
from tasks.api.transport.http import GraphQLHTTP, Streams
from tasks.api.viewer import Viewer
from tasks.errors import Unauthenticated
from tests.asgi_client import AsgiClient, Response
from tests.unit.api.http import sample
from tests.unit.api.http.conftest import EVENTS, Viewers
from tests.unit.api.http.reader import reading

FRAMES = "subscription { frames }"


@pytest.mark.parametrize("operation", ["query", "mutation"])
async def test_queries_and_mutations_have_one_event(client: AsgiClient, operation: str) -> None:
    asked = "{ hello }" if operation == "query" else "mutation { touch }"
    answer = await client.post({"query": asked}, EVENTS)

    expected = b'{"hello":"Hello, world"}' if operation == "query" else b'{"touch":0}'
    assert (answer.status, answer.header("content-type")) == (200, "text/event-stream; charset=utf-8")
    assert answer.body == b'event: next\ndata: {"data":%b}\n\nevent: complete\ndata:\n\n' % expected


async def test_a_sign_in_by_an_event_sets_the_cookie(client: AsgiClient) -> None:
    answer = await client.post({"query": 'mutation { enter(key: "abc") }'}, EVENTS)

    assert "sessionid=abc" in (answer.header("set-cookie") or "")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        pytest.param("text/event-stream", "text/event-stream", id="events alone"),
        pytest.param("application/json, text/event-stream", "application/json", id="JSON and events"),
        pytest.param("text/event-stream, application/json;q=0.5", "application/json", id="events before JSON"),
        pytest.param("text/event-stream, */*;q=0.1", "application/json", id="events before anything"),
    ],
)
async def test_a_query_is_answered_as_json_where_the_client_takes_json(
    client: AsgiClient, accept: str, media_type: str
) -> None:
    answer = await client.post({"query": "{ hello }"}, {"accept": accept})

    assert answer.header("content-type") == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "is_streamed"),
    [
        pytest.param("text/event-stream", True, id="events alone"),
        pytest.param("Text/Event-Stream; charset=utf-8", True, id="capitals and a charset"),
        pytest.param("application/json, text/event-stream", True, id="JSON can't carry it"),
        pytest.param("*/*", False, id="anything"),
        pytest.param("application/json, text/event-stream;q=0", False, id="events refused"),
    ],
)
async def test_a_subscription_is_streamed_to_who_names_events(
    client: AsgiClient, accept: str, is_streamed: bool
) -> None:
    answer = await client.post({"query": "subscription { count }"}, {"accept": accept})

    expected = "text/event-stream" if is_streamed else "application/json"
    assert answer.header("content-type") == f"{expected}; charset=utf-8"


# --- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("subscription {", "GRAPHQL_PARSE_FAILED", id="syntax"),
        pytest.param("subscription { nope }", "GRAPHQL_VALIDATION_FAILED", id="unknown field"),
        pytest.param("subscription ($n: Int!) { count(to: $n) }", "BAD_USER_INPUT", id="variable missing"),
        pytest.param("subscription A { count } subscription B { count }", "BAD_USER_INPUT", id="which operation"),
        pytest.param("subscription { nobodyS }", "UNAUTHENTICATED", id="the resolver refuses"),
    ],
)
async def test_what_is_wrong_with_the_document_is_an_event(client: AsgiClient, query: str, code: str) -> None:
    """By the protocol, since a browser's EventSource can't show why it was answered 400."""
    answer = await client.get(EVENTS, query=query)

    assert (answer.status, answer.header("content-type")) == (200, "text/event-stream; charset=utf-8")
    first, last = answer.body.decode().removeprefix(":\n\n").removesuffix("\n\n").split("\n\n")
    [error] = json.loads(first.removeprefix("event: next\ndata: "))["errors"]
    assert error["extensions"]["code"] == code
    assert last == "event: complete\ndata:"


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("mutation { touch }", id="mutation"),
        pytest.param("subscription { done }", id="subscription that does something"),
        pytest.param("subscription { ...F } fragment F on Subscription { ... { done } }", id="in a fragment"),
    ],
)
async def test_get_changes_nothing(client: AsgiClient, query: str) -> None:
    before = len(sample.touched)

    answer = await client.get(EVENTS, query=query)

    assert (answer.status, answer.header("allow")) == (405, "POST")
    assert answer.header("content-type") == "application/json; charset=utf-8"
    assert len(sample.touched) == before


# --- how many ------------------------------------------------------------------------------------------------------


def code_of(answer: Response) -> str:
    return str(answer.json()["errors"][0]["extensions"]["code"])


@pytest.mark.parametrize("limit", ["MAX_SOCKETS_PER_ADDRESS", "MAX_SOCKETS_PER_USER"])
async def test_a_stream_too_many_is_refused_before_it_does_anything(
    documents: Documents, viewers: Viewers, settings: Settings, limit: str
) -> None:
    setattr(settings, limit, 1)
    viewers.viewer = Viewer(UUID(int=1), is_staff=False, token_id=None, expires_at=None)
    door = GraphQLHTTP(documents, viewers, streams=Streams(viewers))  # type: ignore[arg-type]  # stands for the real ones
    client, room = AsgiClient(door), uuid4().hex
    async with reading(door, query=f'subscription {{ heard(name: "{room}") }}') as first:
        await first.next_of_all()
        before = len(sample.touched)

        refused = await client.post({"query": "subscription { done }"}, EVENTS)

        assert (refused.status, code_of(refused), refused.header("retry-after")) == (429, "TOO_MANY_SOCKETS", "10")
        assert len(sample.touched) == before
    for query in ("subscription { done }", "subscription { broken }", "subscription { done }"):
        assert (await client.post({"query": query}, EVENTS)).status == 200
    assert door.streams.count == 0


# --- from where ----------------------------------------------------------------------------------------------------


FOREIGN = [
    pytest.param({"origin": "https://evil.example"}, 403, id="foreign page"),
    pytest.param({"origin": "null"}, 403, id="hidden page"),
    pytest.param({"sec-fetch-site": "cross-site"}, 403, id="foreign page that hides its origin"),
    pytest.param({"origin": "http://testserver"}, 200, id="own page"),
    pytest.param({"sec-fetch-site": "same-origin"}, 200, id="own page's EventSource"),
    pytest.param({"origin": "https://evil.example", "authorization": "Bearer x"}, 200, id="foreign page, token"),
]


@pytest.mark.parametrize(("headers", "status"), FOREIGN)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_foreign_page_opens_no_stream(
    door: GraphQLHTTP, method: str, headers: dict[str, str], status: int
) -> None:
    client = AsgiClient(door)
    query = FRAMES if method == "GET" else "subscription { done }"
    lines = {**EVENTS, **headers}

    answer = await (client.get(lines, query=query) if method == "GET" else client.post({"query": query}, lines))

    assert answer.status == status


async def test_a_body_that_a_form_could_send_starts_nothing(client: AsgiClient) -> None:
    answer = await client.post({"query": "subscription { done }"}, {**EVENTS, "content-type": "text/plain"})

    assert answer.status == 415


async def test_a_bad_token_is_answered_401(door: GraphQLHTTP, viewers: Viewers) -> None:
    viewers.viewer = Unauthenticated("the token is unknown")

    answer = await AsgiClient(door).get(EVENTS, query=FRAMES)

    assert answer.status == 401
    assert answer.header("content-type") == "application/json; charset=utf-8"
