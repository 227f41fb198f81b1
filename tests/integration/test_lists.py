"""Lists through the schema: pages, orders, refusals, and what they cost, on the real store."""

from typing import Any
from uuid import UUID

import pytest
from django.db.backends.utils import CursorWrapper

from tasks import lifecycle
from tasks.hub import current_hub
from tasks.models import User
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
    later = "query ($id: ID!, $after: EventCursor) { task(id: $id) { events(after: $after) { nodes { version } } } }"
    since = (await data(later, anna, id=str(task.id), after=mark))["task"]["events"]["nodes"]

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
