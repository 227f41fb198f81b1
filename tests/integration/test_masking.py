"""What no answer of the server ever tells, whichever part of it answers; and what no client can make it log."""

import logging
from collections.abc import Iterator
from importlib.metadata import version

import pytest
from django.db import DataError, OperationalError, connection
from django.urls import clear_url_caches
from pytest_django.fixtures import Settings

from project.asgi import http
from tasks.api.execution import Documents
from tasks.api.schema import schema
from tasks.api.transport.http import GraphQLHTTP
from tasks.models import User
from tests.asgi_client import AsgiClient, Response
from tests.broken_urls import SECRET
from tests.integration.test_http import LOGIN

pytestmark = pytest.mark.django_db(transaction=True)

TELLTALES = [
    *(
        "Traceback",
        "hunter2",
        "SELECT",
        "tasks_user",
        "site-packages",
        "/tasks/",
        ".py",
        "psycopg",
        "sqlite",
        "Exception",
    ),
    *("RuntimeError", "uvicorn", "daphne", "strawberry", "Python/"),
    *map(version, ("django", "strawberry-graphql", "uvicorn", "channels", "graphql-core")),
]


@pytest.fixture
def client(settings: Settings) -> Iterator[AsgiClient]:
    settings.ROOT_URLCONF = "tests.broken_urls"
    clear_url_caches()
    yield AsgiClient(http)
    clear_url_caches()


def told(response: Response) -> str:
    """Everything that the client sees."""
    return response.body.decode() + "\n".join(f"{name}: {value}" for name, value in response.headers)


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        pytest.param("/broken", "testserver", 500, id="a fault"),
        pytest.param("/nowhere", "testserver", 404, id="an unknown path"),
        pytest.param("/admin/", "testserver", 302, id="the admin"),
        pytest.param("/sign-in/x", "testserver", 404, id="a wrong link"),
        pytest.param("/healthz", "testserver", 200, id="health"),
        pytest.param("/static/../project/settings.py", "testserver", 404, id="a file"),
        pytest.param("/", "evil.example", 400, id="an unknown host"),
        pytest.param("/graphql", "evil.example", 400, id="an unknown host at GraphQL"),
        pytest.param("/graphql", "testserver", 400, id="GraphQL without a query"),
    ],
)
async def test_no_page_tells_how_the_server_is_made(client: AsgiClient, path: str, host: str, status: int) -> None:
    response = await client.request("GET", path=path, headers={"host": host})

    assert response.status == status
    assert response.header("server") is None
    assert response.header("x-powered-by") is None
    assert [word for word in TELLTALES if word in told(response)] == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param(OperationalError(f"server closed the connection: {SECRET}"), "UNAVAILABLE", id="away"),
        pytest.param(DataError(f"invalid input syntax: {SECRET}"), "INTERNAL", id="a fault of ours"),
        pytest.param(RuntimeError(SECRET), "INTERNAL", id="anything"),
    ],
)
async def test_a_fault_of_the_store_is_masked(monkeypatch: pytest.MonkeyPatch, fault: Exception, code: str) -> None:
    def broken(*_arguments: object) -> None:
        connection.ensure_connection()  # without one, any fault would mean that there is none
        raise fault

    monkeypatch.setattr(User.objects, "filter", broken)
    monkeypatch.setattr(User.objects, "get", broken)
    monkeypatch.setattr(User.objects, "get_by_natural_key", broken)

    response = await AsgiClient(GraphQLHTTP(Documents(schema))).post(LOGIN)

    assert [error["extensions"]["code"] for error in response.json()["errors"]] == [code]
    assert [word for word in TELLTALES if word in told(response)] == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"nonsense", id="no JSON"),
        pytest.param({"query": "{"}, id="a syntax error"),
        pytest.param({"query": "{ nope }"}, id="an unknown field"),
        pytest.param({"query": "{ tasks { nodes { id } } }"}, id="nobody"),
        pytest.param(
            {"query": "query ($n: Int) { tasks(first: $n) { nodes { id } } }", "variables": {"n": "x"}}, id="a value"
        ),
        pytest.param(LOGIN, id="a wrong password"),
    ],
)
async def test_a_clients_mistake_is_not_logged(caplog: pytest.LogCaptureFixture, body: object) -> None:
    caplog.set_level(logging.INFO)

    await AsgiClient(GraphQLHTTP(Documents(schema))).post(body)

    assert [record.getMessage() for record in caplog.records if record.name != "asyncio"] == []


async def test_a_wrong_host_leaves_no_traceback(client: AsgiClient, caplog: pytest.LogCaptureFixture) -> None:
    await client.request("GET", path="/", headers={"host": "evil.example"})

    assert [record for record in caplog.records if record.exc_info] == []
