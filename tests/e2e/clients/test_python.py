"""The `gql` package from PyPI, each of its transports in its default configuration, against a real server."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport import AsyncTransport
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.common.base import SubscriptionTransportBase
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from websockets import ConnectionClosed

from tests.e2e.support import Api

DEADLINE_SECONDS = 30.0
ME = "{ me { username } }"
ADA = {"me": {"username": "ada"}}
SUBMIT = "mutation($task: TaskInput!) { submitTask(input: {task: $task}) { task { id } } }"
WATCH = (
    "subscription($id: ID!) { taskUpdated(id: $id) { task { status ... on ReverseStringTask { result { text } } } } }"
)
FEED = "subscription { tasksUpdated { kind } }"
UNKNOWN = "01890000-0000-7000-8000-000000000000"

Make = Callable[[Api], Any]


def bearer(api: Api) -> dict[str, str]:
    return {"authorization": f"Bearer {api.token}"} if api.token else {}


SOCKETS = [
    pytest.param(lambda api: WebsocketsTransport(api.socket_url, init_payload=bearer(api)), id="websockets"),
    pytest.param(lambda api: AIOHTTPWebsocketsTransport(api.socket_url, init_payload=bearer(api)), id="aiohttp socket"),
]
REQUESTS = [
    pytest.param(lambda api: AIOHTTPTransport(f"{api.base_url}/graphql", headers=bearer(api)), id="aiohttp"),
    pytest.param(lambda api: HTTPXAsyncTransport(f"{api.base_url}/graphql", headers=bearer(api)), id="httpx"),
]


def connected(transport: AsyncTransport) -> Client:
    return Client(transport=transport)


async def watched(session: AsyncClientSession, task_id: str) -> Any:
    """Follow a task to its end, and return it as it stood in the last frame."""
    last = None
    async for frame in session.subscribe(GraphQLRequest(WATCH, variable_values={"id": task_id})):
        last = frame["taskUpdated"]["task"]
    return last


async def submitted(session: AsyncClientSession, **task: Any) -> str:
    answer = await session.execute(GraphQLRequest(SUBMIT, variable_values={"task": task}))
    return str(answer["submitTask"]["task"]["id"])


def codes(error: TransportQueryError) -> list[str]:
    return [one["extensions"]["code"] for one in error.errors or []]


@pytest.fixture(autouse=True)
async def deadline() -> AsyncGenerator[None]:
    """Nothing here may hang."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        yield


@pytest.mark.parametrize("make", [*SOCKETS, *REQUESTS])
async def test_queries_and_mutations_are_answered(api: Api, make: Make) -> None:
    async with connected(make(api)) as session:
        assert await session.execute(GraphQLRequest(ME)) == ADA
        assert await submitted(session, wait={"seconds": 0})


@pytest.mark.parametrize("make", [*SOCKETS, *REQUESTS])
async def test_a_validation_error_has_its_code_and_the_client_lives_on(api: Api, make: Make) -> None:
    async with connected(make(api)) as session:
        with pytest.raises(TransportQueryError) as caught:
            await session.execute(GraphQLRequest("{ nope }"))

        assert codes(caught.value) == ["GRAPHQL_VALIDATION_FAILED"]
        assert await session.execute(GraphQLRequest(ME)) == ADA


@pytest.mark.parametrize("make", [*SOCKETS, *REQUESTS])
async def test_without_a_login_it_is_refused(api: Api, make: Make) -> None:
    async with connected(make(Api(api.base_url))) as session:
        with pytest.raises(TransportQueryError) as caught:
            await session.execute(GraphQLRequest("{ tasks { nodes { id } } }"))

    assert codes(caught.value) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("make", REQUESTS)
async def test_a_bad_token_is_told_as_such(api: Api, make: Make) -> None:
    async with connected(make(Api(api.base_url, "bad"))) as session:
        with pytest.raises(TransportQueryError) as caught:
            await session.execute(GraphQLRequest(ME))

    assert codes(caught.value) == ["UNAUTHENTICATED"]


async def test_a_bad_token_closes_the_socket_4403(api: Api) -> None:
    transport = WebsocketsTransport(api.socket_url, init_payload={"authorization": "Bearer bad"})
    with pytest.raises(TransportConnectionFailed) as caught:
        await transport.connect()

    closed = caught.value.__cause__
    assert isinstance(closed, ConnectionClosed)
    assert closed.rcvd is not None
    assert closed.rcvd.code == 4403


@pytest.mark.parametrize("make", SOCKETS)
async def test_a_subscription_is_followed_to_its_last_event(api: Api, make: Make) -> None:
    async with connected(make(api)) as session:
        task = await watched(session, await submitted(session, reverseString={"text": "live"}))

    assert task == {"status": "SUCCEEDED", "result": {"text": "evil"}}


@pytest.mark.parametrize("make", SOCKETS)
async def test_several_subscriptions_share_a_socket(api: Api, make: Make) -> None:
    async with connected(make(api)) as session:
        ids = [await submitted(session, reverseString={"text": text}) for text in ("ab", "cd", "ef")]
        tasks = await asyncio.gather(*(watched(session, task_id) for task_id in ids))

    assert [task["result"]["text"] for task in tasks] == ["ba", "dc", "fe"]


@pytest.mark.parametrize("make", SOCKETS)
async def test_a_subscription_that_fails_leaves_the_socket_to_the_others(api: Api, make: Make) -> None:
    async with connected(make(api)) as session:
        with pytest.raises(TransportQueryError) as caught:
            await watched(session, UNKNOWN)

        assert codes(caught.value) == ["NOT_FOUND"]
        assert await session.execute(GraphQLRequest(ME)) == ADA


@pytest.mark.parametrize("make", SOCKETS)
async def test_who_unsubscribes_hears_no_more_and_goes_on(api: Api, make: Make) -> None:
    async with connected(make(api)) as session:
        feed = session.subscribe(GraphQLRequest(FEED))
        assert (await anext(feed))["tasksUpdated"] == {"kind": "POSITION"}
        await feed.aclose()

        assert await session.execute(GraphQLRequest(ME)) == ADA


@pytest.mark.parametrize("make", SOCKETS)
async def test_pings_go_both_ways_on_an_idle_socket(api: Api, make: Make) -> None:
    transport = make(api)
    assert isinstance(transport, SubscriptionTransportBase)
    async with connected(transport) as session:
        for _ in range(2):
            await transport.ping_received.wait()  # type: ignore[attr-defined]  # of the protocol that was agreed on
            transport.ping_received.clear()  # type: ignore[attr-defined]
        transport.pong_received.clear()  # type: ignore[attr-defined]
        await transport.send_ping()  # type: ignore[attr-defined]
        await transport.pong_received.wait()  # type: ignore[attr-defined]

        assert await session.execute(GraphQLRequest(ME)) == ADA
