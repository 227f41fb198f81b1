"""Transactions that commit in another order than that of their event ids: nobody who watches misses one.

Hub and sources run in this process, on a real PostgreSQL and a real channel layer; other connections hold transactions.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from itertools import pairwise

import pytest
from django.db import connection
from pytest_django import Settings

from tasks.hub import FeedSource, Hub, TaskSource
from tasks.models import Task, User
from tests.e2e.faults.scene import Result, rounds
from tests.integration import hub_tools as tools
from tests.integration import rows
from tests.integration.hub_tools import ListSink, OpenTransaction, do, each_until, open_transactions
from tests.waiting import until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_url"),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer"),
]
HELD = 8
"""Transactions open at once, each with an event of a task of its own."""
ROLLED_BACK = 2

Report = Callable[[Result], None]


@pytest.fixture
async def hub(hub: Hub) -> Hub:
    await hub.ready()
    return hub


class Round:
    """Some transactions with an event each, and those who watch while they are committed backwards."""

    def __init__(self, hub: Hub, owner: User, tasks: list[Task], held: list[OpenTransaction]) -> None:
        self._hub = hub
        self._owner = owner
        self._tasks = tasks
        self._held = held
        self._feeds: list[ListSink] = []
        self._ids: set[int] = set()
        self.watchers: list[ListSink] = []

    async def play(self, hubs: AsyncExitStack) -> None:
        """Attach, commit, attach in between; return when everybody has heard of all that was committed."""
        live = await self._attach(self._hub)
        start = live.frames[0].cursor_id
        for task in self._tasks[:HELD]:
            watcher = ListSink()
            TaskSource(self._hub, task.id, lambda _: True).listen(watcher)
            await each_until([watcher], lambda sink: sink.frames)
            self.watchers.append(watcher)
        ids = [transaction.append(task) for transaction, task in zip(self._held, self._tasks, strict=False)]
        # What is told of live lies above them all.
        await do(tools.finished, self._tasks[-1], 2)
        resumed_at = random.Random(7).sample(range(HELD), 3)  # noqa: S311 - a fixed fate
        for number in reversed(range(HELD)):
            if number < ROLLED_BACK:
                self._held[number].roll_back()
                continue
            self._held[number].commit()
            self._ids.add(ids[number])
            if number in resumed_at:
                await self._attach(self._hub, start)
            if number == HELD // 2:
                late = Hub()
                hubs.push_async_callback(late.stop)
                await self._attach(late, start)
                await self._attach(late, None)
        resumed = [feed for feed in self._feeds if feed.frames[0].kind == "EVENT"]
        await each_until(resumed, lambda feed: self._ids <= set(feed.ids()))
        await live.until(lambda: self._ids <= set(live.ids()))

    @property
    def missed(self) -> int:
        """How many events somebody has not heard of."""
        resumed = [feed for feed in self._feeds if feed.frames[0].kind == "EVENT"]
        behind = sum(len(self._ids - set(feed.ids())) for feed in resumed)
        return behind + sum(_holes(watcher.versions()) for watcher in self.watchers)

    @property
    def repeated(self) -> int:
        """How many events somebody has heard of twice."""
        return sum(len(sink.ids()) - len(set(sink.ids())) for sink in (*self._feeds, *self.watchers))

    async def _attach(self, hub: Hub, after: int | None = None) -> ListSink:
        await hub.ready()
        feed = ListSink()
        cursor = None if after is None else (hub.epoch, after)
        FeedSource(hub, frozenset({self._owner.id}), lambda _: True, cursor).listen(feed)
        await feed.until(lambda: feed.frames)
        self._feeds.append(feed)
        return feed


def _is_through(hub: Hub, event_id: int) -> bool:
    return hub.mark >= event_id


def _has_told(sink: ListSink, ids: set[int]) -> bool:
    return ids <= set(sink.ids())


def _holes(versions: list[int]) -> int:
    return sum(after - before - 1 for before, after in pairwise(versions))


@pytest.mark.parametrize("foreign", [False, True], ids=["alone", "beside a foreign transaction"])
async def test_events_that_commit_backwards_are_heard_by_everybody(
    hub: Hub, owner: User, report: Report, foreign: bool
):
    played, missed, repeated, recovery = rounds(3, 60), 0, 0, 0.0
    for _ in range(played):
        tasks = [await do(rows.stored, owner) for _ in range(HELD + 1)]
        begun_at = time.monotonic()
        with open_transactions(HELD + 1) as [outsider, *held]:
            if foreign:
                outsider.number()  # open, with a number, over all that follows: xmin stays where it is
            async with AsyncExitStack() as hubs:
                # Numbers in another order than the ids, too: the one with the lowest id has the highest number.
                for each in reversed(held):
                    each.number()
                game = Round(hub, owner, tasks, held)
                await game.play(hubs)
                missed, repeated = missed + game.missed, repeated + game.repeated
            highest = hub.highest
            await until(partial(_is_through, hub, highest))
        recovery = max(recovery, time.monotonic() - begun_at)
    beside = ", beside a foreign transaction that holds xmin back" if foreign else ""
    report(
        Result(
            f"commits against the order of ids{beside}",
            played,
            played * (HELD + 1),
            0,
            missed,
            repeated,
            recovery,
            f"{HELD} transactions, {ROLLED_BACK} of them rolled back",
        )
    )
    assert (missed, repeated) == (0, 0)


async def test_event_that_was_open_while_a_hub_started_is_heard_from_a_position_taken_there(
    owner: User, report: Report, settings: Settings
):
    """A hub that starts beside open transactions must not hand out a position above their events."""
    settings.TAIL_SECONDS = 0.2
    played, missed = rounds(4, 80), 0
    for number in range(played):
        tasks = [await do(rows.stored, owner) for _ in range(3)]
        with open_transactions(2) as held:
            low = [transaction.append(task) for transaction, task in zip(held, tasks, strict=False)]
            await do(tools.finished, tasks[-1])
            hub = Hub()
            if number % 2:
                starting = asyncio.create_task(hub.ready())
                await asyncio.sleep(0)  # one step: it has begun
            else:
                starting = None
            held[1].commit()
            if starting is not None:
                await starting
            sink = await _feed(hub, owner)
            position = sink.frames[0].cursor_id
            held[0].commit()
            again = ListSink()
            FeedSource(hub, frozenset({owner.id}), lambda _: True, (hub.epoch, position)).listen(again)
            wanted = {event_id for event_id in low if event_id > position}
            assert low[0] in wanted
            await sink.until(partial(_has_told, sink, {low[0]}))
            await again.until(partial(_has_told, again, wanted))
            missed += len(wanted - set(again.ids()))
            await hub.stop()
    report(Result("commits while a hub starts", played, played * 3, 0, missed, 0))
    assert missed == 0


async def _feed(hub: Hub, owner: User) -> ListSink:
    await hub.ready()
    sink = ListSink()
    FeedSource(hub, frozenset({owner.id}), lambda _: True).listen(sink)
    await sink.until(lambda: sink.frames)
    return sink
