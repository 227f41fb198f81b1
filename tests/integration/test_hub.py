"""The hub between a real channel layer and a real event log."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from channels.layers import channel_layers
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from tasks import channel, database, lifecycle
from tasks.hub import Hub, TaskSource, current_hub, position, reading, tail
from tasks.models import Event, Task, User
from tests.integration import hub_tools as tools
from tests.integration.hub_tools import (
    ListSink,
    do,
    each_until,
    explain,
    feed_of,
    on_postgresql,
    open_transactions,
    planned_anew,
)
from tests.integration.rows import claimed, new_task, stored
from tests.waiting import DEADLINE_SECONDS, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


@pytest.fixture
def use_layer(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Callable[[type], Any]:
    """Have publisher and listener use another channel layer."""

    def use(layer: type) -> Any:
        made = layer(**settings.CHANNEL_LAYERS["default"]["CONFIG"])
        monkeypatch.setitem(channel_layers.backends, "default", made)
        monkeypatch.setattr(channel, "_current", None)
        return made

    return use


# ---- the channel layer ----------------------------------------------------------------------------------------------


async def test_events_are_told_as_they_happen(hub: Hub, owner: User, task: Task):
    feed = await feed_of(hub, owner)

    await do(tools.finished, task)
    await feed.until(lambda: len(feed.events) == 2)

    assert feed.versions() == [2, 3]
    assert [frame.task.status for frame in feed.events if frame.task] == ["RUNNING", "SUCCEEDED"]
    assert feed.events[-1].cursor_id == feed.ids()[-1]


async def test_event_too_big_for_the_layer_is_read_from_the_log(hub: Hub, owner: User, task: Task):
    feed = await feed_of(hub, owner)
    claim = await do(claimed, task)

    await do(lifecycle.succeed, claim, {"text": "x" * 50_000})
    await feed.until(lambda: len(feed.events) == 2)

    assert feed.frames[-1].task is not None
    assert len(feed.frames[-1].task.result["text"]) == 50_000


@pytest.mark.parametrize("layer", [tools.LossyLayer, tools.SwappingLayer], ids=["lossy", "swapping"])
async def test_everything_is_told_once_and_in_order_over_a_bad_layer(
    hub: Hub, owner: User, task: Task, use_layer: Callable[[type], Any], layer: type
):
    use_layer(layer)
    feed, watcher = await feed_of(hub, owner), ListSink()
    TaskSource(hub, task.id, lambda _: True).listen(watcher)
    await watcher.until(lambda: watcher.frames)

    claim = await do(claimed, task)
    await do(tools.log_lines, claim, 60)
    await do(tools.log_lines_at_once, claim, 60)
    await do(lifecycle.succeed, claim, {"text": "cba"})
    await watcher.until(lambda: watcher.has_ended)
    await feed.until(lambda: len(feed.events) >= 122)

    assert watcher.versions() == list(range(2, 124))
    assert feed.versions(task.id) == list(range(2, 124))


async def test_what_comes_faster_than_it_can_be_told_is_told_later_each_task_in_order(
    hub: Hub, owner: User, task: Task, other_task: Task, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reading, "AT_ONCE_SECONDS", 0.0)
    feed, watcher = await feed_of(hub, owner), ListSink()
    TaskSource(hub, task.id, lambda _: True).listen(watcher)
    await watcher.until(lambda: watcher.frames)

    await do(tools.finished, task, 150)
    await do(tools.finished, other_task, 150)
    await watcher.until(lambda: watcher.has_ended)
    await feed.until(lambda: len(feed.events) >= 304)

    assert watcher.versions() == list(range(2, 154))
    assert feed.versions(task.id) == feed.versions(other_task.id) == list(range(2, 154))
    assert feed.frames[-1].cursor_id == hub.highest


async def test_events_come_from_the_log_while_the_layer_is_away(
    hub: Hub, owner: User, task: Task, use_layer: Callable[[type], Any]
):
    use_layer(tools.AwayLayer)
    feed = await feed_of(hub, owner)

    await do(tools.finished, task, 700)
    await feed.until(lambda: len(feed.events) == 702)

    assert not hub.is_listening
    assert feed.versions() == list(range(2, 704))


async def test_hub_joins_the_layer_again(hub: Hub, owner: User, task: Task, use_layer: Callable[[type], Any]):
    use_layer(tools.AwayLayer)
    feed = await feed_of(hub, owner)

    use_layer(tools.GoodLayer)
    await until(lambda: hub.is_listening)
    await do(tools.finished, task)
    await feed.until(lambda: len(feed.events) == 2)


# ---- commit order against id order ----------------------------------------------------------------------------------


@on_postgresql
async def test_event_that_commits_after_one_with_a_higher_id_is_not_missed(
    hub: Hub, owner: User, task: Task, other_task: Task
):
    feed = await feed_of(hub, owner)
    with open_transactions(2) as (first, second):
        low = first.append(task)
        high = second.append(other_task)
        second.commit()
        await feed.until(lambda: high in feed.ids())
        await rounds(hub, 5)

        assert hub.mark < low
        assert feed.events[-1].cursor_id < low
        first.commit()
        await feed.until(lambda: low in feed.ids())

    await until(lambda: hub.mark >= high)
    assert feed.ids() == [high, low]


@on_postgresql
async def test_event_of_a_transaction_numbered_above_all_completed_ones_is_not_missed(
    hub: Hub, owner: User, task: Task, other_task: Task
):
    """A snapshot's xmax is the last number completed plus one, so the missing event's transaction may be above it."""
    feed = await feed_of(hub, owner)
    with open_transactions(2) as (late, early):
        assert early.number() < late.number()
        low = late.append(task)
        high = early.append(other_task)
        early.commit()
        await feed.until(lambda: high in feed.ids())
        await rounds(hub, 10)

        assert hub.mark < low
        late.commit()
        await feed.until(lambda: low in feed.ids())


@on_postgresql
async def test_id_of_a_transaction_that_was_rolled_back_is_given_up(
    hub: Hub, owner: User, task: Task, other_task: Task
):
    feed = await feed_of(hub, owner)
    with open_transactions(2) as (first, second):
        first.append(task)
        high = second.append(other_task)
        second.commit()
        first.roll_back()

    await until(lambda: hub.mark >= high)
    assert feed.ids() == [high]


@on_postgresql
async def test_transaction_that_has_nothing_to_do_with_the_log_holds_nothing_up(
    hub: Hub, owner: User, task: Task, other_task: Task
):
    with open_transactions(3) as (foreign, first, second):
        foreign.number()
        feed = await feed_of(hub, owner)
        first.append(task)
        high = second.append(other_task)
        second.commit()
        first.roll_back()

        await until(lambda: hub.mark >= high)
        assert feed.ids() == [high]


@on_postgresql
async def test_event_uncommitted_when_the_hub_starts_is_not_missed(hub: Hub, owner: User, task: Task, other_task: Task):
    with open_transactions(1) as (first,):
        low = first.append(task)
        await do(tools.finished, other_task)

        feed = await feed_of(hub, owner)
        assert hub.mark < low
        assert feed.frames[0].cursor_id < low
        first.commit()
        await feed.until(lambda: low in feed.ids())

    await until(lambda: hub.mark >= low + 2)
    assert feed.ids() == [low]


@on_postgresql
async def test_start_beside_a_stuck_writer_reads_no_more_than_the_connections_there_can_be(
    hub: Hub, task: Task, other_task: Task
):
    connections = int(await do(tools.setting, "max_connections"))
    for _ in range(connections + 50):
        await do(tools.append_alone, other_task)
    last = (await do(Event.objects.latest, "id")).id
    with open_transactions(1) as (stuck,):
        low = stuck.append(task)
        await do(tools.finished, other_task)

        await hub.ready()

        assert last - connections - 10 <= await database.read(tail.settled_floor, last + 10) < low
        assert hub.mark == low - 1


@on_postgresql
async def test_hubs_that_start_under_load_miss_nothing(settings: Settings, owner: User):
    settings.TAIL_SECONDS = 0.2
    tasks = [await do(stored, owner) for _ in range(4)]

    async def work(task: Task) -> None:
        claim = await do(claimed, task)
        await do(tools.log_lines, claim, 150)

    working = [asyncio.create_task(work(task)) for task in tasks]
    hubs = [Hub() for _ in range(5)]
    feeds = [await feed_of(hub, owner) for hub in hubs]
    for each in tasks:
        await do(tools.append_alone, each)
    await asyncio.gather(*working)
    for each in tasks:
        await do(tools.append_alone, each)

    await each_until(feeds, lambda feed: all(154 in feed.versions(each.id) for each in tasks))
    for feed in feeds:
        for each in tasks:
            told = feed.versions(each.id)
            assert told == list(range(told[0], 155))
    for hub in hubs:
        await hub.stop()


# ---- waiting, and cost ----------------------------------------------------------------------------------------------


async def test_waiter_attaches_to_a_task_that_does_not_exist_yet(hub: Hub, owner: User):
    row = new_task(owner)
    async with hub.final_waiter(row.id) as final:
        await do(lifecycle.insert, [row])
        await do(tools.finished, row)

        task = await asyncio.wait_for(final, DEADLINE_SECONDS)

    assert (task.status, task.version, task.result) == ("SUCCEEDED", 3, {"text": "cba"})


async def test_hub_belongs_to_its_loop():
    assert current_hub() is current_hub()


async def test_use_before_the_start_is_refused(hub: Hub):
    with pytest.raises(RuntimeError, match=r"await hub\.ready"):
        _ = hub.epoch


def test_round_at_a_quiet_log_costs_three_small_queries(owner: User):
    stored(owner)
    position.bind_epoch()
    highest = tail.last_visible(0)
    position.head()  # which finds the sequence's name, once in a process

    with CaptureQueriesContext(connection) as queries:
        look = tail.read_round([], highest, None, wants_number=False)

    assert (look.events, look.has_more) == ([], False)
    assert len(queries) <= 3


@on_postgresql
@pytest.mark.parametrize(
    "holes", [[(5, 5)], [(i, i) for i in range(5, 205, 2)], [(5, 10**9)]], ids=["one", "many", "a wide one"]
)
def test_holes_are_read_by_the_primary_key(owner: User, holes: list[tuple[int, int]]):
    with planned_anew("tasks_event"):
        for _ in range(3):
            stored(owner)

        with CaptureQueriesContext(connection) as queries:
            tail.read_round(holes, 10**9, None, wants_number=False)
        read = [query["sql"] for query in queries if 'tasks_event"' in query["sql"] and "BETWEEN" in query["sql"]]
        plans = [explain(sql) for sql in read]

    assert plans
    assert all("tasks_event_pkey" in plan for plan in plans), plans


async def rounds(hub: Hub, count: int) -> None:
    """Wait until the hub has looked at the log's end so often again."""
    seen = 0
    original = hub._log._round  # noqa: SLF001 - nothing announces it

    async def counting() -> bool:
        nonlocal seen
        more = await original()
        seen += 1
        return more

    hub._log._round = counting  # type: ignore[method-assign]  # noqa: SLF001
    await until(lambda: seen >= count)
    hub._log._round = original  # type: ignore[method-assign]  # noqa: SLF001
