"""Pruning stops nobody who submits, and whoever comes back from before it is told so, and only then.

Lifecycle, hub and sources run in this process, on a real database.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from tasks import lifecycle
from tasks.hub import FeedSource, Hub, TaskSource, position
from tasks.models import Event, Task, User
from tests.e2e.faults.scene import Result, rounds
from tests.integration import hub_tools as tools
from tests.integration import rows
from tests.integration.hub_tools import ListSink, do, pulled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]
OLD_TASKS = rounds(200, 6_000)
EVENTS_EACH = 50
PRUNED_AT_ONCE = 100
NOT_STALLED_SECONDS = 10.0
LONG_AGO = "2020-01-01T00:00:00Z"

Report = Callable[[Result], None]


@pytest.fixture
async def hub(hub: Hub) -> Hub:
    await hub.ready()
    return hub


def old_tasks(owner: User, count: int) -> list[Task]:
    """Store tasks that ended long ago, each with a long log."""
    made = [
        rows.new_task(owner, status="SUCCEEDED", version=EVENTS_EACH, finished_at=LONG_AGO, result={"text": "cba"})
        for _ in range(count)
    ]
    Task.objects.bulk_create(made, batch_size=500)
    numbers = "generate_series(1, %s)"
    if connection.vendor == "sqlite":
        numbers = "(WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < %s) SELECT n FROM n)"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tasks_event (task_id, version, kind, at, owner_id, type, queue, body, status, attempt,"
            " max_attempts) SELECT id, n, 'LOG', created_at, owner_id, type, queue,"
            ' \'{"level": "INFO", "message": "old"}\', status, 1, max_attempts'
            f" FROM tasks_task, {numbers} AS numbers(n) WHERE status = 'SUCCEEDED'",
            [EVENTS_EACH],
        )
    return made


@contextmanager
def pruning() -> Iterator[Callable[[], bool]]:
    """Prune in a thread of its own, batch after batch; what is yielded tells whether it is done."""

    def prune() -> None:
        try:
            while lifecycle.prune(60.0, PRUNED_AT_ONCE):
                pass
        finally:
            connection.close()

    thread = threading.Thread(target=prune)
    thread.start()
    try:
        yield lambda: not thread.is_alive()
    finally:
        thread.join()


def test_pruning_never_blocks_those_who_submit(owner: User, report: Report):
    position.bind_epoch()
    old = old_tasks(owner, OLD_TASKS)
    stored, longest = 0, 0.0

    begun_at = time.monotonic()
    with pruning() as is_done:
        while not is_done():
            at = time.monotonic()
            task = rows.stored(owner)
            tools.finished(task)
            stored, longest = stored + 1, max(longest, time.monotonic() - at)
    seconds = time.monotonic() - begun_at

    left = Task.objects.filter(finished_at=LONG_AGO).count()
    lost = stored - Task.objects.filter(status="SUCCEEDED").count()
    report(
        Result(
            f"pruning of {len(old) * EVENTS_EACH} events under submissions",
            1,
            stored,
            lost,
            3 * stored - Event.objects.count(),
            0,
            None,
            f"{seconds:.1f} s; {stored} tasks stored and ended meanwhile, the slowest in {longest * 1000:.0f} ms",
        )
    )
    assert (left, lost, Event.objects.count()) == (0, 0, 3 * stored)
    assert stored
    assert longest < NOT_STALLED_SECONDS


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_who_submits_does_not_wait_for_a_prune_that_has_not_committed(owner: User):
    position.bind_epoch()
    old_tasks(owner, 20)
    has_pruned, may_commit = threading.Event(), threading.Event()

    def prune() -> None:
        try:
            with transaction.atomic():
                lifecycle.prune(60.0, PRUNED_AT_ONCE)
                has_pruned.set()
                may_commit.wait(NOT_STALLED_SECONDS)
        finally:
            connection.close()

    thread = threading.Thread(target=prune)
    thread.start()
    try:
        assert has_pruned.wait(NOT_STALLED_SECONDS)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '3s'")
        tools.finished(rows.stored(owner), 3)
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
    finally:
        may_commit.set()
        thread.join()


async def test_cursors_from_before_pruning_are_honest(hub: Hub, owner: User, report: Report):
    """Every cursor of two tasks' logs and of the feed, after some other tasks have gone."""
    before = await do(rows.stored, owner)
    gone = await do(old_tasks, owner, 3)
    kept = await do(rows.stored, owner)
    await do(tools.finished, kept, 3)
    await do(tools.finished, before, 3)
    ids = await do(lambda: list(Event.objects.order_by("id").values_list("id", "task_id")))
    assert await do(lifecycle.prune, 60.0, 10) == len(gone)
    gone_ids = {task.id for task in gone}
    pruned = max(event_id for event_id, task_id in ids if task_id in gone_ids)

    wrong: list[Any] = []
    for event_id, _ in ids[:: max(1, len(ids) // 40)]:
        for task in (before, kept):
            # What survives whole is resumed without a gap, however old the cursor, and whosever it was.
            sink = await _to_the_end(hub, task, event_id)
            own = [own_id for own_id, of in ids if of == task.id]
            seen = sum(own_id <= event_id for own_id in own)
            if sink.kinds.count("RETENTION") or sink.versions() != list(range(seen + 1, len(own) + 1)):
                wrong.append((event_id, task.id, sink.kinds))
        [first] = await pulled(FeedSource(hub, frozenset({owner.id}), lambda _: True, (hub.epoch, event_id)), 1)
        if (first.gap == "RETENTION") != (event_id < pruned):
            wrong.append((event_id, "feed", first))
    report(Result("cursors from before pruning", 1, len(gone) + 2, 0, len(wrong), 0))
    assert wrong == []


async def test_hole_in_a_tasks_own_log_is_a_gap_and_nothing_is_passed_over(hub: Hub, owner: User, report: Report):
    task = await do(rows.stored, owner)
    await do(tools.finished, task, 7)
    ids = await do(lambda: list(Event.objects.order_by("version").values_list("id", flat=True)))
    await do(lambda: Event.objects.filter(version__in=(4, 5)).delete())

    silent = 0
    for seen, event_id in enumerate(ids, 1):
        sink = await _to_the_end(hub, task, event_id)
        told = [frame.gap or (frame.event.version if frame.event else "SNAPSHOT") for frame in sink.frames]
        honest = {
            "before": [*range(seen + 1, 4), "RETENTION", "SNAPSHOT"],
            "behind": list(range(seen + 1, 11)),
        }["before" if seen <= 5 else "behind"]
        # The last one before the hole has nothing that proves what follows it.
        silent += told != honest
    report(Result("a hole in one task's log", 1, 1, 0, silent, 0))
    assert silent == 0


async def _to_the_end(hub: Hub, task: Task, after: int) -> ListSink:
    sink = ListSink()
    TaskSource(hub, task.id, lambda _: True, (hub.epoch, after)).listen(sink)
    await sink.until(lambda: sink.has_ended or sink.error)
    assert sink.error is None
    return sink
