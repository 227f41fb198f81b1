"""Mutations and subscriptions through the schema, on the real store; their workers are played by the tests."""

from inspect import isawaitable
from typing import Any
from uuid import UUID

import pytest
from graphql import ExecutionResult

from tasks import database, lifecycle
from tasks.api.execution import Context, Prepared, subscribe
from tasks.api.execution.payloads import payload
from tasks.api.viewer import ANONYMOUS
from tasks.models import Task, User
from tests.integration.asking import DOCUMENTS, code, data, sync, viewer_of
from tests.integration.rows import claimed, stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url", "_hub")]

SUBMIT = """
    mutation ($input: SubmitTaskInput!, $wait: Float! = 0) { submitTask(input: $input, waitSeconds: $wait) {
      deduplicated task { id status version cursor tags priority metadata }
      errors { __typename ... on UserError { code message path } ... on IdempotencyConflict { task { id } } }
    } }
"""
WATCH = """
    subscription ($id: ID!, $after: EventCursor, $only: [TaskEventKind!]) {
      taskUpdated(id: $id, after: $after, only: $only) {
        kind cursor gap { reason } task { status version } event { version cursor }
      }
    }
"""
RUN = """
    subscription ($input: RunTaskInput!) { runTask(input: $input) {
      kind task { id status ... on ReverseStringTask { result { text } } } event { version }
    } }
"""
FEED = """
    subscription ($filter: TaskFilter, $after: EventCursor) { tasksUpdated(filter: $filter, after: $after) {
      kind cursor matches task { id status } event { version }
    } }
"""


class Watching:
    """A subscription that a test reads frame by frame."""

    def __init__(self, source: Any, execute: Any) -> None:
        self._source = source
        self._execute = execute

    async def next(self) -> Any:
        """Return the next frame's one field, or its error code, or None at the end."""
        try:
            event = await anext(self._source)
        except StopAsyncIteration:
            return None
        result = self._execute(event)
        found = payload(await result if isawaitable(result) else result)
        assert "errors" not in found, found["errors"]
        [frame] = found["data"].values()
        return frame

    async def close(self) -> None:
        """Leave before the end."""
        await self._source.aclose()


async def watch(query: str, user: User | None, **variables: Any) -> Watching | str:
    """Begin a subscription; the code of its first error where it can't."""
    prepared = DOCUMENTS.prepare(query)
    assert isinstance(prepared, Prepared), prepared
    begun = await subscribe(prepared, None, variables, Context(ANONYMOUS if user is None else viewer_of(user)))
    if isinstance(begun, ExecutionResult):
        return str(payload(begun)["errors"][0]["extensions"]["code"])
    return Watching(begun.source, begun.execute)


async def watching(query: str, user: User, **variables: Any) -> Watching:
    begun = await watch(query, user, **variables)
    assert isinstance(begun, Watching), begun
    return begun


def submission(**options: Any) -> dict[str, Any]:
    return {"task": {"reverseString": {"text": "abc"}}, **options}


# --- mutations --------------------------------------------------------------------------------------------------------


async def test_a_submitted_task_is_stored_as_it_was_asked_for(anna: User) -> None:
    asked = submission(priority="HIGH", tags=["a"], metadata={"k": 1}, idempotencyKey="key", delaySeconds=60)

    answer = (await data(SUBMIT, anna, input=asked))["submitTask"]

    assert answer["errors"] == []
    assert (answer["task"]["status"], answer["task"]["priority"]) == ("SCHEDULED", "HIGH")
    assert (answer["task"]["tags"], answer["task"]["metadata"]) == (["a"], {"k": 1})
    row = await database.read(Task.objects.get, id=answer["task"]["id"])
    assert (row.owner_id, row.arguments, row.idempotency_key) == (anna.pk, {"text": "abc"}, "key")


async def test_a_key_that_is_taken_answers_with_the_task_that_has_it(anna: User) -> None:
    first = (await data(SUBMIT, anna, input=submission(idempotencyKey="key")))["submitTask"]

    again = (await data(SUBMIT, anna, input=submission(idempotencyKey="key")))["submitTask"]
    other = {"task": {"reverseString": {"text": "other"}}, "idempotencyKey": "key"}
    conflict = (await data(SUBMIT, anna, input=other))["submitTask"]

    assert (again["task"]["id"], again["deduplicated"]) == (first["task"]["id"], True)
    assert conflict["task"] is None
    [error] = conflict["errors"]
    assert (error["__typename"], error["code"]) == ("IdempotencyConflict", "IDEMPOTENCY_CONFLICT")
    assert error["path"] == ["input", "idempotencyKey"]
    assert error["task"]["id"] == first["task"]["id"]


async def test_mistakes_in_the_input_are_data_and_all_told_at_once(anna: User) -> None:
    asked = {"task": {"generateRandomNumber": {"minimum": 1}}, "delaySeconds": -1, "maxAttempts": 0, "queue": "none"}

    answer = (await data(SUBMIT, anna, input=asked, wait=1e9))["submitTask"]

    assert {tuple(error["path"]) for error in answer["errors"]} == {
        ("input", "delaySeconds"),
        ("input", "maxAttempts"),
        ("input", "queue"),
        ("waitSeconds",),
    }
    assert {error["__typename"] for error in answer["errors"]} == {"InvalidArguments"}


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"task": {}}, id="no task type"),
        pytest.param({"task": {"reverseString": {"text": "a"}, "wait": {"seconds": 1}}}, id="two task types"),
        pytest.param({"task": {"reverseString": None}}, id="a null task type"),
        pytest.param({"task": {"unheardOf": {}}}, id="an unknown task type"),
        pytest.param({"task": {"reverseString": {"text": 7}}}, id="a number for a string"),
        pytest.param({"task": {"reverseString": {}}}, id="a missing argument"),
        pytest.param(submission(priority="URGENT"), id="an unknown priority"),
        pytest.param(submission(scheduledFor="2030-01-01T00:00:00"), id="a time without an offset"),
    ],
)
async def test_what_the_schema_refuses_is_bad_user_input(anna: User, asked: dict[str, Any]) -> None:
    assert await code(SUBMIT, anna, input=asked) == "BAD_USER_INPUT"


async def test_cancel_and_retry_say_why_they_refuse(anna: User, ben: User) -> None:
    task = await sync(stored, anna)
    change = """
        mutation ($input: {0}TaskInput!) {{ {1}Task(input: $input) {{
          task {{ status }} errors {{ __typename ... on UserError {{ code path }} ... on Not{2}able {{ status }} }}
        }} }}
    """
    cancel, retry = change.format("Cancel", "cancel", "Cancell"), change.format("Retry", "retry", "Retry")

    async def ask(query: str, user: User, task_id: object) -> Any:
        [found] = (await data(query, user, input={"id": str(task_id)})).values()
        return found

    unknown = {"task": None, "errors": [{"__typename": "NotFound", "code": "NOT_FOUND", "path": ["input", "id"]}]}
    assert await ask(cancel, ben, task.id) == unknown
    assert await ask(retry, anna, "7") == unknown
    assert (await ask(retry, anna, task.id))["errors"][0] == {
        "__typename": "NotRetryable",
        "code": "NOT_RETRYABLE",
        "path": ["input", "id"],
        "status": "QUEUED",
    }
    assert await ask(cancel, anna, task.id) == {"task": {"status": "CANCELLED"}, "errors": []}
    assert (await ask(cancel, anna, task.id))["errors"][0]["status"] == "CANCELLED"
    assert await ask(retry, anna, task.id) == {"task": {"status": "QUEUED"}, "errors": []}


# --- subscriptions ----------------------------------------------------------------------------------------------------


async def test_a_task_is_followed_from_its_snapshot_to_its_end(anna: User) -> None:
    task = await sync(stored, anna)
    followed = await watching(WATCH, anna, id=str(task.id))

    snapshot = await followed.next()
    await sync(lambda: lifecycle.succeed(claimed(task), {"text": "cba"}))
    running, succeeded, end = [await followed.next() for _ in range(3)]

    assert (snapshot["kind"], snapshot["task"], snapshot["event"]) == (
        "SNAPSHOT",
        {"status": "QUEUED", "version": 1},
        None,
    )
    assert (running["kind"], running["task"]["status"], running["event"]["version"]) == ("EVENT", "RUNNING", 2)
    assert (succeeded["task"], succeeded["cursor"]) == (
        {"status": "SUCCEEDED", "version": 3},
        succeeded["event"]["cursor"],
    )
    assert end is None


async def test_a_cursor_goes_on_where_it_was(anna: User) -> None:
    task = await sync(stored, anna)
    cursor = (await data("query ($id: ID!) { task(id: $id) { cursor } }", anna, id=str(task.id)))["task"]["cursor"]
    await sync(lambda: lifecycle.succeed(claimed(task), {"text": "cba"}))

    followed = await watching(WATCH, anna, id=str(task.id), after=cursor)
    versions = [(await followed.next())["event"]["version"] for _ in range(2)]

    assert versions == [2, 3]
    assert await followed.next() is None


async def test_a_cursor_of_another_database_is_told_as_a_gap(anna: User) -> None:
    task = await sync(stored, anna)
    followed = await watching(WATCH, anna, id=str(task.id), after="AAAAAAAAAAAAAAAAAAAABw.1")

    gap, snapshot = await followed.next(), await followed.next()

    assert (gap["kind"], gap["gap"]) == ("GAP", {"reason": "EPOCH_CHANGED"})
    assert snapshot["kind"] == "SNAPSHOT"
    await followed.close()


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        pytest.param(WATCH, {"id": "7"}, "NOT_FOUND", id="an id that is no UUID"),
        pytest.param(WATCH, {"id": str(UUID(int=7)), "after": "nonsense"}, "INVALID_CURSOR", id="no cursor"),
        pytest.param(FEED, {"after": "nonsense"}, "INVALID_CURSOR", id="no cursor of a feed"),
        pytest.param(FEED, {"filter": {"allOwners": True}}, "FORBIDDEN", id="everybody's tasks"),
        pytest.param(RUN, {"input": submission()}, "BAD_USER_INPUT", id="no idempotency key"),
        pytest.param(
            RUN, {"input": submission(idempotencyKey="k", delaySeconds=-1)}, "BAD_USER_INPUT", id="a negative delay"
        ),
    ],
)
async def test_a_subscription_that_can_not_begin_says_why(
    anna: User, query: str, variables: dict[str, Any], expected: str
) -> None:
    assert await watch(query, anna, **variables) == expected
    assert await watch(query, None, **variables) in {"UNAUTHENTICATED", "BAD_USER_INPUT"}


async def test_somebody_elses_task_is_not_found(anna: User, ben: User) -> None:
    task = await sync(stored, anna)
    followed = await watching(WATCH, ben, id=str(task.id))

    with pytest.raises(Exception, match="no task") as refused:
        await followed.next()

    assert getattr(refused.value, "code", None) == "NOT_FOUND"


async def test_run_task_tells_mistakes_as_submit_task_would(anna: User) -> None:
    prepared = DOCUMENTS.prepare(RUN)
    assert isinstance(prepared, Prepared)

    begun = await subscribe(
        prepared, None, {"input": submission(idempotencyKey="k", delaySeconds=-1)}, Context(viewer_of(anna))
    )

    assert isinstance(begun, ExecutionResult)
    [error] = payload(begun)["errors"]
    [mistake] = error["extensions"]["errors"]
    assert (mistake["code"], mistake["path"]) == ("INVALID_ARGUMENTS", ["input", "delaySeconds"])


async def test_run_task_follows_its_task_from_the_first_event_to_its_result(anna: User) -> None:
    followed = await watching(RUN, anna, input=submission(idempotencyKey="key"))
    first = await followed.next()
    task = await database.read(Task.objects.get, id=first["task"]["id"])
    await sync(lambda: lifecycle.succeed(claimed(task), {"text": "cba"}))

    versions = [first["event"]["version"]]
    while (frame := await followed.next()) is not None:
        versions.append(frame["event"]["version"])
        last = frame
    again = await watching(RUN, anna, input=submission(idempotencyKey="key"))

    assert versions == [1, 2, 3]
    assert last["task"]["result"] == {"text": "cba"}
    assert [(await again.next())["event"]["version"] for _ in range(3)] == versions
    assert await again.next() is None


async def test_a_feed_tells_of_ones_own_tasks_as_they_enter_and_leave_the_filter(anna: User, ben: User) -> None:
    followed = await watching(FEED, anna, filter={"statuses": ["QUEUED"]})
    position = await followed.next()

    def work() -> Task:
        stored(ben)
        task = stored(anna)
        claimed(task)
        return task

    task = await sync(work)
    entered, left = await followed.next(), await followed.next()

    assert (position["kind"], position["task"], position["matches"]) == ("POSITION", None, None)
    assert (entered["task"], entered["matches"]) == ({"id": str(task.id), "status": "QUEUED"}, True)
    assert (left["task"], left["matches"]) == ({"id": str(task.id), "status": "RUNNING"}, False)
    await followed.close()


async def test_a_list_goes_on_live_without_a_hole(anna: User) -> None:
    await sync(stored, anna)
    mark = (await data("{ tasks { eventCursor nodes { id } } }", anna))["tasks"]["eventCursor"]
    second = await sync(stored, anna)

    followed = await watching(FEED, anna, after=mark)

    assert (await followed.next())["task"]["id"] == str(second.id)
    await followed.close()
