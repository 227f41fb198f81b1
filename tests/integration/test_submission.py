"""Taking work in, on the real store: what is answered is stored, once, and nobody waits for anybody else."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from django.db import connection
from pytest_django.fixtures import Settings

from project.servers import free_port
from tasks import database, lifecycle
from tasks.errors import IdempotencyConflict, RateLimited, StoreUnavailable, Unauthenticated
from tasks.models import Event, Task, User
from tasks.registry import registry
from tasks.status import TaskStatus
from tasks.submission import SubmitAnswer, SubmitRequest, submit
from tests.integration.asking import sync
from tests.integration.rows import claimed
from tests.waiting import DEADLINE_SECONDS, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url", "_hub")]


def request(text: str = "abc", **options: Any) -> SubmitRequest:
    task_type = registry.find("reverse_string")
    assert task_type is not None
    return SubmitRequest(task_type=task_type, values={"text": text}, **options)


async def until_stored(fact: Callable[[], Any]) -> Any:
    """Return the first true value of `fact()`, which reads the store: what others do there wakes nobody here."""
    return await until(lambda: sync(fact))


def run_all() -> int:
    """Play the worker for every task that waits; return how many there were."""
    tasks = list(Task.objects.filter(status=TaskStatus.QUEUED))
    return sum(lifecycle.succeed(claimed(task), {"text": "cba"}) for task in tasks)


def status_of(answer: SubmitAnswer) -> str:
    assert answer.task is not None, answer.errors
    return answer.task.status


@contextlib.contextmanager
def store_away(tmp_path: Path) -> Iterator[None]:
    """While inside, whoever connects to the database anew finds nobody."""
    changed = {"NAME": str(tmp_path / "none" / "none")} if connection.vendor == "sqlite" else {"PORT": free_port()}
    before = {name: connection.settings_dict[name] for name in changed}
    connection.settings_dict.update(changed)
    database.close()
    try:
        yield
    finally:
        connection.settings_dict.update(before)


# --- stored, once -----------------------------------------------------------------------------------------------------


async def test_an_answer_with_a_task_means_that_it_is_stored_and_soon_enqueued(anna: User, redis_url: str):
    answer = await submit(anna.pk, request())

    assert answer.task is not None
    row = await sync(Task.objects.get, id=answer.task.id)
    assert (row.status, row.owner_id, row.arguments) == ("QUEUED", anna.pk, {"text": "abc"})
    assert await sync(Event.objects.filter(task_id=row.id).count) == 1
    await until_stored(lambda: Task.objects.filter(id=row.id, enqueued_at__isnull=False).exists())
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("default\x06\x163") == 1


async def test_one_after_the_other_without_a_pause_are_all_stored(anna: User):
    async with asyncio.timeout(DEADLINE_SECONDS):
        for _ in range(30):
            await asyncio.gather(*(submit(anna.pk, request()) for _ in range(3)))

    assert await sync(Task.objects.count) == 90


async def test_a_time_in_the_past_is_at_once_and_one_to_come_rests(anna: User):
    past, to_come = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (-1, 1))

    answers = [await submit(anna.pk, request(scheduled_for=moment)) for moment in (past, to_come)]

    assert list(map(status_of, answers)) == ["QUEUED", "SCHEDULED"]
    assert [answer.task and answer.task.scheduled_for for answer in answers] == [past, to_come]


async def test_of_fifty_submissions_with_one_key_one_is_stored_and_all_are_answered(anna: User):
    answers = await asyncio.gather(*(submit(anna.pk, request(idempotency_key="key")) for _ in range(50)))

    row = await sync(Task.objects.get)
    assert {answer.task.id for answer in answers if answer.task} == {row.id}
    assert all(answer.task and not answer.errors for answer in answers)
    assert sorted(answer.deduplicated for answer in answers) == [False] + 49 * [True]
    assert await sync(Event.objects.count) == 1


async def test_the_key_with_other_arguments_is_a_conflict_that_names_the_task(anna: User, ben: User):
    first = await submit(anna.pk, request(idempotency_key="key"))
    assert first.task is not None

    other = await submit(anna.pk, request("other", idempotency_key="key"))
    bens = await submit(ben.pk, request("other", idempotency_key="key"))

    [conflict] = other.errors
    assert isinstance(conflict, IdempotencyConflict)
    assert (conflict.task_id, conflict.path) == (first.task.id, ["input", "idempotencyKey"])
    assert other.task is None
    assert status_of(bens) == "QUEUED"


async def test_of_many_different_tasks_with_one_key_one_is_stored_and_the_others_conflict(anna: User):
    texts = [f"text {number % 5}" for number in range(40)]

    answers = await asyncio.gather(*(submit(anna.pk, request(text, idempotency_key="key")) for text in texts))

    row = await sync(Task.objects.get)
    for text, answer in zip(texts, answers, strict=True):
        assert (answer.task is not None) is (text == row.arguments["text"])
        assert [type(error) for error in answer.errors] == ([] if answer.task else [IdempotencyConflict])


async def test_a_faulty_request_with_a_key_leaves_the_key_free(anna: User):
    refused = await submit(anna.pk, request(idempotency_key="key", delay_seconds=-1))

    answer = await submit(anna.pk, request(idempotency_key="key"))

    assert refused.errors
    assert not answer.deduplicated


async def test_an_owner_who_was_deleted_fails_their_own_submission_alone(anna: User):
    owners = [anna.pk, anna.pk, anna.pk, uuid4(), *(anna.pk for _ in range(6)), uuid4(), anna.pk]

    answers = await asyncio.gather(*(submit(owner, request()) for owner in owners), return_exceptions=True)

    for owner, answer in zip(owners, answers, strict=True):
        assert isinstance(answer, SubmitAnswer if owner == anna.pk else Unauthenticated)
    assert await sync(Task.objects.count) == owners.count(anna.pk)


# --- waiting ----------------------------------------------------------------------------------------------------------


async def test_the_answer_waits_until_the_task_is_final(anna: User):
    waiting = asyncio.create_task(submit(anna.pk, request(wait_seconds=DEADLINE_SECONDS)))

    await until_stored(run_all)
    answer = await waiting

    assert status_of(answer) == "SUCCEEDED"
    assert answer.task is not None
    assert answer.task.result == {"text": "cba"}


async def test_who_waits_by_the_same_key_gets_the_same_task_s_end(anna: User):
    await submit(anna.pk, request(idempotency_key="key"))
    waiting = [
        asyncio.create_task(submit(anna.pk, request(idempotency_key="key", wait_seconds=DEADLINE_SECONDS)))
        for _ in range(3)
    ]

    await until_stored(run_all)
    answers = await asyncio.gather(*waiting)
    late = await submit(anna.pk, request(idempotency_key="key", wait_seconds=DEADLINE_SECONDS))

    assert [(status_of(answer), answer.deduplicated) for answer in (*answers, late)] == 4 * [("SUCCEEDED", True)]


async def test_a_wait_that_is_over_answers_with_the_task_as_it_stands(anna: User):
    waiting = asyncio.create_task(submit(anna.pk, request(wait_seconds=3)))

    task = await until_stored(Task.objects.first)
    await sync(claimed, task)
    answer = await waiting

    assert status_of(answer) == "RUNNING"
    assert answer.task is not None
    assert (answer.task.version, answer.errors) == (2, [])


async def test_sixty_who_wait_hold_no_thread(anna: User):
    waiting = [asyncio.create_task(submit(anna.pk, request(wait_seconds=DEADLINE_SECONDS))) for _ in range(60)]
    await until_stored(lambda: Task.objects.count() == 60)

    # Only if every thread of the pool is free do all of them meet here.
    threads = 2 if connection.vendor == "sqlite" else database.READ_THREADS
    together = threading.Barrier(threads)
    await asyncio.gather(*(database.read(together.wait, DEADLINE_SECONDS) for _ in range(threads)))
    ran = await sync(run_all)

    assert ran == 60
    assert {status_of(answer) for answer in await asyncio.gather(*waiting)} == {"SUCCEEDED"}


async def test_those_who_wait_are_limited_per_user_and_in_all(anna: User, ben: User, settings: Settings):
    settings.MAX_WAITERS_PER_USER, settings.MAX_WAITERS = 2, 3

    async def ask(owner_id: UUID) -> SubmitAnswer:
        return await submit(owner_id, request(wait_seconds=DEADLINE_SECONDS))

    waiting = [asyncio.create_task(ask(owner_id)) for owner_id in (anna.pk, anna.pk, anna.pk, ben.pk, ben.pk)]
    await until_stored(lambda: Task.objects.count() == 3)

    refused = await asyncio.gather(waiting[2], waiting[4])
    assert [type(answer.errors[0]) for answer in refused] == [RateLimited, RateLimited]
    assert refused[0].errors[0].path == ["waitSeconds"]
    assert status_of(await submit(anna.pk, request())) == "QUEUED"

    waiting[0].cancel()  # its client has gone
    waiting[3].cancel()
    await asyncio.wait([waiting[0], waiting[3]])
    again = [asyncio.create_task(ask(owner.pk)) for owner in (anna, ben)]
    await until_stored(lambda: Task.objects.count() == 6)
    await sync(run_all)
    assert [status_of(await task) for task in (waiting[1], *again)] == 3 * ["SUCCEEDED"]


# --- the store away ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wait_seconds", [0.0, 5.0])
async def test_with_the_store_away_it_is_said_and_nothing_is_stored(anna: User, tmp_path: Path, wait_seconds: float):
    asked = [request(), request(idempotency_key="key"), request(wait_seconds=wait_seconds)]

    with store_away(tmp_path):
        answers = await asyncio.gather(*(submit(anna.pk, one) for one in asked), return_exceptions=True)

    assert [type(answer) for answer in answers] == 3 * [StoreUnavailable]
    assert await sync(Task.objects.count) == 0
    assert status_of(await submit(anna.pk, request(idempotency_key="key"))) == "QUEUED"


async def test_a_store_that_goes_away_while_somebody_waits_does_not_take_the_task_from_the_answer(
    anna: User, tmp_path: Path
):
    waiting = asyncio.create_task(submit(anna.pk, request(wait_seconds=2)))
    task = await until_stored(Task.objects.first)

    with store_away(tmp_path):
        answer = await waiting

    assert answer.task is not None
    assert answer.task.id == task.id
