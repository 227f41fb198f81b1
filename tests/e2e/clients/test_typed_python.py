"""client-examples/python/taskfeed_client, as a program would use it, against a real server and worker."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from taskfeed_client import NotFound, OtherTaskType, Refused, Taskfeed, Unauthenticated, Unreachable
from taskfeed_client.generated.task_types import FAIL_SOMETIMES, REVERSE_STRING, TELL_STORY, WAIT
from taskfeed_client.generated.types import (
    ErrorCode,
    FailSometimesInput,
    ReverseStringInput,
    TaskStatus,
    TellStoryInput,
    UpdateKind,
    WaitInput,
)

from tests.e2e.support import Api, Processes

PATIENCE_SECONDS = 30.0
T = TypeVar("T")


@pytest.fixture
async def taskfeed(processes: Processes, api: Api) -> AsyncIterator[Taskfeed]:
    """A client of the user `ada`."""
    async with _client(processes, api) as client:
        yield client


def _client(processes: Processes, api: Api, **more: Any) -> Taskfeed:
    return Taskfeed(f"{processes.base_url}/graphql", str(api.token), **more)


async def _all(updates: AsyncIterator[T]) -> list[T]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [update async for update in updates]


async def test_a_task_is_followed_to_its_typed_result(taskfeed: Taskfeed) -> None:
    updates = await _all(taskfeed.run_task(REVERSE_STRING, ReverseStringInput(text="drawer")))

    assert [update.task.version for update in updates] == [1, 2, 3]
    assert updates[-1].task.status is TaskStatus.SUCCEEDED
    assert updates[-1].task.result is not None
    assert updates[-1].task.result.text == "reward"


async def test_each_event_comes_once_and_in_order_though_the_server_is_killed(
    processes: Processes, taskfeed: Taskfeed
) -> None:
    story = TellStoryInput(topic="a server", sentences=5)
    versions: list[int] = []
    kinds = set()
    chunks = []

    async with asyncio.timeout(PATIENCE_SECONDS):
        async for update in taskfeed.run_task(TELL_STORY, story):
            versions.append(update.task.version)
            kinds.add(update.kind)
            print(f"{update.kind:8} v{update.task.version:<3} {update.task.status}")  # noqa: T201 - the transcript
            if chunk := getattr(update.event, "chunk", None):
                chunks.append(chunk)
            if len(versions) == 10:
                print("-- the server is killed, and started again")  # noqa: T201
                await _restart(processes)

    assert versions == list(range(1, len(versions) + 1))
    assert kinds == {UpdateKind.EVENT}
    assert update.task.result is not None
    assert "".join(chunks).strip() == update.task.result.text


async def test_who_comes_late_sees_the_end_and_can_ask_for_all_that_went_before(taskfeed: Taskfeed) -> None:
    before = await _all(taskfeed.run_task(REVERSE_STRING, ReverseStringInput(text="late")))
    task_id = before[-1].task.id

    late = await _all(taskfeed.watch_task(task_id))
    resumed = await _all(taskfeed.watch_task(task_id, after=before[0].cursor, of=REVERSE_STRING))

    assert [(update.kind, update.task.status) for update in late] == [(UpdateKind.SNAPSHOT, TaskStatus.SUCCEEDED)]
    assert [update.task.version for update in resumed] == [2, 3]


async def test_twenty_five_tasks_share_one_socket(taskfeed: Taskfeed) -> None:
    ended = await asyncio.gather(
        *(_all(taskfeed.run_task(REVERSE_STRING, ReverseStringInput(text=f"{number}-"))) for number in range(25))
    )

    for number, updates in enumerate(ended):
        assert [update.task.version for update in updates] == [1, 2, 3]
        assert updates[-1].task.result is not None
        assert updates[-1].task.result.text == f"{number}-"[::-1]


async def test_a_cancelled_and_a_failed_task_end_as_such(taskfeed: Taskfeed) -> None:
    waiting = await taskfeed.submit(WAIT, WaitInput(seconds=60))
    failing = taskfeed.run_task(FAIL_SOMETIMES, FailSometimesInput(failures=9), max_attempts=1)

    failed = (await _all(failing))[-1].task
    await taskfeed.cancel_task(waiting.id)
    cancelled = (await _all(taskfeed.watch_task(waiting.id)))[-1].task

    assert failed.status is TaskStatus.FAILED
    assert failed.failure is not None
    assert cancelled.status is TaskStatus.CANCELLED


async def test_a_refused_argument_is_typed_data(taskfeed: Taskfeed) -> None:
    with pytest.raises(Refused) as submitted:
        await taskfeed.submit(TELL_STORY, TellStoryInput(topic="", sentences=1))
    with pytest.raises(Refused) as run:
        await _all(taskfeed.run_task(TELL_STORY, TellStoryInput(topic="", sentences=1)))

    for refused in (submitted.value, run.value):
        [mistake] = refused.mistakes
        assert mistake.code is ErrorCode.INVALID_ARGUMENTS
        assert mistake.path == ["input", "task", "tellStory", "topic"]


async def test_the_same_key_is_the_same_task(taskfeed: Taskfeed) -> None:
    first = await taskfeed.submit(REVERSE_STRING, ReverseStringInput(text="once"), idempotency_key="the key")
    again = await _all(taskfeed.run_task(REVERSE_STRING, ReverseStringInput(text="once"), idempotency_key="the key"))

    assert again[-1].task.id == first.id


async def test_what_will_not_pass_ends_it(taskfeed: Taskfeed) -> None:
    task = await taskfeed.submit(REVERSE_STRING, ReverseStringInput(text="not a story"))

    with pytest.raises(NotFound):
        await _all(taskfeed.watch_task("0190a000-0000-7000-8000-000000000000"))
    with pytest.raises(OtherTaskType):
        await _all(taskfeed.watch_task(task.id, of=TELL_STORY))


async def test_a_token_that_expires_ends_it(processes: Processes) -> None:
    reader = processes.api.register("reader")
    soon = datetime.now(UTC) + timedelta(seconds=2)
    processes.database.rows(
        f"UPDATE tasks_accesstoken SET expires_at = '{soon:%Y-%m-%d %H:%M:%S.%f+00}'"
        " WHERE user_id = (SELECT id FROM tasks_user WHERE username = 'reader')"
    )

    seen = []

    async def watched(client: Taskfeed) -> None:
        async for update in client.run_task(WAIT, WaitInput(seconds=600)):
            seen.append(update)  # noqa: PERF401 - what came before it ended counts

    async with _client(processes, reader) as client, asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(Unauthenticated):
            await watched(client)
    assert seen


async def test_a_wrong_token_is_told_at_once(processes: Processes) -> None:
    async with Taskfeed(f"{processes.base_url}/graphql", "guessed") as client:
        with pytest.raises(Unauthenticated):
            await client.submit(WAIT, WaitInput(seconds=0))


async def test_without_a_server_it_stops_trying_in_the_end() -> None:
    async with Taskfeed("http://127.0.0.1:9/graphql", "token", patience_seconds=0.1) as client:
        with pytest.raises(Unreachable):
            await client.submit(WAIT, WaitInput(seconds=0))


async def _restart(processes: Processes) -> None:
    assert processes.server is not None
    processes.kill(processes.server)
    # Started by this thread, which lives on: a child ends with the thread that started it.
    server = processes.spawn_server()
    await asyncio.to_thread(processes.await_server, server)
