"""How a hub's reader finds in the log what live delivery has not brought, or not yet."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pytest_django import Settings

from tasks import database
from tasks.hub import tail
from tasks.hub.audience import Audience
from tasks.hub.pace import SOON_SECONDS
from tasks.hub.reading import LogReader
from tasks.lifecycle import Claim
from tasks.models import Event, Task
from tasks.models.snapshots import snapshot
from tests.integration.hub_tools import do, log_lines
from tests.integration.rows import claimed
from tests.unit.hub.intake_scene import Recorder
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@asynccontextmanager
async def reading(settings: Settings, audience: Audience | None = None) -> AsyncIterator[LogReader]:
    """A reader that looks when it knows that something is missing, and hardly ever else."""
    settings.TAIL_SECONDS = 30
    reader = LogReader(audience or Audience())
    await reader.begin()
    keeping = asyncio.create_task(reader.keep_up())
    try:
        yield reader
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        reader.stop(RuntimeError("the test is over"))


async def told(claim: Claim, after: int = 1) -> list[Event]:
    """Have the task tell some more events than version `after`; the last comes first."""
    await do(log_lines, claim, 4)
    later = Event.objects.filter(task_id=claim.task_id, version__gt=after).order_by("-id")
    return await database.read(lambda: list(later))


async def test_the_log_is_asked_for_what_is_missing_and_no_more_where_it_comes_within_the_time(
    task: Task, settings: Settings
):
    async with reading(settings) as reader:
        claim = await do(claimed, task)
        last, *late = await told(claim)
        assert reader.intake is not None
        ids = reader.intake.ids

        reader.arrive([last])
        assert ids.mark < last.id
        await until(lambda: ids.mark == last.id)
        reader.arrive(late)
        assert reader.pace.seconds == 2 * SOON_SECONDS

        last, *in_time = await told(claim, after=last.version)
        reader.arrive([last])
        reader.arrive(in_time)
        # Only a wait that was enough, with no look at its end, is shortened.
        await until(lambda: reader.pace.seconds < 2 * SOON_SECONDS)

    assert ids.mark == last.id


async def test_what_is_forgotten_while_the_log_is_read_is_read_the_next_time(
    task: Task, other_task: Task, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    audience, watcher = Audience(), Recorder()
    audience.watch_task(other_task.id, watcher)
    look_at_log = tail.read_round
    async with reading(settings, audience) as reader:
        assert reader.intake is not None
        intake = reader.intake
        present = await do(snapshot, other_task.id)
        intake.introduce(present, watcher)
        await do(claimed, other_task)
        waits = await do(Event.objects.get, task_id=other_task.id, version=2)
        intake.ids.see(waits.id)
        intake.ids.hold(waits.id)
        reader.arrive(await told(await do(claimed, task)))

        def forget_meanwhile(*asked: Any) -> tail.Round:
            look = look_at_log(*asked)
            monkeypatch.setattr(tail, "read_round", look_at_log)
            intake.ids.forget(waits.id)  # there was no room for it
            return dataclasses.replace(look, horizon=tail.EVER)

        monkeypatch.setattr(tail, "read_round", forget_meanwhile)
        reader.look_soon()
        await until(lambda: tail.read_round is look_at_log)
        reader.look_soon()
        await until(lambda: watcher.versions(other_task.id.int) == [2])
