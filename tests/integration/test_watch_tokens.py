"""Watch tokens: the sight of one task for somebody without an account, through the real doors, schema and store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.signing import Signer
from pytest_django.fixtures import Settings

from tasks import accounts, database
from tasks.api.cursors import write_event_cursor
from tasks.api.execution import rights_of
from tasks.api.transport.http import GraphQLHTTP
from tasks.api.viewer import ANONYMOUS, Viewer, Viewers
from tasks.errors import TaskNotFound, Unauthenticated
from tasks.hub import current_hub
from tasks.models import Task, User
from tests.asgi_client import AsgiClient
from tests.integration.marked import (
    DOCUMENTS,
    SHOWN_TO_WATCHERS,
    Frames,
    ask,
    frames,
    marked_task,
    marks_in,
    run_to_its_end,
    stored,
    viewer_of,
    watcher_of,
)
from tests.integration.test_socket_credentials import connected

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

CREATE = """
    mutation ($input: CreateWatchTokenInput!) { createWatchToken(input: $input) {
      token expiresAt errors { __typename ... on UserError { code path } }
    } }
"""
SHOWN = """
    fragment Shown on Task {
      id type status isFinal version cursor attempt progress { fraction message updatedAt }
      failure { code message } createdAt updatedAt scheduledFor expiresAt startedAt finishedAt nextAttemptAt
      cancelRequestedAt resultJson __typename ... on ReverseStringTask { result { text } }
    }
"""
READ = SHOWN + "query ($id: ID!) { task(id: $id) { ...Shown } node(id: $id) { __typename id ...Shown } }"
FOLLOW = (
    SHOWN
    + """
    subscription ($id: ID!, $after: EventCursor, $only: [TaskEventKind!]) {
      taskUpdated(id: $id, after: $after, only: $only) {
        kind cursor gap { reason } task { ...Shown }
        event { __typename cursor taskId version at attempt
          ... on TaskStatusChanged { from to failure { code message } }
          ... on TaskProgressed { progress { fraction } }
          ... on TaskOutput { chunk }
        }
      }
    }
"""
)


@pytest.fixture(autouse=True)
async def _hub(settings: Settings) -> AsyncIterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    yield
    await current_hub().stop()


@pytest.fixture
def giver() -> User:
    return User.objects.create_user("mark-owner", password="correct horse battery")


@pytest.fixture
def task(giver: User) -> Task:
    return marked_task(giver)


@pytest.fixture
def client() -> AsgiClient:
    return AsgiClient(GraphQLHTTP(DOCUMENTS, Viewers(seconds=0)))


async def given_out(giver: User, task: Task, seconds: float = 900) -> str:
    answer = await accounts.create_watch_token(giver.pk, task.pk, seconds)
    assert answer.token is not None, answer.errors
    return answer.token


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


# --- giving them out --------------------------------------------------------------------------------------------------


async def created(user: User | None, **given: Any) -> Any:
    answer = await ask(CREATE, ANONYMOUS if user is None else viewer_of(user), input=given)
    return answer["data"]["createWatchToken"] or answer["errors"][0]["extensions"]["code"]


async def test_owner_and_staff_give_out_tokens(giver: User, task: Task) -> None:
    staff = await database.write(User.objects.create_user, "staff", is_staff=True)

    for user in (giver, staff):
        before = datetime.now(UTC)
        answer = await created(user, taskId=str(task.pk))

        assert answer["errors"] == []
        viewer = await Viewers().by_authorization(f"Bearer {answer['token']}")
        assert viewer.rights == watcher_of(task).rights
        assert viewer.expires_at == datetime.fromisoformat(answer["expiresAt"])
        assert timedelta(seconds=899) < viewer.expires_at - before < timedelta(seconds=910)


async def test_nobody_gives_out_what_he_can_t_see(task: Task) -> None:
    mallory = await database.write(User.objects.create_user, "mallory")
    not_found = [{"__typename": "NotFound", "code": "NOT_FOUND", "path": ["input", "taskId"]}]

    for unknown in (str(task.pk), str(mallory.pk), "nonsense", ""):
        answer = await created(mallory, taskId=unknown)
        assert (answer["token"], answer["errors"]) == (None, not_found)
    assert await created(None, taskId=str(task.pk)) == "UNAUTHENTICATED"


@pytest.mark.parametrize("seconds", [0, -1, 0.5, 8 * 24 * 3600, 1e300])
async def test_time_of_a_token_has_bounds(giver: User, task: Task, seconds: float) -> None:
    answer = await created(giver, taskId=str(task.pk), expiresInSeconds=seconds)

    assert answer["token"] is None
    assert answer["errors"] == [
        {"__typename": "InvalidArguments", "code": "INVALID_ARGUMENTS", "path": ["input", "expiresInSeconds"]}
    ]


async def test_tokens_are_limited_per_user(giver: User, task: Task, settings: Settings) -> None:
    settings.WATCH_TOKENS_PER_USER = "2/hour"

    answers = [await created(giver, taskId=str(task.pk)) for _ in range(3)]

    assert [bool(answer["token"]) for answer in answers] == [True, True, False]
    assert answers[2]["errors"] == [{"__typename": "RateLimited", "code": "RATE_LIMITED", "path": ["input"]}]


# --- what they show ---------------------------------------------------------------------------------------------------


async def test_token_shows_its_task_over_http(client: AsgiClient, giver: User, task: Task) -> None:
    token = await given_out(giver, task)

    response = await client.post({"query": READ, "variables": {"id": str(task.pk)}}, bearer(token))

    answer = response.json()
    assert "errors" not in answer, answer["errors"]
    assert answer["data"]["task"] == answer["data"]["node"]
    assert answer["data"]["task"]["status"] == "SUCCEEDED"
    assert answer["data"]["task"]["result"] == {"text": "mark-result"}
    assert marks_in(answer) == SHOWN_TO_WATCHERS - {"mark-output"}


async def test_everything_else_is_not_there(giver: User, task: Task) -> None:
    other = await database.write(lambda: marked_task(giver, idempotency_key=None))
    watcher = watcher_of(other)

    for unseen in (str(task.pk), str(giver.pk), "TaskType:reverse_string", "nonsense"):
        assert await ask(READ, watcher, id=unseen) == {"data": {"task": None, "node": None}}
    begun = await frames(FOLLOW, watcher, id=str(task.pk))
    assert isinstance(begun, Frames)
    with pytest.raises(TaskNotFound):
        await anext(begun)


async def told(watcher: Viewer, task: Task, **variables: Any) -> list[Any]:
    """Return the frames of a task that is final."""
    begun = await frames(FOLLOW, watcher, id=str(task.pk), **variables)
    assert isinstance(begun, Frames), begun
    return [frame["data"]["taskUpdated"] async for frame in begun]


async def test_logs_are_withheld_so_that_versions_have_holes(giver: User, task: Task) -> None:
    hub = current_hub()
    await hub.ready()
    start = write_event_cursor(hub.epoch, 0)

    owners = await told(viewer_of(giver), task, after=start)
    watchers = await told(watcher_of(task), task, after=start)

    logs = {frame["event"]["version"] for frame in owners if frame["event"]["__typename"] == "TaskLogged"}
    versions = [frame["event"]["version"] for frame in watchers]
    assert logs
    assert versions == [frame["event"]["version"] for frame in owners if frame["event"]["version"] not in logs]
    assert marks_in(watchers) == SHOWN_TO_WATCHERS
    assert await told(watcher_of(task), task, after=start, only=["LOG"]) == []
    outputs = await told(watcher_of(task), task, after=start, only=["LOG", "OUTPUT"])
    assert {frame["event"]["__typename"] for frame in outputs} == {"TaskOutput"}


async def test_task_is_followed_live_to_its_end(giver: User) -> None:
    task = await database.write(stored, giver)
    begun = await frames(FOLLOW, watcher_of(task), id=str(task.pk))
    assert isinstance(begun, Frames)

    seen = [(await anext(begun))["data"]["taskUpdated"]]
    await database.write(run_to_its_end, task)
    seen += [frame["data"]["taskUpdated"] async for frame in begun]

    assert [frame["kind"] for frame in seen] == ["SNAPSHOT", *["EVENT"] * 4]
    kinds = [frame["event"]["__typename"] for frame in seen[1:]]
    assert kinds == ["TaskStatusChanged", "TaskProgressed", "TaskOutput", "TaskStatusChanged"]
    assert seen[-1]["task"]["result"] == {"text": "mark-result"}


# --- when they are no good --------------------------------------------------------------------------------------------


def forged(token: str) -> str:
    """Return the same words under a signature of another kind, such as a sign-in link's."""
    return Signer(salt="taskfeed.sign-in", sep=".").sign(token.rpartition(".")[0])


@pytest.mark.parametrize(
    "tampered",
    [
        pytest.param(lambda token: token[:-1], id="cut short"),
        pytest.param(lambda token: token[:-1] + ("a" if token[-1] != "a" else "b"), id="another signature"),
        pytest.param(lambda token: token.replace("watch.0", "watch.1"), id="for another task"),
        pytest.param(lambda token: token.replace("watch.", ""), id="without its prefix"),
        pytest.param(lambda token: token.rpartition(".")[0], id="without its signature"),
        pytest.param(lambda token: "0.".join(token.rsplit(".", 1)), id="for longer"),
        pytest.param(forged, id="signed for something else"),
        pytest.param(lambda _: "watch.", id="nothing"),
        pytest.param(lambda _: "watch.\xe4.b", id="beyond ASCII"),
    ],
)
async def test_tampered_token_is_refused(
    client: AsgiClient, giver: User, task: Task, tampered: Callable[[str], str]
) -> None:
    token = await given_out(giver, task)

    response = await client.post({"query": "{ __typename }"}, bearer(tampered(token)))

    assert response.status == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_expired_token_is_refused_and_is_not_remembered_for_longer(giver: User, task: Task) -> None:
    token, viewers = await given_out(giver, task, seconds=1), Viewers(seconds=600)
    await viewers.by_authorization(f"Bearer {token}")

    async with asyncio.timeout(20):
        while True:
            try:
                await viewers.by_authorization(f"Bearer {token}")
            except Unauthenticated:
                break


def forget(task: Task) -> object:
    return Task.objects.filter(pk=task.pk).delete()


def new_password(giver: User) -> None:
    giver.set_password("another horse battery")
    giver.save()


@pytest.mark.parametrize(
    "happening",
    [
        pytest.param(lambda giver, _: User.objects.filter(pk=giver.pk).update(is_active=False), id="giver deactivated"),
        pytest.param(lambda giver, _: giver.delete(), id="giver deleted"),
        pytest.param(lambda giver, _: new_password(giver), id="giver's new password"),
        pytest.param(lambda _, task: Task.objects.filter(pk=task.pk).update(owner=None), id="task not the giver's now"),
        pytest.param(lambda _, task: forget(task), id="task gone"),
    ],
)
async def test_token_ends_with_its_giver_s_sight(
    client: AsgiClient, giver: User, task: Task, happening: Callable[[User, Task], object]
) -> None:
    token = await given_out(giver, task)
    assert (await client.post({"query": "{ __typename }"}, bearer(token))).status == 200

    await database.write(happening, giver, task)

    assert (await client.post({"query": "{ __typename }"}, bearer(token))).status == 401


async def test_token_that_staff_gave_out_ends_with_the_flag(client: AsgiClient, task: Task) -> None:
    staff = await database.write(User.objects.create_user, "staff", is_staff=True)
    token = await given_out(staff, task)
    assert (await client.post({"query": "{ __typename }"}, bearer(token))).status == 200

    await database.write(User.objects.filter(pk=staff.pk).update, is_staff=False)

    assert (await client.post({"query": "{ __typename }"}, bearer(token))).status == 401


async def test_token_outlives_a_new_secret_key_that_knows_the_old_one(
    client: AsgiClient, giver: User, task: Task, settings: Settings
) -> None:
    token = await given_out(giver, task)
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another key"
    assert (await client.post({"query": "{ __typename }"}, bearer(token))).status == 401

    settings.SECRET_KEY_FALLBACKS = [former]

    assert (await client.post({"query": "{ __typename }"}, bearer(token))).status == 200


# --- on a socket ------------------------------------------------------------------------------------------------------


async def test_socket_follows_the_task_and_ends_with_the_token(giver: User) -> None:
    task = await database.write(stored, giver)
    token = await given_out(giver, task, seconds=2)
    async with connected(Viewers(), token=token, origin=b"https://shop.example", beat_seconds=0.05) as socket:
        socket.subscribe("1", FOLLOW, id=str(task.pk))
        first = await socket.hear()
        socket.subscribe("2", "{ me { username } }")
        refused = await socket.hear()

        assert first["payload"]["data"]["taskUpdated"]["kind"] == "SNAPSHOT"
        assert (refused["type"], refused["payload"][0]["extensions"]) == ("error", {"code": "FORBIDDEN"})
        assert await socket.hear() == 4403


async def test_socket_is_closed_once_the_giver_is_no_longer_active(giver: User) -> None:
    task = await database.write(stored, giver)
    token = await given_out(giver, task)
    async with connected(Viewers(seconds=0), token=token, beat_seconds=0.05) as socket:
        socket.subscribe("1", FOLLOW, id=str(task.pk))
        assert (await socket.hear())["payload"]["data"]["taskUpdated"]["kind"] == "SNAPSHOT"

        await database.write(User.objects.filter(pk=giver.pk).update, is_active=False)

        assert await socket.hear() == 4403


async def test_bad_token_is_closed_4403() -> None:
    with pytest.raises(AssertionError, match="4403"):
        async with connected(Viewers(), token="watch.nonsense.x"):
            pass


# --- what is shared ---------------------------------------------------------------------------------------------------


def test_executions_are_shared_between_watchers_of_one_task_alone(task: Task, giver: User) -> None:
    other = marked_task(giver, idempotency_key=None)
    rights = [rights_of(viewer) for viewer in (watcher_of(task), watcher_of(other), viewer_of(giver), ANONYMOUS)]

    assert len(set(rights)) == 4
    assert rights_of(watcher_of(task)) == rights[0]
    assert rights_of(Viewer(task.pk, is_staff=False, token_id=None, expires_at=None)) not in rights
