"""Subscriptions to many tasks: resumed without a hole, in the order of the log, and of what may be seen alone."""

import asyncio
from uuid import UUID, uuid4

import pytest

from tasks import database, lifecycle
from tasks.hub import FeedSource, Hub, position
from tasks.models import EventLog, Task, User
from tasks.status import EventKind
from tests.integration import hub_tools as tools
from tests.integration.hub_tools import (
    ListSink,
    do,
    on_postgresql,
    open_transactions,
    pulled,
)
from tests.integration.rows import claimed, new_owner, stored
from tests.integration.sources import anybody, feed_of, ids_of, is_running
from tests.waiting import DEADLINE_SECONDS, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


@pytest.fixture
async def hub(hub: Hub, task: Task, other_task: Task) -> Hub:  # noqa: ARG001 - they come first
    await hub.ready()
    return hub


async def test_feed_begins_with_a_position_from_which_nothing_is_missed(hub: Hub, owner: User, task: Task):
    [begun] = await pulled(feed_of(hub, owner), 1)
    await do(tools.finished, task)

    frames = await pulled(feed_of(hub, owner, after=begun.cursor_id), 2)

    assert begun.kind == "POSITION"
    assert [frame.event.version for frame in frames if frame.event] == [2, 3]


async def test_feed_shows_its_owners_tasks_alone(hub: Hub, owner: User, task: Task):
    stranger = await do(new_owner)
    foreign = await do(stored, stranger)
    mine, everybodys, nobodys = ListSink(), ListSink(), ListSink()
    for source, sink in (
        (feed_of(hub, owner, after=0), mine),
        (feed_of(hub, None, after=0), everybodys),
        (FeedSource(hub, frozenset(), anybody), nobodys),
    ):
        source.listen(sink)

    await do(tools.finished, foreign)
    await do(tools.finished, task)
    await everybodys.until(lambda: len(everybodys.events) == 7)
    await mine.until(lambda: len(mine.events) == 4)

    assert {frame.task.owner_id for frame in mine.events if frame.task} == {owner.id}
    assert nobodys.kinds == ["POSITION"]


async def test_feed_of_several_owners_replays_in_the_order_of_the_log(hub: Hub, owner: User):
    owners = [owner, *[await do(new_owner) for _ in range(2)]]
    for each in [*owners, *owners]:
        await do(tools.finished, await do(stored, each))
    source = FeedSource(hub, frozenset(each.id for each in owners), anybody, (hub.epoch, 0))

    frames = await pulled(source, 18)

    ids = [frame.event.id for frame in frames if frame.event]
    assert ids == sorted(ids)


@pytest.mark.parametrize("way", ["live", "replayed", "replayed from the middle"])
async def test_event_that_takes_a_task_out_of_the_filter_is_told(hub: Hub, owner: User, task: Task, way: str):
    sink = ListSink()
    if way == "live":
        feed_of(hub, owner, matches=is_running).listen(sink)
        await sink.until(lambda: sink.frames)
    await do(tools.finished, task, 1)
    if way != "live":
        after = 0 if way == "replayed" else (await do(ids_of, task))[2]
        feed_of(hub, owner, after=after, matches=is_running).listen(sink)

    await sink.until(lambda: sink.events and not sink.events[-1].matches)

    shown = [(frame.task.version, frame.matches) for frame in sink.events if frame.task]
    assert shown == [(2, True), (3, True), (4, False)][2 if way.endswith("middle") else 0 :]


async def test_feed_of_some_kinds_of_event(hub: Hub, owner: User, task: Task):
    await do(tools.finished, task, 2)

    frames = await pulled(feed_of(hub, owner, after=0, only=frozenset({EventKind.LOG})), 2)

    assert [frame.event.kind for frame in frames if frame.event] == ["LOG", "LOG"]


async def test_quiet_feed_is_told_a_new_position_once_there_is_one(hub: Hub, task: Task):
    stranger = await do(new_owner)
    sink = ListSink()
    feed_of(hub, stranger).listen(sink)
    await sink.until(lambda: sink.frames)
    await do(tools.finished, task)
    last = (await do(ids_of, task))[-1]
    await until(lambda: hub.mark >= last)

    hub.tell_positions()
    hub.tell_positions()

    assert sink.kinds == ["POSITION", "POSITION"]
    assert sink.frames[-1].cursor_id == last


async def test_feeds_cursor_below_what_was_pruned_is_a_gap(hub: Hub, owner: User, task: Task, other_task: Task):
    await do(tools.finished, task)
    first, *_, last = await do(ids_of, task)
    await until(lambda: hub.mark >= last)
    await do(lambda: Task.objects.filter(id=task.id).update(finished_at="2020-01-01T00:00:00Z"))
    assert await do(lifecycle.prune, 60.0, 10) == 1
    pruned = (await do(EventLog.objects.get)).pruned_through
    early, sink, late = feed_of(hub, owner, after=first), ListSink(), feed_of(hub, owner, after=pruned)

    early.listen(sink)
    await sink.until(lambda: sink.frames)
    await do(claimed, other_task)
    await sink.until(lambda: sink.events)

    assert sink.kinds == ["RETENTION", "EVENT"]
    assert [frame.kind for frame in await pulled(late, 1)] == ["EVENT"]


async def test_feeds_cursor_of_another_epoch_or_beyond_the_log_is_a_gap(hub: Hub, owner: User):
    head = await database.read(position.head)

    for cursor in ((uuid4(), 1), (hub.epoch, head + 1)):
        [gap] = await pulled(FeedSource(hub, frozenset({owner.id}), anybody, cursor), 1)
        assert (gap.gap, gap.cursor_id) == ("EPOCH_CHANGED", hub.mark)


async def test_what_is_lost_while_a_feed_waits_for_room_is_a_gap(hub: Hub, owner: User, task: Task):
    claim = await do(claimed, task)
    live, slow = ListSink(), ListSink(limit=1)
    feed_of(hub, owner).listen(live)
    resumed = feed_of(hub, owner, after=0)
    resumed.listen(slow)
    await slow.until(lambda: len(slow.frames) == 1)
    await live.until(lambda: live.frames)
    await do(tools.log_lines, claim, 3)
    await live.until(lambda: live.versions()[-1:] == [5])
    while len(slow.frames) < 4:  # three of the log, and the first that came live meanwhile
        slow.take_all(resumed)
        await slow.until(lambda: len(slow.frames) > slow.taken)

    hub.audience.lost(task.id, owner.id)
    slow.limit = 10**9
    slow.take_all(resumed)

    await slow.until(lambda: "GAP" in [frame.kind for frame in slow.frames])
    assert slow.versions(task.id) == [1, 2, 3, 4, 5]


@on_postgresql
async def test_event_that_commits_late_while_a_feed_resumes_is_not_missed(
    hub: Hub, owner: User, task: Task, other_task: Task
):
    start = await database.read(position.head)
    with open_transactions(2) as (first, second):
        low = first.append(task)
        high = second.append(other_task)
        second.commit()
        resumed, slow = ListSink(), ListSink(limit=1)
        feed_of(hub, owner, after=start).listen(resumed)
        source = feed_of(hub, owner, after=start)
        source.listen(slow)
        await resumed.until(lambda: high in resumed.ids())
        await slow.until(lambda: high in slow.ids())

        assert resumed.events[-1].cursor_id < low
        first.commit()
        await resumed.until(lambda: low in resumed.ids())
        slow.take_all(source)
        await slow.until(lambda: low in slow.ids())

    # The cursor that came with the higher id leads back to the lower one.
    again = ListSink()
    feed_of(hub, owner, after=resumed.events[0].cursor_id).listen(again)
    await again.until(lambda: {low, high} <= set(again.ids()))
    assert resumed.ids() == [high, low]


async def test_feed_resumed_again_and_again_under_load_misses_nothing(hub: Hub, owner: User):
    tasks = [await do(stored, owner) for _ in range(4)]
    cursor = (await pulled(feed_of(hub, owner), 1))[0].cursor_id
    seen: dict[UUID, set[int]] = {task.id: set() for task in tasks}

    async def work(task: Task) -> None:
        await do(tools.log_lines, await do(claimed, task), 100)

    working = asyncio.gather(*(work(task) for task in tasks))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not all(set(range(2, 103)) <= versions for versions in seen.values()):
            source = feed_of(hub, owner, after=cursor)
            for frame in await pulled(source, 1):
                assert frame.event is not None
                seen[frame.event.task_id].add(frame.event.version)
                cursor = frame.cursor_id
            async for frame in source:
                if frame.event is None:
                    continue
                seen[frame.event.task_id].add(frame.event.version)
                cursor = frame.cursor_id
                if frame.event.version % 10 == 0 or frame.event.version == 102:
                    break
            await source.aclose()
    await working
