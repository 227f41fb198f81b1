"""Watch tokens over server-sent events: what a customer's page, on another site, follows with nothing but a token."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tasks import accounts, database
from tasks.api.cursors import write_event_cursor
from tasks.api.transport.heartbeat import Heartbeat
from tasks.api.transport.http import GraphQLHTTP, Streams, streaming
from tasks.api.viewer import Viewers
from tasks.hub import current_hub
from tasks.models import Task, User
from tests.asgi_client import AsgiClient
from tests.integration.marked import DOCUMENTS, SHOWN_TO_WATCHERS, marked_task, marks_in, run_to_its_end, stored
from tests.unit.api.http.reader import Reader, Told, reading

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

SHOP = "https://shop.example"
COMPLETE = Told("complete", "")
FOLLOW = """
    subscription ($id: ID!, $only: [TaskEventKind!]) {
      taskUpdated(id: $id, only: $only) {
        kind
        task { status progress { message } failure { message } resultJson }
        event { __typename version ... on TaskProgressed { progress { message } } ... on TaskOutput { chunk }
          ... on TaskStatusChanged { failure { message } } }
      }
    }
"""


@pytest.fixture(autouse=True)
async def _hub(settings: Settings) -> AsyncIterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CORS_ALLOWED_ORIGINS = [SHOP]
    yield
    await current_hub().stop()


@pytest.fixture
def giver() -> User:
    return User.objects.create_user("mark-owner", password="correct horse battery")


@pytest.fixture
async def door() -> GraphQLHTTP:
    """A door whose heart beats fast, and which remembers nobody."""
    viewers = Viewers(seconds=0)
    return GraphQLHTTP(DOCUMENTS, viewers, streams=Streams(viewers, heartbeat=Heartbeat(0.05, 10.0)))


async def given_out(giver: User, task: Task, seconds: float = 900) -> dict[str, str]:
    """Return what a page sends that was given a token: no cookie, and where it comes from."""
    answer = await accounts.create_watch_token(giver.pk, task.pk, seconds)
    assert answer.token is not None, answer.errors
    return {
        "accept": "text/event-stream",
        "authorization": f"Bearer {answer.token}",
        "origin": SHOP,
        "sec-fetch-site": "cross-site",
    }


def following(
    door: GraphQLHTTP, page: dict[str, str], task: Task, query: str = FOLLOW, **variables: Any
) -> AbstractAsyncContextManager[Reader]:
    return reading(door, page, query=query, variables=json.dumps({"id": str(task.pk), **variables}))


def frame(told: Told | None) -> Any:
    assert told is not None
    answer = json.loads(told.data or "")
    assert "errors" not in answer, answer
    return answer["data"]["taskUpdated"]


def codes(told: Told | None) -> list[str]:
    assert told is not None
    return [error["extensions"]["code"] for error in json.loads(told.data or "")["errors"]]


# --- what they show ---------------------------------------------------------------------------------------------------


async def test_page_of_another_site_follows_its_task_to_the_end(door: GraphQLHTTP, giver: User) -> None:
    task = await database.write(stored, giver)
    async with following(door, await given_out(giver, task), task) as reader:
        first = frame(await reader.next())
        await database.write(run_to_its_end, task)
        rest = await reader.rest()

    seen = [frame(told) for told in rest[:-1]]
    assert first["kind"] == "SNAPSHOT"
    kinds = [one["event"]["__typename"] for one in seen]
    assert kinds == ["TaskStatusChanged", "TaskProgressed", "TaskOutput", "TaskStatusChanged"]
    assert marks_in(seen) == SHOWN_TO_WATCHERS - {"mark-failure"}
    assert rest[-1] == COMPLETE
    assert (b"access-control-allow-origin", SHOP.encode()) in (reader.started or {})["headers"]


async def test_resumed_stream_tells_the_rest_without_logs_and_then_204(
    door: GraphQLHTTP, giver: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "RESUME_SECONDS", 600.0)
    task = await database.write(marked_task, giver)
    hub = current_hub()
    await hub.ready()
    page = await given_out(giver, task)
    beginning = {"last-event-id": write_event_cursor(hub.epoch, 0)}

    async with following(door, {**page, **beginning}, task) as reader:
        told = (await reader.rest())[:-1]
    async with following(door, {**page, **beginning}, task, only=["LOG"]) as reader:
        assert await reader.rest() == []
        assert (reader.started or {})["status"] == 204
    last = told[-1].id
    assert last is not None
    async with following(door, {**page, "last-event-id": last}, task) as reader:
        assert await reader.rest() == []
        assert (reader.started or {})["status"] == 204

    assert "TaskLogged" not in {frame(one)["event"]["__typename"] for one in told}
    assert marks_in([frame(one) for one in told]) == SHOWN_TO_WATCHERS


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("subscription ($id: ID!) { taskUpdated(id: $id) { task { arguments: metadata } } }", id="a field"),
        pytest.param(
            "subscription ($id: ID!) { ...F } fragment F on Subscription { a: taskUpdated(id: $id) {"
            " event { ... on TaskLogged { message } } } }",
            id="logs, by fragments and an alias",
        ),
        pytest.param("subscription { tasksUpdated { kind } }", id="a feed"),
        pytest.param(
            'subscription { runTask(input: {idempotencyKey: "k", task: {reverseString: {text: "a"}}}) { kind } }',
            id="a submission",
        ),
    ],
)
async def test_whatever_else_is_selected_is_forbidden(door: GraphQLHTTP, giver: User, query: str) -> None:
    task = await database.write(marked_task, giver)
    page = await given_out(giver, task)

    answer = await AsgiClient(door).post({"query": query, "variables": {"id": str(task.pk)}}, page)

    assert answer.body.startswith(b'event: next\ndata: {"errors":[')
    assert answer.body.count(b'"code":"FORBIDDEN"') >= 1
    assert marks_in(answer.body.decode()) == set()
    assert await database.read(Task.objects.count) == 1


async def test_other_tasks_are_not_there(door: GraphQLHTTP, giver: User) -> None:
    task = await database.write(stored, giver)
    other = await database.write(lambda: stored(giver, idempotency_key=None))
    async with following(door, await given_out(giver, task), other) as reader:
        assert codes(await reader.next()) == ["NOT_FOUND"]
        assert await reader.rest() == [COMPLETE]


# --- when they are no good --------------------------------------------------------------------------------------------


async def test_stream_ends_with_its_token(door: GraphQLHTTP, giver: User) -> None:
    task = await database.write(stored, giver)
    async with following(door, await given_out(giver, task, seconds=1), task) as reader:
        assert frame(await reader.next())["kind"] == "SNAPSHOT"
        assert codes(await reader.next()) == ["FORBIDDEN"]
        assert await reader.rest() == [COMPLETE]


async def test_stream_ends_with_its_giver_s_sight(door: GraphQLHTTP, giver: User) -> None:
    task = await database.write(stored, giver)
    async with following(door, await given_out(giver, task), task) as reader:
        assert frame(await reader.next())["kind"] == "SNAPSHOT"

        await database.write(User.objects.filter(pk=giver.pk).update, is_active=False)

        assert codes(await reader.next()) == ["FORBIDDEN"]
        assert await reader.rest() == [COMPLETE]


async def test_token_counts_nowhere_but_in_its_header(door: GraphQLHTTP, giver: User) -> None:
    """An EventSource can send no header, and what stands in an address stands in logs: such a page uses fetch."""
    task = await database.write(stored, giver)
    page = await given_out(giver, task)
    token = page.pop("authorization").removeprefix("Bearer ")
    del page["origin"], page["sec-fetch-site"]
    variables = json.dumps({"id": str(task.pk)})
    for name in ("token", "authorization", "access_token"):
        async with reading(door, page, query=FOLLOW, variables=variables, **{name: token}) as reader:
            assert codes(await reader.next()) == ["UNAUTHENTICATED"]
