"""Each limit at both doors: what breaks it is answered with its code, and a socket lives on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from project.asgi import http, websocket
from tasks import accounts, database
from tasks.accounts import AuthAnswer
from tasks.api.execution import Documents, Limits, SharedExecutions
from tasks.api.schema import schema
from tasks.api.transport.http import Door, GraphQLHTTP
from tasks.api.transport.rules import SocketRules
from tasks.api.transport.socket import GraphQLSocket
from tasks.api.viewer import Viewers
from tasks.errors import TimedOut
from tasks.hub import current_hub
from tasks.models import Task, User
from tests.asgi_client import AsgiClient
from tests.integration.test_socket_credentials import PASSWORD, Socket
from tests.waiting import DEADLINE_SECONDS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

SUBMIT = """
    mutation ($key: String, $text: String! = "abc", $wait: Float! = 0) {
      submitTask(input: {task: {reverseString: {text: $text}}, idempotencyKey: $key}, waitSeconds: $wait) {
        task { id }
        errors { code: __typename ... on RateLimited { retryAfterSeconds } ... on QueueFull { queue limit } }
      }
    }
"""
RETRY = "mutation ($id: ID!) { retryTask(input: {id: $id}) { errors { code: __typename } } }"
FILTERED = "query ($ids: [ID!]) { tasks(filter: {ids: $ids}) { nodes { id } } }"


@pytest.fixture(autouse=True)
async def entered(settings: Settings) -> AsyncIterator[AuthAnswer]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.REGISTRATION_OPEN = True
    yield await accounts.register("ada", PASSWORD)
    await current_hub().stop()


def client_of(entered: AuthAnswer | None) -> AsgiClient:
    """Make a client of the HTTP door with the limits of the settings."""
    headers = {"authorization": f"Bearer {entered.token}"} if entered else {}
    return AsgiClient(GraphQLHTTP(Documents(schema, Limits.of_settings())), headers)


def rules() -> SocketRules:
    """Make the rules of a socket door, with the limits of the settings."""
    return SocketRules.of_settings(Documents(schema, Limits.of_settings()), SharedExecutions(), Viewers(), Door())


@asynccontextmanager
async def opened(
    rules: SocketRules, entered: AuthAnswer | None = None, client: str = "192.0.2.1", **scope: Any
) -> AsyncIterator[Socket]:
    """Open a socket and ask to be let in; the first thing to hear is whether it was."""
    socket = Socket()
    scope |= {"type": "websocket", "headers": [(b"host", b"testserver")], "path": "/graphql", "client": (client, 1)}
    scope |= {"subprotocols": ["graphql-transport-ws"]}
    serving = asyncio.create_task(GraphQLSocket.as_asgi(rules)(scope, socket.incoming.get, socket.take))
    socket.incoming.put_nowait({"type": "websocket.connect"})
    socket.say(type="connection_init", payload={"authorization": f"Bearer {entered.token}"} if entered else {})
    try:
        yield socket
    finally:
        socket.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(serving, DEADLINE_SECONDS)


@dataclass(frozen=True)
class Case:
    """A setting, a value for it, a request that breaks it, and the code that answers this."""

    setting: str
    value: int
    query: str
    code: str
    variables: dict[str, Any] = field(default_factory=dict)


TWO_CHANGES = "mutation { logout { ok } ...F } fragment F on Mutation { a: logout { ok } }"
PAGE_BY_VARIABLE = "query ($n: Int) { tasks(last: $n) { nodes { id } } }"
CASES = [
    Case("MAX_DOCUMENT_CHARACTERS", 50, "{ me { id } }" + " " * 50, "TOO_LARGE"),
    Case("MAX_TOKENS", 10, "{ me { id id id id id id } }", "TOO_MANY_TOKENS"),
    Case("MAX_DEFINITIONS", 1, "{ ...F } fragment F on Query { me { id } }", "TOO_MANY_DEFINITIONS"),
    Case("MAX_DIRECTIVES", 0, "{ me @skip(if: true) { id } }", "TOO_MANY_DIRECTIVES"),
    Case("MAX_DEPTH", 2, "{ task(id: 1) { owner { id } } }", "TOO_DEEP"),
    Case("MAX_ALIASES", 1, "{ a: me { id } b: me { id } }", "TOO_MANY_ALIASES"),
    Case("MAX_ROOT_FIELDS", 1, TWO_CHANGES, "TOO_MANY_ROOT_FIELDS"),
    Case("MAX_FIELDS", 2, "{ me { id username } }", "TOO_MANY_FIELDS"),
    Case("MAX_OVERLAPS", 1, "{ me { id id id } }", "TOO_COMPLEX"),
    Case("MAX_COMPLEXITY", 50, "{ tasks(first: 100) { nodes { id } } }", "TOO_COMPLEX"),
    Case("MAX_COMPLEXITY", 49, PAGE_BY_VARIABLE, "TOO_COMPLEX", {"n": 100}),
    Case("MAX_VARIABLES_BYTES", 1_000, FILTERED, "TOO_LARGE", {"ids": ["x" * 1_000]}),
    Case("MAX_VARIABLES_VALUES", 100, FILTERED, "TOO_MANY_VALUES", {"ids": ["x"] * 100}),
    Case("INTROSPECTION", False, "{ __schema { types { name } } }", "INTROSPECTION_DISABLED"),
]
each_case = pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.setting} {case.value}") for case in CASES])


@each_case
async def test_limit_over_http(settings: Settings, entered: AuthAnswer, case: Case) -> None:
    setattr(settings, case.setting, case.value)

    accept = {"accept": "application/graphql-response+json"}
    response = await client_of(entered).post({"query": case.query, "variables": case.variables}, accept)

    assert response.status == 400
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == [case.code]
    assert "data" not in response.json()


@each_case
async def test_limit_over_a_socket_ends_the_operation_alone(
    settings: Settings, entered: AuthAnswer, case: Case
) -> None:
    setattr(settings, case.setting, case.value)

    async with opened(rules(), entered) as socket:
        assert await socket.hear() == {"type": "connection_ack"}
        socket.subscribe("1", case.query, **case.variables)
        refused = await socket.hear()

        assert (refused["id"], refused["type"]) == ("1", "error")
        assert [error["extensions"]["code"] for error in refused["payload"]] == [case.code]
        assert await socket.ask("{ __typename }") == {"__typename": "Query"}


async def test_few_faults_of_many_are_told(settings: Settings) -> None:
    settings.MAX_VALIDATION_ERRORS = 2
    query = "query ($ids: [ID!]) { tasks(filter: {ids: $ids}) { nodes { id } } }"

    document = await client_of(None).post({"query": "{ " + " ".join(f"nope{i}" for i in range(50)) + " }"})
    variables = await client_of(None).post({"query": query, "variables": {"ids": [{}] * 50}})

    assert len(document.json()["errors"]) == 3
    assert len(variables.json()["errors"]) == 3


async def test_body_over_http(settings: Settings) -> None:
    settings.MAX_BODY_BYTES = 1_000

    response = await client_of(None).post({"query": "{ __typename }", "extensions": {"a": "x" * 1_000}})

    assert (response.status, response.json()["errors"][0]["extensions"]["code"]) == (413, "TOO_LARGE")


async def test_query_string(settings: Settings) -> None:
    settings.MAX_BODY_BYTES = 1_000

    response = await client_of(None).get(query="{ __typename }", extensions=json.dumps({"a": "x" * 1_000}))

    assert (response.status, response.json()["errors"][0]["extensions"]["code"]) == (414, "TOO_LARGE")


@pytest.mark.parametrize("path", ["/graphql", "/admin/", "/healthz", "/nothing"])
@pytest.mark.parametrize("name", ["accept", "cookie", "host", "x-forwarded-for", "x"])
async def test_headers_over_http(path: str, name: str) -> None:
    """No header is read by then: to take apart five megabytes of Accept would take minutes."""
    response = await AsgiClient(http).request("GET", path=path, headers={name: ";" * 5_000_000})

    assert (response.status, response.json()["errors"][0]["extensions"]["code"]) == (431, "TOO_LARGE")


async def test_headers_of_a_handshake() -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"testserver"), (b"cookie", b";" * 5_000_000)]
    await websocket({"type": "websocket", "path": "/graphql", "headers": headers}, receive, send)

    assert sent == [{"type": "websocket.close"}]


async def test_message_over_a_socket(settings: Settings) -> None:
    settings.MAX_BODY_BYTES = 1_000

    async with opened(rules()) as socket:
        assert await socket.hear() == {"type": "connection_ack"}
        socket.say(type="ping", payload={"a": "x" * 1_000})

        assert await socket.hear() == 4400


@pytest.mark.parametrize("graphiql", [True, False])
async def test_page_for_browsers_can_be_off(settings: Settings, graphiql: bool) -> None:
    settings.GRAPHIQL = graphiql

    response = await client_of(None).get({"accept": "text/html,*/*;q=0.8"})

    assert response.header("content-type") == f"{'text/html' if graphiql else 'application/json'}; charset=utf-8"


# --- sockets ----------------------------------------------------------------------------------------------------------


async def test_subscriptions_of_a_socket(settings: Settings, entered: AuthAnswer) -> None:
    settings.MAX_SUBSCRIPTIONS_PER_SOCKET = 1

    async with opened(rules(), entered) as socket:
        assert await socket.hear() == {"type": "connection_ack"}
        socket.subscribe("1", "subscription { tasksUpdated { kind } }")
        assert (await socket.hear())["type"] == "next"
        socket.subscribe("2", "subscription { tasksUpdated { kind } }")
        refused = await socket.hear()

    assert (refused["id"], refused["payload"][0]["extensions"]["code"]) == ("2", "TOO_MANY_SUBSCRIPTIONS")


async def test_sockets_of_a_user(settings: Settings, entered: AuthAnswer) -> None:
    settings.MAX_SOCKETS_PER_USER = 1
    door = rules()

    async with opened(door, entered) as first, opened(door, entered) as second, opened(door) as nobodys:
        assert await first.hear() == {"type": "connection_ack"}
        assert await second.hear() == 4503
        assert await nobodys.hear() == {"type": "connection_ack"}
    async with opened(door, entered) as third:
        assert await third.hear() == {"type": "connection_ack"}


async def test_sockets_of_an_address(settings: Settings) -> None:
    settings.MAX_SOCKETS_PER_ADDRESS = 1
    door = rules()

    async with opened(door) as first, opened(door) as second, opened(door, client="192.0.2.2") as elsewhere:
        assert await first.hear() == {"type": "connection_ack"}
        assert await second.hear() == 4503
        assert await elsewhere.hear() == {"type": "connection_ack"}
    async with opened(door) as third:
        assert await third.hear() == {"type": "connection_ack"}


async def test_a_handshake_too_many_is_answered_429_where_the_server_can(settings: Settings) -> None:
    settings.MAX_SOCKETS_PER_ADDRESS = 0

    async with opened(rules(), extensions={"websocket.http.response": {}}) as socket:
        start, body = await socket.hear(), await socket.hear()

    assert (start["type"], start["status"]) == ("websocket.http.response.start", 429)
    assert json.loads(body["body"])["errors"][0]["extensions"]["code"] == "TOO_MANY_SOCKETS"


# --- time -------------------------------------------------------------------------------------------------------------


def endless() -> None:
    """Read for ever."""
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(600)" if connection.vendor == "postgresql" else query)


async def test_an_overdue_read_is_ended_and_its_thread_is_free(settings: Settings) -> None:
    database.close()
    settings.MAX_OPERATION_SECONDS = 0.2

    overdue = await asyncio.gather(*(database.read(endless) for _ in range(4)), return_exceptions=True)
    settings.MAX_OPERATION_SECONDS = 10.0
    database.close()

    assert [type(error) for error in overdue] == [TimedOut] * 4
    assert await database.read(User.objects.count) == 1


async def test_waiting_for_the_task_is_not_counted(settings: Settings, entered: AuthAnswer) -> None:
    settings.MAX_OPERATION_SECONDS = 1.5

    response = await client_of(entered).post({"query": SUBMIT, "variables": {"wait": 2.0}})

    assert response.json()["data"]["submitTask"]["errors"] == []


# --- submissions ------------------------------------------------------------------------------------------------------


async def submitted(client: AsgiClient, **variables: Any) -> Any:
    answer = (await client.post({"query": SUBMIT, "variables": variables})).json()["data"]["submitTask"]
    return [error["code"] for error in answer["errors"]] or answer["task"]["id"]


async def test_submissions_within_a_minute(settings: Settings, entered: AuthAnswer) -> None:
    settings.MAX_SUBMISSIONS_PER_MINUTE = 3
    client = client_of(entered)

    known = await submitted(client, key="a")
    first = [await submitted(client), await submitted(client)]
    refused = (await client.post({"query": SUBMIT})).json()["data"]["submitTask"]

    assert all(isinstance(answer, str) for answer in first)
    [error] = refused["errors"]
    assert error["code"] == "RateLimited"
    assert 0 < error["retryAfterSeconds"] <= 60
    assert await submitted(client, key="a") == known
    assert await database.read(Task.objects.count) == 3


async def test_tasks_that_wait_for_one_user(settings: Settings, entered: AuthAnswer) -> None:
    settings.MAX_WAITING_PER_USER = 2
    client = client_of(entered)

    known = await submitted(client, key="a")
    answers = [known, *[await submitted(client) for _ in range(9)]]
    retried = await client.post({"query": RETRY, "variables": {"id": known}})
    settings.MAX_WAITING_PER_USER = 20

    assert ["QueueFull"] in answers
    assert await database.read(Task.objects.count) <= 3
    assert retried.json()["data"]["retryTask"]["errors"] == [{"code": "QueueFull"}]
    assert await submitted(client, key="a") == known
    assert isinstance(await submitted(client), str)


async def test_tasks_that_wait_in_one_queue(settings: Settings, entered: AuthAnswer) -> None:
    settings.MAX_WAITING_PER_QUEUE = 2
    other = client_of(await accounts.register("ben", PASSWORD))

    for _ in range(3):
        await submitted(client_of(entered))
    refused = (await other.post({"query": SUBMIT})).json()["data"]["submitTask"]

    assert refused == {"task": None, "errors": [{"code": "QueueFull", "queue": "default", "limit": 2}]}
