"""Pruning takes what is old, in short steps, and stands in nobody's way."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from tasks import lifecycle
from tasks.hub import position
from tasks.lifecycle import Logged, rescue
from tasks.models import Event, EventLog, Task, User
from tasks.status import LogLevel
from tasks.upkeep import chores
from tests.integration.rows import claimed, new_task, stored

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> User:
    position.bind_epoch()
    return User.objects.create(username=f"user-{uuid4()}")


@pytest.fixture
def elsewhere() -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Another connection, which gives up waiting for a lock after a second."""
    with ThreadPoolExecutor(1) as thread:

        def impatient(act: Callable[[], Any]) -> Any:
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SET lock_timeout = '1s'")
            return act()

        yield lambda act: thread.submit(impatient, act).result(30)
        thread.submit(lambda: connection.close()).result(10)  # noqa: PLW0108 - of that thread, not of this one


def finished(owner: User, lines: int = 0) -> Task:
    task = stored(owner)
    claim = claimed(task)
    lifecycle.record(claim, [Logged(LogLevel.INFO, "line")] * lines)
    lifecycle.succeed(claim, {})
    return task


def pruned_through() -> int:
    return EventLog.objects.get().pruned_through


@pytest.mark.skipif(os.environ.get("TASKFEED_TEST_STORE") == "sqlite", reason="SQLite has one writer")
@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda ready: lifecycle.insert([new_task(ready["owner"])]), id="submit"),
        pytest.param(lambda ready: claimed(ready["queued"]), id="claim"),
        pytest.param(lambda ready: lifecycle.record(ready["claim"], [Logged(LogLevel.INFO, "x")]), id="record"),
        pytest.param(lambda ready: lifecycle.succeed(ready["claim"], {}), id="finish"),
        pytest.param(lambda ready: lifecycle.request_cancel(ready["queued"].id), id="cancel"),
        pytest.param(lambda ready: lifecycle.retry(ready["ended"].id), id="a retryTask, refused"),
        pytest.param(lambda _: lifecycle.rescue_lost(10, lease_seconds=0), id="rescue"),
        pytest.param(lambda _: (lifecycle.promote_due(10), lifecycle.expire_overdue(10)), id="upkeep"),
        pytest.param(lambda _: lifecycle.prune(0, 10), id="a look for more to prune"),
    ],
)
def test_nothing_waits_for_a_pruning_that_has_not_committed(
    owner: User, elsewhere: Callable[[Callable[[], Any]], Any], act: Callable[[dict[str, Any]], Any]
):
    finished(owner)
    ready = {"owner": owner, "queued": stored(owner), "claim": claimed(stored(owner)), "ended": finished(owner)}

    with transaction.atomic():
        assert lifecycle.prune(0, 1) == 1
        elsewhere(lambda: act(ready))


def test_one_step_prunes_no_more_events_than_a_short_transaction_takes(owner: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rescue, "EVENTS_PRUNED_AT_ONCE", 50)
    long, short, last = finished(owner, lines=100), finished(owner, lines=20), finished(owner, lines=40)

    steps = [[], []]  # type: ignore[var-annotated]
    for left in steps:
        lifecycle.prune(0, 100)
        left.extend(Task.objects.order_by("id").values_list("id", flat=True))

    assert steps == [[short.id, last.id], [last.id]]
    assert long.id not in steps[0]


def test_the_chore_goes_on_until_nothing_old_is_left(owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch):
    settings.RETENTION_SECONDS = 0
    monkeypatch.setattr(rescue, "EVENTS_PRUNED_AT_ONCE", 1)
    for _ in range(3):
        finished(owner)

    assert [chores.prune() for _ in range(4)] == [True, True, True, False]
    assert not Task.objects.exists()


def test_the_mark_rises_to_the_last_event_that_is_gone_and_no_further(owner: User):
    first, between, second, after = (finished(owner), stored(owner), finished(owner), stored(owner))
    gone = Event.objects.filter(task_id__in=[first.id, second.id]).order_by("-id").values_list("id", flat=True)[0]

    lifecycle.prune(0, 10)

    assert pruned_through() == gone
    assert set(Event.objects.values_list("task_id", flat=True)) == {between.id, after.id}


def test_the_mark_never_falls(owner: User):
    old, young = stored(owner), finished(owner)
    lifecycle.prune(0, 10)
    mark = pruned_through()
    claim = claimed(old)
    Event.objects.filter(task_id=old.id, version=2).delete()  # the claim's, above the mark
    lifecycle.succeed(claim, {})
    Event.objects.filter(task_id=old.id, version=3).delete()

    assert lifecycle.prune(0, 10) == 1

    assert pruned_through() == mark
    assert not Task.objects.filter(id__in=[old.id, young.id]).exists()


def test_several_workers_prune_side_by_side(owner: User):
    tasks = [finished(owner) for _ in range(30)]
    last = Event.objects.order_by("-id").values_list("id", flat=True)[0]
    together = threading.Barrier(3)

    def prune() -> int:
        together.wait(20)
        try:
            return sum(iter(lambda: lifecycle.prune(0, 2), 0))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as threads:
        done = [worker.result(60) for worker in [threads.submit(prune) for _ in range(3)]]

    # Who meets another at it leaves it to that one.
    assert sum(done) == len(tasks)
    assert pruned_through() == last
    assert not Event.objects.exists()
