"""Subscriptions attached in the very moment when something ends, begins or breaks: each hears all that it is owed.

Hub and sources run in this process, on a real database and a real Valkey.
"""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import pytest
import redis

from tasks import lifecycle
from tasks.hub import FeedSource, Hub, TaskSource
from tasks.lifecycle import Claim
from tasks.models import Task, User
from tests.e2e.faults.scene import Result, rounds
from tests.e2e.faults.watching import holes_in
from tests.integration import hub_tools as tools
from tests.integration import rows
from tests.integration.hub_tools import ListSink, do, each_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]
SOURCES = 6
"""Attached in each round, spread over the moment."""
LINES = 5

Report = Callable[[Result], None]
Moment = Callable[[], Coroutine[Any, Any, None]]


class Race:
    """A task on its way to its end, and those who attach to it meanwhile, each a little later than the one before."""

    def __init__(self, hub: Hub, epoch: UUID, owner: User, task: Task) -> None:
        self._hub = hub
        self._beginning = (epoch, 0)
        self._owner = owner
        self._task = task
        self.watchers = [ListSink() for _ in range(SOURCES)]
        self.resumed = [ListSink() for _ in range(SOURCES)]
        self.feeds = [ListSink() for _ in range(SOURCES)]
        self.last = 0

    async def run(self, claim: Claim, moment: Moment | None = None) -> None:
        """Have the work done while they attach and `moment` comes; return when all have heard of the end."""
        work = asyncio.create_task(do(_finish, claim))
        breaking = asyncio.create_task(moment()) if moment is not None else None
        for number in range(SOURCES):
            self._attach(number)
            await asyncio.sleep(random.random() * 0.004)  # noqa: S311 - the race itself, not a wait
        await work
        if breaking is not None:
            await breaking
        last = self.last = (await do(Task.objects.get, id=self._task.id)).version
        await each_until([*self.watchers, *self.resumed], lambda sink: sink.has_ended or sink.error)
        # Without `after` a feed is owed what came since its POSITION; the last event of all may lie before that.
        await do(tools.append_alone, self._task)
        await each_until(self.feeds, lambda sink: (last + 1) in sink.versions(self._task.id))

    def check(self) -> tuple[int, int]:
        """How many events were missed, and how many came twice."""
        missed = repeated = 0
        for sink, first in [*((s, None) for s in self.watchers), *((s, 1) for s in self.resumed)]:
            assert sink.error is None
            assert sink.has_ended
            told = [frame.task.version for frame in sink.frames if frame.task]
            holes, twice = holes_in(told, first, self.last)
            missed, repeated = missed + holes, repeated + twice
        for sink in self.feeds:
            assert sink.kinds[0] == "POSITION"
            holes, twice = holes_in(sink.versions(self._task.id), None, self.last + 1)
            missed, repeated = missed + holes, repeated + twice
        return missed, repeated

    def _attach(self, number: int) -> None:
        TaskSource(self._hub, self._task.id, lambda _: True).listen(self.watchers[number])
        TaskSource(self._hub, self._task.id, lambda _: True, self._beginning).listen(self.resumed[number])
        FeedSource(self._hub, frozenset({self._owner.id}), lambda _: True).listen(self.feeds[number])


def _finish(claim: Claim) -> None:
    tools.log_lines(claim, LINES)
    assert lifecycle.succeed(claim, {"text": "cba"})


@pytest.mark.parametrize("moment", ["the final event", "the hub's start", "the layer's loss"])
async def test_who_attaches_in_that_moment_hears_everything_once(
    hub: Hub, owner: User, report: Report, redis_url: str, moment: str
):
    played, missed, repeated, recovery = rounds(4, 300), 0, 0, 0.0
    await hub.ready()
    epoch = hub.epoch

    async def cut_off() -> None:
        await asyncio.to_thread(_cut_off_listeners, redis_url)

    for _ in range(played):
        task = await do(rows.stored, owner)
        claim = await do(rows.claimed, task)
        if moment == "the hub's start":
            await hub.stop()
        race = Race(hub, epoch, owner, task)
        begun_at = time.monotonic()
        await race.run(claim, cut_off if moment == "the layer's loss" else None)
        found = race.check()
        missed, repeated = missed + found[0], repeated + found[1]
        recovery = max(recovery, time.monotonic() - begun_at)
    report(Result(f"attached in the moment of {moment}", played, played, 0, missed, repeated, recovery))
    assert (missed, repeated) == (0, 0)


def _cut_off_listeners(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.client_kill_filter(_type="pubsub")
