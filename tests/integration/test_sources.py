"""The sources of subscriptions: resumed without a hole, honest about gaps, and slow at nobody else's cost."""

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from tasks import database, lifecycle
from tasks.errors import TaskNotFound
from tasks.hub import Frame, Hub, TaskSource, feed_source, lookups, pages, position
from tasks.hub import source as sources
from tasks.lifecycle import Output
from tasks.models import Task, User
from tasks.status import EventKind
from tests.integration import hub_tools as tools
from tests.integration.hub_tools import (
    ListSink,
    do,
    each_until,
    pulled,
    pulled_to_the_end,
)
from tests.integration.rows import claimed
from tests.integration.sources import anybody, delete_versions, feed_of, ids_of, source_of
from tests.waiting import DEADLINE_SECONDS, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


@pytest.fixture
async def hub(hub: Hub, task: Task, other_task: Task) -> Hub:  # noqa: ARG001 - they come first
    await hub.ready()
    return hub


# ---- one task -------------------------------------------------------------------------------------------------------


async def test_task_begins_with_a_snapshot_and_ends_when_it_is_final(hub: Hub, task: Task):
    source = source_of(hub, task)
    [snapshot] = await pulled(source, 1)

    await do(tools.finished, task, 3)
    events = await pulled_to_the_end(source)

    ids = await do(ids_of, task)
    assert (snapshot.kind, snapshot.cursor_id, snapshot.task and snapshot.task.version) == ("SNAPSHOT", ids[0], 1)
    assert [frame.cursor_id for frame in events] == ids[1:]
    assert [frame.task.version for frame in events if frame.task] == [2, 3, 4, 5, 6]
    assert events[-1].task is not None
    assert events[-1].task.result == {"text": "cba"}
    assert events[-1].task.arguments == {"text": "abc"}


async def test_final_task_is_one_snapshot(hub: Hub, task: Task):
    await do(tools.finished, task)

    frames = await pulled_to_the_end(source_of(hub, task))

    assert [(frame.kind, frame.task and frame.task.status) for frame in frames] == [("SNAPSHOT", "SUCCEEDED")]


@pytest.mark.parametrize("seen", range(7), ids=lambda seen: f"{seen} seen")
async def test_resume_gives_each_event_since_the_cursor_once(hub: Hub, task: Task, seen: int):
    await do(tools.finished, task, 3)
    ids = [0, *await do(ids_of, task)]

    frames = await pulled_to_the_end(source_of(hub, task, after=ids[seen]))

    assert [frame.cursor_id for frame in frames] == ids[seen + 1 :]
    assert [frame.task.version for frame in frames if frame.task] == list(range(seen + 1, 7))


async def test_resume_in_the_middle_of_work_goes_over_into_live_without_a_seam(hub: Hub, task: Task):
    claim = await do(claimed, task)
    seen: list[int] = []
    cursor = 0
    work = asyncio.create_task(do(tools.log_lines, claim, 400))

    while len(seen) < 402:
        source = source_of(hub, task, after=cursor)
        for frame in await pulled(source, min(7, 402 - len(seen))):
            assert frame.event is not None
            seen.append(frame.event.version)
            cursor = frame.cursor_id
        await source.aclose()
    await work
    await do(lifecycle.succeed, claim, {"text": "cba"})
    seen += [f.event.version for f in await pulled_to_the_end(source_of(hub, task, after=cursor)) if f.event]

    assert seen == list(range(1, 404))


async def test_many_events_are_replayed_in_pages(hub: Hub, task: Task):
    await do(tools.finished, task, 950)

    frames = await pulled_to_the_end(source_of(hub, task, after=0))

    assert [frame.event.version for frame in frames if frame.event] == list(range(1, 954))


async def test_long_replay_lets_the_loop_do_something_else_in_between(
    hub: Hub, task: Task, monkeypatch: pytest.MonkeyPatch
):
    class Rounds(ListSink):
        """Notes in which round of the loop each frame came."""

        def __init__(self) -> None:
            super().__init__()
            self.now = 0
            self.frames_of: Counter[int] = Counter()

        def put(self, frame: Frame) -> None:
            super().put(frame)
            self.frames_of[self.now] += 1

        async def count(self) -> None:
            while True:
                self.now += 1
                await asyncio.sleep(0)

    monkeypatch.setattr(sources, "REPLAY_SECONDS", 0.0)
    await do(tools.finished, task, 150)
    sink = Rounds()
    counting = asyncio.create_task(sink.count())
    source_of(hub, task, after=0).listen(sink)

    await sink.until(lambda: sink.has_ended)
    counting.cancel()

    assert sink.versions() == list(range(1, 154))
    assert max(sink.frames_of.values()) <= sources.FRAMES_AT_ONCE


async def test_cursor_of_another_task_or_of_a_list_does_as_well(hub: Hub, task: Task, other_task: Task):
    await do(claimed, task)
    cursor = (await do(ids_of, other_task))[0]

    [frame] = await pulled(source_of(hub, task, after=cursor), 1)

    assert frame.event is not None
    assert frame.event.version == 2


async def test_final_event_that_a_retry_has_undone_does_not_end_it(hub: Hub, task: Task):
    await do(lifecycle.request_cancel, task.id)
    await do(lifecycle.retry, task.id)
    source = source_of(hub, task, after=0)

    frames = await pulled(source, 3)
    await do(tools.finished, task)
    frames += await pulled_to_the_end(source)

    statuses = [frame.task.status for frame in frames if frame.task]
    assert statuses == ["QUEUED", "CANCELLED", "QUEUED", "RUNNING", "SUCCEEDED"]


async def test_resume_from_a_final_event_that_a_retry_has_undone_goes_on(hub: Hub, task: Task):
    await do(lifecycle.request_cancel, task.id)
    cursor = (await do(ids_of, task))[-1]
    assert await pulled_to_the_end(source_of(hub, task, after=cursor)) == []

    await do(lifecycle.retry, task.id)
    [frame] = await pulled(source_of(hub, task, after=cursor), 1)

    assert frame.event is not None
    assert frame.event.version == 3


async def test_only_some_kinds_of_event_and_yet_the_end(hub: Hub, task: Task):
    live = source_of(hub, task, only=frozenset({EventKind.LOG}))
    await pulled(live, 1)
    await do(tools.finished, task, 2)

    frames = await pulled_to_the_end(live)
    replayed = await pulled_to_the_end(source_of(hub, task, after=0, only=frozenset({EventKind.LOG})))

    assert [frame.event.kind for frame in frames if frame.event] == ["LOG", "LOG"]
    assert [frame.cursor_id for frame in replayed] == [frame.cursor_id for frame in frames]


@pytest.mark.parametrize("after", [None, 0], ids=["fresh", "resumed"])
async def test_unknown_and_foreign_tasks_are_not_found_alike(hub: Hub, task: Task, after: int | None):
    unknown = Task(id=uuid4())

    for source in (source_of(hub, unknown, after), source_of(hub, task, after, allowed=lambda _: False)):
        with pytest.raises(TaskNotFound):
            await pulled(source, 1)


async def test_cursor_of_another_epoch_or_beyond_the_log_is_a_gap(hub: Hub, task: Task):
    head = await database.read(position.head)
    strange = TaskSource(hub, task.id, anybody, (uuid4(), 1))
    beyond = source_of(hub, task, after=head + 1)

    for source in (strange, beyond):
        gap, snapshot = await pulled(source, 2)
        assert (gap.kind, gap.gap, snapshot.kind) == ("GAP", "EPOCH_CHANGED", "SNAPSHOT")


@pytest.mark.parametrize(
    ("pruned", "seen", "told"),
    [
        ((1, 2), 4, [5, 6]),
        ((1, 2), 2, None),
        ((1, 2, 3), 3, None),
        ((4,), 2, [3, "RETENTION", 6]),
        ((6,), 4, [5, "RETENTION", 6]),
        ((5, 6), 4, ["RETENTION", 6]),
        ((6,), 6, ["RETENTION", 6]),
        ((1, 2, 3, 4, 5, 6), 3, ["RETENTION", 6]),
    ],
    ids=["before the cursor", "up to the cursor", "cursor's own", "inside", "last", "tail", "seen last", "all"],
)
async def test_pruned_events_after_the_cursor_are_a_gap_and_a_snapshot(
    hub: Hub, task: Task, pruned: tuple[int, ...], seen: int, told: list[Any] | None
):
    await do(tools.finished, task, 3)
    ids = await do(ids_of, task)
    await do(delete_versions, task, *pruned)

    frames = await pulled_to_the_end(source_of(hub, task, after=ids[seen - 1]))

    shown = [
        frame.gap or (frame.event.version if frame.event else frame.task and frame.task.version) for frame in frames
    ]
    # Where the cursor's own event is gone, nothing proves that the next one is its successor.
    assert shown == (["RETENTION", 6] if told is None else told)


async def test_after_a_gap_a_resume_from_it_leads_to_the_present_as_well(hub: Hub, task: Task):
    await do(tools.finished, task, 3)
    [first, *_] = await do(ids_of, task)
    await do(delete_versions, task, 1, 2)
    [gap] = await pulled(source_of(hub, task, after=first), 1)

    frames = await pulled_to_the_end(source_of(hub, task, after=gap.cursor_id))

    assert [frame.kind for frame in frames] == ["GAP", "SNAPSHOT"]


async def test_frames_of_one_event_are_shared_between_those_who_watch_its_task(hub: Hub, task: Task):
    sinks = [ListSink(), ListSink()]
    for sink in sinks:
        source_of(hub, task).listen(sink)
    await each_until(sinks, lambda sink: sink.frames)

    claim = await do(claimed, task)
    await each_until(sinks, lambda sink: sink.events)
    await do(lifecycle.succeed, claim, {"text": "cba"})
    await each_until(sinks, lambda sink: sink.has_ended)

    # The first may still have been read from the log.
    assert all(one is other for one, other in zip(sinks[0].events[1:], sinks[1].events[1:], strict=True))
    replayed = await pulled_to_the_end(source_of(hub, task, after=sinks[0].frames[0].cursor_id))
    assert [frame.key for frame in replayed] == [frame.key for frame in sinks[0].events]


async def test_two_tasks_never_see_each_others_events(hub: Hub, task: Task, other_task: Task):
    mine = source_of(hub, task)
    await pulled(mine, 1)
    await do(claimed, other_task)

    await do(tools.finished, task)

    assert {frame.task.id for frame in await pulled_to_the_end(mine) if frame.task} == {task.id}


async def test_live_subscription_has_no_task_of_its_own(hub: Hub, task: Task, owner: User):
    before = asyncio.all_tasks()
    sources = [*(source_of(hub, task) for _ in range(20)), *(feed_of(hub, owner) for _ in range(20))]
    sinks = [ListSink() for _ in sources]

    for source, sink in zip(sources, sinks, strict=True):
        source.listen(sink)
    await each_until(sinks, lambda sink: sink.frames)
    await until(lambda: asyncio.all_tasks() <= before)

    for source in sources:
        await source.aclose()


# ---- who reads slowly ------------------------------------------------------------------------------------------------


async def test_slow_reader_of_a_task_misses_nothing_and_keeps_little(hub: Hub, task: Task):
    source = source_of(hub, task)
    slow, quick = ListSink(limit=10), ListSink()
    source.listen(slow)
    source_of(hub, task).listen(quick)
    await slow.until(lambda: slow.frames)
    await quick.until(lambda: quick.frames)

    await do(tools.finished, task, 900)
    await quick.until(lambda: quick.has_ended)
    assert len(slow.frames) == 10
    while not slow.has_ended:
        await slow.until(lambda: slow.full or slow.has_ended)
        assert len(slow.frames) - slow.taken <= 10
        slow.take_all(source)

    assert slow.versions() == quick.versions() == list(range(2, 904))


def test_page_of_large_events_ends_before_it_grows_large(task: Task, owner: User):
    claim = claimed(task)
    for _ in range(20):
        lifecycle.record(claim, [Output("x" * 100_000)])

    _, own = lookups.task_page(task.id, 2)
    feed = lookups.feed_page(frozenset({owner.id}), 0, None)

    assert 0 < len(own) <= pages.PAGE_CHARACTERS // 100_000
    assert 0 < len(feed.events) <= pages.PAGE_CHARACTERS // 100_000 + 2
    assert not feed.is_last


async def test_reader_that_pulls_slowly_misses_nothing(hub: Hub, task: Task):
    source = source_of(hub, task)
    await pulled(source, 1)

    await do(tools.finished, task, 900)
    frames = await pulled_to_the_end(source)

    assert [frame.event.version for frame in frames if frame.event] == list(range(2, 904))


async def test_slow_feed_misses_nothing_and_gets_nothing_twice(hub: Hub, owner: User, task: Task, other_task: Task):
    source, slow = feed_of(hub, owner), ListSink(limit=7)
    source.listen(slow)
    await slow.until(lambda: slow.frames)

    work = asyncio.gather(do(tools.finished, task, 450), do(tools.finished, other_task, 450))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(slow.events) < 904:
            await slow.until(lambda: slow.full or len(slow.events) >= 904)
            slow.take_all(source)
    await work

    assert len(set(slow.ids())) == 904
    for each in (task, other_task):
        assert slow.versions(each.id) == list(range(2, 454))


async def test_feed_too_far_behind_gets_a_gap_and_goes_on_live(
    hub: Hub, owner: User, task: Task, other_task: Task, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(feed_source, "MAX_BEHIND", 100)
    source, slow = feed_of(hub, owner), ListSink(limit=5)
    source.listen(slow)
    await slow.until(lambda: slow.frames)

    await do(tools.finished, task, 200)
    last = (await do(ids_of, task))[-1]
    await until(lambda: slow.full and hub.mark >= last)
    slow.take_all(source)
    await slow.until(lambda: "SLOW_SUBSCRIBER" in slow.kinds)
    await do(claimed, other_task)
    await slow.until(lambda: slow.versions(other_task.id))

    assert slow.kinds == ["POSITION", *["EVENT"] * 4, "SLOW_SUBSCRIBER", "EVENT"]
