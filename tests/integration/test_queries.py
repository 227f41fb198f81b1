"""Reading through the schema, as HTTP does it, on the real store."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tasks import lifecycle
from tasks.api.cursors import write_event_cursor
from tasks.lifecycle import Logged, Output, Progressed
from tasks.models import Task, User
from tasks.status import LogLevel
from tests.integration.asking import code, data, sync
from tests.integration.rows import BOOM, claimed, stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url", "_hub")]


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
