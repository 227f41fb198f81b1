"""Nobody sees or touches what is somebody else's: every root field of the schema, tried as the wrong user.

The tables name the attempts; a test holds them against the schema, so that a root field that is added without a case
fails. What an attempt selects is everything that the schema has at the time.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from string import Template
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLObjectType
from pytest_django.fixtures import Settings

from tasks import database
from tasks.api.cursors import write_event_cursor
from tasks.api.viewer import ANONYMOUS, Viewer
from tasks.errors import TaskfeedError
from tasks.hub import current_hub
from tasks.hub.source import Phase
from tasks.models import AccessToken, Task, User
from tests.integration.marked import (
    FOR_STAFF,
    MARKS,
    SCHEMA,
    Frames,
    ask,
    everything,
    frames,
    last_event_id,
    marked_task,
    marks_in,
    viewer_of,
    watcher_of,
)
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]
# Of each root field the arguments with which to get at the victim's task. $task, $victim, $page (a cursor of the
# victim's list), $event (the cursor of the victim's last event) and $start (of the log) are what has leaked; $own is
# the attacker's own task.
ATTEMPTS: Mapping[str, list[str]] = {
    "Query.me": [""],
    "Query.node": ['(id: "$task")', '(id: "$victim")'],
    "Query.task": ['(id: "$task")', '(id: "$victim")', '(id: "$own")'],
    "Query.tasks": [
        "",
        '(filter: {ids: ["$task"]})',
        '(filter: {ownerIds: ["$victim"]})',
        "(filter: {allOwners: true})",
        '(filter: {allOwners: true, ids: ["$task"]})',
        '(filter: {tagsAny: ["mark-tag"]})',
        '(filter: {tagsAll: ["mark-tag"]})',
        '(filter: {types: ["reverse_string"], statuses: [SUCCEEDED], isFinal: true})',
        '(filter: {createdAfter: "2000-01-01T00:00:00Z", createdBefore: "2999-01-01T00:00:00Z"})',
        '(filter: {queues: ["default"], priorities: [NORMAL]})',
        '(first: 100, after: "$page")',
        '(last: 100, before: "$page")',
    ],
    "Query.taskTypes": [""],
    "Mutation.submitTask": [
        '(input: {task: {reverseString: {text: "mine"}}, idempotencyKey: "mark-key"})',
        '(input: {task: {reverseString: {text: "mark-argument"}}, idempotencyKey: "mark-key"})',
    ],
    "Mutation.cancelTask": ['(input: {id: "$task"})'],
    "Mutation.retryTask": ['(input: {id: "$task"})'],
    "Mutation.register": ['(input: {username: "mark-owner", password: "correct horse battery"})'],
    "Mutation.login": ['(input: {username: "mark-owner", password: "wrong"})'],
    "Mutation.logout": [""],
    "Mutation.createWatchToken": ['(input: {taskId: "$task"})', '(input: {taskId: "$victim"})'],
    "Subscription.taskUpdated": ['(id: "$task")', '(id: "$task", after: "$start")', '(id: "$own", after: "$event")'],
    "Subscription.tasksUpdated": [
        "",
        '(after: "$start")',
        '(after: "$start", filter: {ids: ["$task"]})',
        '(after: "$start", filter: {ownerIds: ["$victim"]})',
        '(after: "$start", filter: {allOwners: true})',
        '(after: "$start", filter: {tagsAny: ["mark-tag"]})',
    ],
    "Subscription.runTask": [
        '(input: {task: {reverseString: {text: "mark-argument"}}, idempotencyKey: "mark-key"})',
        '(input: {task: {reverseString: {text: "mine"}}, idempotencyKey: "mark-key"}, after: "$start")',
    ],
}
ATTACKERS: Mapping[str, Callable[[User, Task], Viewer]] = {
    "another user": lambda mallory, _: viewer_of(mallory),
    "nobody": lambda _, __: ANONYMOUS,
    "a watcher of another task": lambda _, own: watcher_of(own),
}


def root_fields() -> Iterator[tuple[str, GraphQLField]]:
    for root in (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type):
        assert isinstance(root, GraphQLObjectType)
        yield from ((f"{root.name}.{name}", field) for name, field in root.fields.items())


FIELDS = dict(root_fields())


@pytest.fixture(autouse=True)
async def _hub(settings: Settings) -> AsyncIterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.REGISTRATION_OPEN = True
    settings.TAIL_SECONDS = 0.2
    yield
    await current_hub().stop()


@pytest.fixture
def victim() -> User:
    return User.objects.create_user("mark-owner", password="correct horse battery")


@pytest.fixture
def task(victim: User) -> Task:
    return marked_task(victim)


@pytest.fixture
def mallory() -> User:
    return User.objects.create_user("mine-owner")


@pytest.fixture
def own(mallory: User) -> Task:
    return marked_task(mallory, "mine")


@pytest.fixture
async def leaked(victim: User, task: Task, own: Task) -> dict[str, str]:
    """What the attacker has got hold of."""
    page = await ask("{ tasks { edges { cursor } } }", viewer_of(victim))
    hub = current_hub()
    await hub.ready()
    return {
        "task": str(task.pk),
        "victim": str(victim.pk),
        "own": str(own.pk),
        "page": page["data"]["tasks"]["edges"][0]["cursor"],
        "event": write_event_cursor(hub.epoch, await database.read(last_event_id, task)),
        "start": write_event_cursor(hub.epoch, 0),
    }


def document(name: str, arguments: str, leaked: Mapping[str, str]) -> str:
    root, _, field = name.partition(".")
    return f"{root.lower()} {{ {field}{Template(arguments).substitute(leaked)} {everything(FIELDS[name])} }}"


async def overheard(asked: str, viewer: Viewer, happening: Callable[[], Awaitable[int]]) -> list[Any]:
    """Return what a subscription tells, up to the event that `happening` brings about, or why it could not begin."""
    begun = await frames(asked, viewer)
    if not isinstance(begun, Frames):
        return [begun]
    heard: list[Any] = []

    async def listen() -> None:
        try:
            heard.extend([frame async for frame in begun])
        except TaskfeedError as error:
            heard.append({"errors": [error.code, str(error)]})

    listening, source = asyncio.create_task(listen()), begun._subscription.source  # noqa: SLF001
    await until(lambda: listening.done() or source._phase is Phase.LIVE)  # noqa: SLF001 - nothing announces it
    last = await happening()
    await until(lambda: listening.done() or current_hub().mark >= last)
    await begun.close()
    await listening
    return heard


async def tried(name: str, arguments: str, viewer: Viewer, leaked: Mapping[str, str], victim: User) -> Any:
    """Make one attempt; a subscription is open while the victim goes on working."""
    asked = document(name, arguments, leaked)
    if not name.startswith("Subscription."):
        return await ask(asked, viewer)

    def work() -> int:
        return last_event_id(marked_task(victim, idempotency_key=None))

    return await overheard(asked, viewer, lambda: database.write(work))


CASES = [
    pytest.param(name, given, id=f"{name}{given[:60]}") for name, attempts in ATTEMPTS.items() for given in attempts
]


def test_every_root_field_is_tried() -> None:
    assert set(ATTEMPTS) == set(FIELDS), "add attempts on the new root fields to ATTEMPTS"


def test_every_edge_of_a_task_is_tried() -> None:
    """An edge that has a required argument would be left out: it needs a test of its own then."""
    selected = set(re.findall(r"\w+", everything(FIELDS["Query.task"])))

    for task_type in SCHEMA.get_possible_types(SCHEMA.type_map["Task"]):  # type: ignore[arg-type]
        assert set(task_type.fields) <= selected, task_type.name


@pytest.mark.parametrize(("name", "arguments"), CASES)
@pytest.mark.parametrize("attacker", ATTACKERS)
async def test_wrong_user_sees_nothing_and_changes_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    attacker: str, name: str, arguments: str, victim: User, mallory: User, task: Task, own: Task, leaked: dict[str, str]
) -> None:
    def belongings() -> list[Any]:
        ours = [AccessToken.objects.filter(user=victim), User.objects.filter(pk=victim.pk)]
        return [list(rows.values()) for rows in (Task.objects.filter(pk=task.pk), *ours)]

    await database.write(
        AccessToken.objects.create, user=victim, digest=b"digest", expires_at=datetime.now(UTC) + timedelta(days=1)
    )
    before = await database.read(belongings)

    answer = await tried(name, arguments, ATTACKERS[attacker](mallory, own), leaked, victim)

    assert marks_in(answer) <= {mark for mark in MARKS if mark in arguments}
    assert await database.read(belongings) == before


# --- that the attempts would show it, if there were anything to see ---------------------------------------------------


@pytest.mark.parametrize("name", ["Query.task", "Query.node", "Query.tasks"])
async def test_owner_sees_all_of_it_by_the_same_document_and_staff_the_traceback_too(
    name: str, victim: User, leaked: dict[str, str]
) -> None:
    staff = await database.write(User.objects.create_user, "staff", is_staff=True)
    arguments = '(filter: {ownerIds: ["$victim"]})' if name == "Query.tasks" else '(id: "$task")'
    asked = document(name, arguments, leaked)

    assert marks_in(await ask(asked, viewer_of(victim))) == MARKS - FOR_STAFF
    assert marks_in(await ask(asked, viewer_of(staff))) == MARKS


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        pytest.param("Subscription.taskUpdated", '(id: "$task", after: "$start")', id="taskUpdated"),
        pytest.param("Subscription.tasksUpdated", '(after: "$start")', id="tasksUpdated, replayed"),
        pytest.param("Subscription.tasksUpdated", "", id="tasksUpdated, live"),
    ],
)
async def test_owner_is_told_all_of_it_by_the_same_subscription(
    name: str, arguments: str, victim: User, leaked: dict[str, str]
) -> None:
    heard = await tried(name, arguments, viewer_of(victim), leaked, victim)

    unseen = {"mark-key"} if not arguments else set()  # what the victim does meanwhile has none
    assert marks_in(heard) == MARKS - FOR_STAFF - unseen


# --- what a table can't say -------------------------------------------------------------------------------------------


async def test_somebody_else_s_idempotency_key_is_free(mallory: User, leaked: dict[str, str]) -> None:
    asked = """
        mutation { submitTask(input: {task: {reverseString: {text: "mark-argument"}}, idempotencyKey: "mark-key"}) {
          deduplicated task { id owner { username } } errors { __typename }
        } }
    """

    answer = (await ask(asked, viewer_of(mallory)))["data"]["submitTask"]

    assert (answer["deduplicated"], answer["errors"]) == (False, [])
    assert answer["task"]["owner"] == {"username": "mine-owner"}
    assert answer["task"]["id"] != leaked["task"]


async def test_somebody_else_s_cursor_opens_no_history_but_one_s_own(mallory: User, leaked: dict[str, str]) -> None:
    asked = "query ($id: ID!, $after: EventCursor) { task(id: $id) { events(after: $after) { nodes { taskId } } } }"

    for after in (leaked["event"], leaked["start"]):
        answer = await ask(asked, viewer_of(mallory), id=leaked["own"], after=after)
        assert {node["taskId"] for node in answer["data"]["task"]["events"]["nodes"]} <= {leaked["own"]}


async def test_task_without_an_owner_is_nobody_s(victim: User, leaked: dict[str, str]) -> None:
    await database.write(victim.delete)
    asked = document("Query.task", '(id: "$task")', leaked)

    for viewer in (ANONYMOUS, Viewer(None, is_staff=False, token_id=None, expires_at=None)):
        answer = await ask(asked, viewer)
        assert answer["data"] == {"task": None}
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert await database.read(lambda: list(ANONYMOUS.visible_tasks())) == []


async def test_feed_and_list_know_no_owner_but_oneself_unless_for_staff(mallory: User, leaked: dict[str, str]) -> None:
    for given in ("allOwners: true", f'ownerIds: ["{leaked["victim"]}"]'):
        listed = await ask(f"{{ tasks(filter: {{{given}}}) {{ nodes {{ id }} }} }}", viewer_of(mallory))
        fed = await frames(f"subscription {{ tasksUpdated(filter: {{{given}}}) {{ kind }} }}", viewer_of(mallory))

        assert isinstance(fed, dict)
        assert [answer["errors"][0]["extensions"]["code"] for answer in (listed, fed)] == ["FORBIDDEN", "FORBIDDEN"]
