"""Reading through the schema, as HTTP does it, on the real store."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.backends.utils import CursorWrapper

from tasks import lifecycle
from tasks.api.cursors import write_event_cursor
from tasks.hub import current_hub
from tasks.lifecycle import Logged, Output, Progressed
from tasks.models import Task, User
from tasks.status import LogLevel
from tests.integration.asking import code, data, sync
from tests.integration.rows import BOOM, claimed, stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url", "_hub")]


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that reaches the database from now on, from whatever thread."""
    seen: list[str] = []
    execute_one = CursorWrapper.execute

    def noting(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
        seen.append(str(sql))
        return execute_one(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", noting)
    return seen


# --- who may see what -------------------------------------------------------------------------------------------------


async def test_me_is_the_user_and_null_for_nobody(anna: User) -> None:
    query = "{ me { id username isStaff } }"

    assert await data(query, anna) == {"me": {"id": str(anna.pk), "username": "anna", "isStaff": False}}
    assert await data(query, None) == {"me": None}


async def test_task_types_are_open_to_nobody() -> None:
    found = await data("{ taskTypes { id name inputField objectType argumentsSchema } }", None)

    reverse = next(one for one in found["taskTypes"] if one["name"] == "reverse_string")
    assert reverse["id"] == "TaskType:reverse_string"
    assert (reverse["inputField"], reverse["objectType"]) == ("reverseString", "ReverseStringTask")
    assert reverse["argumentsSchema"]["properties"]["text"]["type"] == "string"


@pytest.mark.parametrize(
    "query",
    [
        '{ task(id: "7") { id } }',
        '{ node(id: "TaskType:reverse_string") { id } }',
        "{ tasks { nodes { id } } }",
        'mutation { cancelTask(input: {id: "7"}) { task { id } } }',
        'mutation { retryTask(input: {id: "7"}) { task { id } } }',
        'mutation { submitTask(input: {task: {reverseString: {text: "a"}}}) { task { id } } }',
        "mutation { logout { ok } }",
    ],
)
async def test_everything_else_needs_a_user(query: str) -> None:
    assert await code(query, None) == "UNAUTHENTICATED"


async def test_a_task_is_seen_by_its_owner_and_by_staff_alone(anna: User, ben: User, staff: User) -> None:
    task = await sync(stored, anna)
    query = "query ($id: ID!) { task(id: $id) { id owner { username } } node(id: $id) { id __typename } }"
    seen = {
        "task": {"id": str(task.id), "owner": {"username": "anna"}},
        "node": {"id": str(task.id), "__typename": "ReverseStringTask"},
    }

    assert await data(query, anna, id=str(task.id)) == seen
    assert await data(query, staff, id=str(task.id)) == seen
    assert await data(query, ben, id=str(task.id)) == {"task": None, "node": None}


@pytest.mark.parametrize(
    "unknown", ["", "7", "TaskType:nothing", "Queue:default", "\0", str(UUID(int=7)), UUID(int=7).hex]
)
async def test_an_unknown_id_is_null(anna: User, unknown: str) -> None:
    found = await data("query ($id: ID!) { task(id: $id) { id } node(id: $id) { id } }", anna, id=unknown)

    assert found == {"task": None, "node": None}


async def test_node_finds_task_types_and_users(anna: User, ben: User, staff: User) -> None:
    query = "query ($id: ID!) { node(id: $id) { __typename id ... on User { username } ... on TaskType { name } } }"

    async def node(user: User, node_id: object) -> Any:
        return (await data(query, user, id=str(node_id)))["node"]

    assert await node(anna, "TaskType:add_numbers") == {
        "__typename": "TaskType",
        "id": "TaskType:add_numbers",
        "name": "add_numbers",
    }
    assert await node(anna, anna.pk) == {"__typename": "User", "id": str(anna.pk), "username": "anna"}
    assert await node(anna, ben.pk) is None
    assert (await node(staff, ben.pk))["username"] == "ben"


# --- one task ---------------------------------------------------------------------------------------------------------


async def test_a_finished_task_shows_its_arguments_result_and_times(anna: User) -> None:
    task = await sync(stored, anna, tags=["a"], metadata={"k": [1]}, timeout_seconds=2.5, idempotency_key="key")
    await sync(lambda: lifecycle.succeed(claimed(task), {"text": "cba"}))

    found = await data(
        """
        query ($id: ID!) { task(id: $id) {
          type status isFinal version queue priority tags metadata attempt maxAttempts timeoutSeconds idempotencyKey
          createdAt startedAt finishedAt scheduledFor argumentsJson resultJson progress { fraction } failure { code }
          ... on ReverseStringTask { arguments { text } result { text } }
        } }
        """,
        anna,
        id=str(task.id),
    )

    shown = found["task"]
    times = [shown.pop(name) for name in ("createdAt", "startedAt", "finishedAt")]
    assert all(datetime.fromisoformat(time).utcoffset() == timedelta() and time.endswith("Z") for time in times)
    assert shown == {
        "type": "reverse_string",
        "status": "SUCCEEDED",
        "isFinal": True,
        "version": 3,
        "queue": "default",
        "priority": "NORMAL",
        "tags": ["a"],
        "metadata": {"k": [1]},
        "attempt": 1,
        "maxAttempts": 3,
        "timeoutSeconds": 2.5,
        "idempotencyKey": "key",
        "scheduledFor": None,
        "argumentsJson": {"text": "abc"},
        "resultJson": {"text": "cba"},
        "progress": None,
        "failure": None,
        "arguments": {"text": "abc"},
        "result": {"text": "cba"},
    }


async def test_old_rows_never_spoil_a_list(anna: User) -> None:
    gone = await sync(stored, anna, type="gone", arguments={"old_name": 1})
    misfit = await sync(stored, anna, arguments={"number": 1})
    await sync(lambda: lifecycle.succeed(claimed(misfit), ["no", "object"]))

    found = await data(
        """
        { tasks(orderBy: OLDEST_FIRST) { nodes {
          __typename id type argumentsJson resultJson ... on ReverseStringTask { arguments { text } result { text } }
        } } }
        """,
        anna,
    )

    assert found["tasks"]["nodes"] == [
        {
            "__typename": "UnknownTask",
            "id": str(gone.id),
            "type": "gone",
            "argumentsJson": {"old_name": 1},
            "resultJson": None,
        },
        {
            "__typename": "ReverseStringTask",
            "id": str(misfit.id),
            "type": "reverse_string",
            "argumentsJson": {"number": 1},
            "resultJson": ["no", "object"],
            "arguments": None,
            "result": None,
        },
    ]


async def test_attempts_and_failures_are_shown_and_tracebacks_to_staff_alone(anna: User, staff: User) -> None:
    task = await sync(stored, anna)
    await sync(lambda: lifecycle.fail(claimed(task), BOOM, retry_in_seconds=None))
    query = """
        query ($id: ID!) { task(id: $id) {
          failure { code message exception traceback }
          attempts { number status worker startedAt finishedAt failure { code traceback } }
        } }
    """

    by_owner = (await data(query, anna, id=str(task.id)))["task"]
    by_staff = (await data(query, staff, id=str(task.id)))["task"]

    assert by_owner["failure"] == {"code": "EXCEPTION", "message": "boom", "exception": "ValueError", "traceback": None}
    assert by_staff["failure"]["traceback"] == "Traceback: boom"
    [attempt] = by_owner["attempts"]
    assert (attempt["number"], attempt["status"], attempt["worker"]) == (1, "FAILED", "worker@here")
    assert attempt["failure"] == {"code": "EXCEPTION", "traceback": None}
    assert by_staff["attempts"][0]["failure"]["traceback"] == "Traceback: boom"


async def test_a_running_task_shows_the_traceback_of_the_attempt_before(anna: User, staff: User) -> None:
    task = await sync(stored, anna)

    def fail_and_claim_again() -> None:
        lifecycle.fail(claimed(task), BOOM, retry_in_seconds=0)
        lifecycle.promote_due(10)
        claimed(task)

    await sync(fail_and_claim_again)

    found = await data("query ($id: ID!) { task(id: $id) { attempt failure { traceback } } }", staff, id=str(task.id))

    assert found["task"] == {"attempt": 2, "failure": {"traceback": "Traceback: boom"}}


# --- history ----------------------------------------------------------------------------------------------------------

HISTORY = """
    query ($id: ID!, $first: Int, $after: EventCursor) { task(id: $id) { cursor events(first: $first, after: $after) {
      endCursor pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { version cursor } }
      nodes { __typename version attempt taskId
        ... on TaskStatusChanged { from to failure { message } }
        ... on TaskProgressed { progress { fraction message } }
        ... on TaskLogged { level message }
        ... on TaskOutput { chunk }
      }
    } } }
"""


def eventful(owner: User) -> Task:
    task = stored(owner)
    claim = claimed(task)
    lifecycle.record(claim, [Progressed(0.5, "half"), Logged(LogLevel.WARNING, "odd"), Output("one ")])
    lifecycle.request_cancel(task.id)
    lifecycle.fail(claim, BOOM, retry_in_seconds=None)
    return task


async def test_history_shows_every_event_in_its_own_type(anna: User) -> None:
    task = await sync(eventful, anna)

    nodes = (await data(HISTORY, anna, id=str(task.id)))["task"]["events"]["nodes"]

    assert [node["version"] for node in nodes] == list(range(1, 8))
    assert {node["taskId"] for node in nodes} == {str(task.id)}
    own = [{k: v for k, v in node.items() if k not in {"version", "attempt", "taskId"}} for node in nodes]
    assert own == [
        {"__typename": "TaskStatusChanged", "from": None, "to": "QUEUED", "failure": None},
        {"__typename": "TaskStatusChanged", "from": "QUEUED", "to": "RUNNING", "failure": None},
        {"__typename": "TaskProgressed", "progress": {"fraction": 0.5, "message": "half"}},
        {"__typename": "TaskLogged", "level": "WARNING", "message": "odd"},
        {"__typename": "TaskOutput", "chunk": "one "},
        {"__typename": "TaskCancelRequested"},
        {"__typename": "TaskStatusChanged", "from": "RUNNING", "to": "CANCELLED", "failure": {"message": "boom"}},
    ]


async def test_history_is_read_page_by_page_and_ends_where_the_task_stands(anna: User) -> None:
    task = await sync(eventful, anna)
    versions: list[int] = []
    after = None

    while True:
        shown = (await data(HISTORY, anna, id=str(task.id), first=3, after=after))["task"]
        page = shown["events"]
        versions += [edge["node"]["version"] for edge in page["edges"]]
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        assert page["endCursor"] == page["edges"][-1]["cursor"] == page["pageInfo"]["endCursor"]
        after = page["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert versions == list(range(1, 8))
    assert after == shown["cursor"]
    beyond = (await data(HISTORY, anna, id=str(task.id), after=after))["task"]["events"]
    assert (beyond["nodes"], beyond["endCursor"], beyond["pageInfo"]["endCursor"]) == ([], after, None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({"first": -1}, "BAD_USER_INPUT", id="a negative number"),
        pytest.param({"first": 1_001}, "BAD_USER_INPUT", id="too many"),
        pytest.param({"after": "nonsense"}, "INVALID_CURSOR", id="no cursor"),
        pytest.param({"after": write_event_cursor(UUID(int=7), 1)}, "INVALID_CURSOR", id="of another database"),
        pytest.param({"after": 17}, "BAD_USER_INPUT", id="a number"),
    ],
)
async def test_a_wrong_page_of_history_is_refused(anna: User, arguments: dict[str, Any], expected: str) -> None:
    task = await sync(stored, anna)

    assert await code(HISTORY, anna, id=str(task.id), **arguments) == expected


# --- lists ------------------------------------------------------------------------------------------------------------

LIST = """
    query ($order: TaskOrder!, $first: Int, $after: String, $last: Int, $before: String, $filter: TaskFilter) {
      tasks(orderBy: $order, first: $first, after: $after, last: $last, before: $before, filter: $filter) {
        nodes { id } edges { cursor node { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }
"""


def several(owner: User, count: int = 7) -> list[str]:
    """Store tasks, change them in another order, and return their ids in the order of submission."""
    tasks = [stored(owner) for _ in range(count)]
    for task in tasks[::2]:
        lifecycle.request_cancel(task.id)
    return [str(task.id) for task in tasks]


def in_order(ids: list[str], order: str) -> list[str]:
    match order:
        case "OLDEST_FIRST":
            return ids
        case "NEWEST_FIRST":
            return ids[::-1]
        case _:
            return ids[::2][::-1] + ids[1::2][::-1]


@pytest.mark.parametrize("order", ["NEWEST_FIRST", "OLDEST_FIRST", "RECENTLY_UPDATED"])
async def test_pages_forward_cover_the_list_once_and_in_order(anna: User, order: str) -> None:
    ids = await sync(several, anna)
    found: list[str] = []
    after = None
    for page_number in range(4):
        page = (await data(LIST, anna, order=order, first=2, after=after))["tasks"]
        found += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert page["pageInfo"]["hasNextPage"] == (page_number < 3)
        assert page["pageInfo"]["hasPreviousPage"] == (page_number > 0)
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert page["edges"][0]["cursor"] == page["pageInfo"]["startCursor"]

    assert found == in_order(ids, order)


@pytest.mark.parametrize("order", ["NEWEST_FIRST", "OLDEST_FIRST", "RECENTLY_UPDATED"])
async def test_pages_backward_cover_the_list_once_and_in_order(anna: User, order: str) -> None:
    ids = await sync(several, anna)
    found: list[str] = []
    before = None
    for page_number in range(4):
        page = (await data(LIST, anna, order=order, last=2, before=before))["tasks"]
        found = [node["id"] for node in page["nodes"]] + found
        before = page["pageInfo"]["startCursor"]
        assert page["pageInfo"]["hasPreviousPage"] == (page_number < 3)
        assert page["pageInfo"]["hasNextPage"] == (page_number > 0)

    assert found == in_order(ids, order)


async def test_a_page_between_two_cursors(anna: User) -> None:
    ids = await sync(several, anna)
    whole = (await data(LIST, anna, order="OLDEST_FIRST"))["tasks"]["edges"]

    page = await data(LIST, anna, order="OLDEST_FIRST", after=whole[1]["cursor"], before=whole[5]["cursor"], last=2)

    assert [node["id"] for node in page["tasks"]["nodes"]] == ids[3:5]


async def test_an_empty_page(anna: User) -> None:
    page = (await data(LIST, anna, order="NEWEST_FIRST", filter={"ids": []}))["tasks"]

    assert page == {
        "nodes": [],
        "edges": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


async def test_a_page_is_twenty_tasks_unless_told_otherwise(anna: User) -> None:
    await sync(several, anna, 22)

    async def size(**arguments: Any) -> int:
        return len((await data(LIST, anna, order="NEWEST_FIRST", **arguments))["tasks"]["nodes"])

    assert await size() == 20
    assert await size(first=None) == 20
    assert await size(first=0) == 0
    assert await size(first=100) == 22


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({"first": -1}, "BAD_USER_INPUT", id="a negative first"),
        pytest.param({"last": -1}, "BAD_USER_INPUT", id="a negative last"),
        pytest.param({"first": 101}, "BAD_USER_INPUT", id="first over the limit"),
        pytest.param({"last": 101}, "BAD_USER_INPUT", id="last over the limit"),
        pytest.param({"first": 1, "last": 1}, "BAD_USER_INPUT", id="first and last"),
        pytest.param({"first": "1"}, "BAD_USER_INPUT", id="a string for a number"),
        pytest.param({"after": "nonsense"}, "INVALID_CURSOR", id="no cursor"),
        pytest.param({"before": ""}, "INVALID_CURSOR", id="an empty cursor"),
        pytest.param({"filter": {"ids": ["7"]}}, "BAD_USER_INPUT", id="an id that is no UUID"),
        pytest.param(
            {"filter": {"createdAfter": "2030-01-01T00:00:00"}}, "BAD_USER_INPUT", id="a time without an offset"
        ),
        pytest.param({"filter": {"statuses": ["DONE"]}}, "BAD_USER_INPUT", id="an unknown status"),
        pytest.param({"filter": {"allOwners": True}}, "FORBIDDEN", id="everybody's tasks"),
        pytest.param({"filter": {"ownerIds": [str(UUID(int=7))]}}, "FORBIDDEN", id="somebody's tasks"),
    ],
)
async def test_a_wrong_list_is_refused(anna: User, arguments: dict[str, Any], expected: str) -> None:
    assert await code(LIST, anna, order="NEWEST_FIRST", **arguments) == expected


async def test_a_cursor_is_good_for_its_own_order_alone(anna: User) -> None:
    await sync(several, anna)
    cursor = (await data(LIST, anna, order="NEWEST_FIRST", first=1))["tasks"]["pageInfo"]["endCursor"]

    assert await code(LIST, anna, order="OLDEST_FIRST", after=cursor) == "INVALID_CURSOR"


async def test_staff_see_others_where_they_ask_for_them(anna: User, ben: User, staff: User) -> None:
    annas, bens = await sync(stored, anna), await sync(stored, ben)
    nobodys = await sync(stored, None)

    async def seen(user: User, **given: Any) -> list[str]:
        found = await data(LIST, user, order="OLDEST_FIRST", filter=given)
        return [node["id"] for node in found["tasks"]["nodes"]]

    assert await seen(staff) == []
    assert await seen(staff, allOwners=True) == [str(annas.id), str(bens.id), str(nobodys.id)]
    assert await seen(staff, ownerIds=[str(ben.pk)]) == [str(bens.id)]
    assert await seen(anna, ownerIds=[str(anna.pk)]) == [str(annas.id)]


async def test_counting_stops_at_the_limit(anna: User) -> None:
    await sync(several, anna)
    query = (
        "query ($limit: Int!, $filter: TaskFilter) { tasks(first: 1, filter: $filter) { countUpTo(limit: $limit) } }"
    )

    async def count(limit: int, **given: Any) -> Any:
        return (await data(query, anna, limit=limit, filter=given))["tasks"]["countUpTo"]

    assert await count(1_000) == 7
    assert await count(5) == 5
    assert await count(0) == 0
    assert await count(10_000, statuses=["CANCELLED"]) == 4
    assert await code(query, anna, limit=10_001) == "BAD_USER_INPUT"
    assert await code(query, anna, limit=-1) == "BAD_USER_INPUT"


async def test_event_cursor_is_a_position_that_history_understands(anna: User) -> None:
    task = await sync(stored, anna)

    mark = (await data("{ tasks { eventCursor } }", anna))["tasks"]["eventCursor"]
    await sync(claimed, task)
    since = (await data(HISTORY, anna, id=str(task.id), after=mark))["task"]["events"]["nodes"]

    assert [node["version"] for node in since] == [2]


# --- what it costs ----------------------------------------------------------------------------------------------------


async def test_a_page_is_one_query_and_each_edge_one_more_however_many_tasks(
    anna: User, staff: User, queries: list[str]
) -> None:
    def fail_five() -> None:
        for _ in range(5):
            task = stored(anna)
            lifecycle.fail(claimed(task), BOOM, retry_in_seconds=None)

    await sync(fail_five)
    await current_hub().ready()
    everything = """
        { tasks(filter: {allOwners: true}) {
          nodes {
            id owner { username } attempts { number failure { code } } failure { traceback }
            events(first: 2) { nodes { version } } ... on ReverseStringTask { arguments { text } }
          }
          pageInfo { hasNextPage } eventCursor countUpTo
        } }
    """
    before = len(queries)

    found = await data(everything, staff)

    assert [len(node["events"]["nodes"]) for node in found["tasks"]["nodes"]] == [2] * 5
    assert found["tasks"]["nodes"][0]["failure"] == {"traceback": "Traceback: boom"}
    asked = queries[before:]
    # Attempts and tracebacks are two edges. The hub reads events on its own account, but never by a window.
    markers = {"page or count": '"tasks_task"', "user": 'FROM "tasks_user"', "attempt": 'FROM "tasks_attempt"'}
    counts = {name: sum(marker in sql for sql in asked) for name, marker in markers.items()}
    assert counts == {"page or count": 2, "user": 1, "attempt": 2}
    assert sum("ROW_NUMBER" in sql for sql in asked) == 1


async def test_a_selection_that_nothing_can_fulfil_asks_nothing(anna: User, queries: list[str]) -> None:
    queries.clear()

    await data("{ tasks(filter: {types: []}) { nodes { id } countUpTo } }", anna)

    assert queries == []
