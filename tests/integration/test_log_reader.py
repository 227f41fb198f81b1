"""How a hub's reader finds in the log what live delivery has not brought, or not yet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pytest_django import Settings

from tasks import database
from tasks.hub.audience import Audience
from tasks.hub.pace import SOON_SECONDS
from tasks.hub.reading import LogReader
from tasks.models import Event, Task
from tests.integration.hub_tools import do, log_lines
from tests.integration.rows import claimed
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[LogReader]:
    """A reader that looks when it knows that something is missing, and hardly ever else."""
    settings.TAIL_SECONDS = 30
    reader = LogReader(Audience())
    await reader.begin()
    keeping = asyncio.create_task(reader.keep_up())
    try:
        yield reader
    finally:
        keeping.cancel()
        reader.stop(RuntimeError("the test is over"))


async def run(task: Task) -> list[Event]:
    """Have the task tell some events; the last comes first."""
    await do(log_lines, await do(claimed, task), 4)
    return await database.read(lambda: list(Event.objects.filter(version__gt=1).order_by("-id")))


async def test_what_is_missing_is_found_in_the_log_and_late_delivery_teaches_patience(task: Task, settings: Settings):
    async with reading(settings) as reader:
        last, *missing = await run(task)
        assert reader.intake is not None
        ids = reader.intake.ids

        reader.arrive([last])
        assert ids.mark < last.id
        await until(lambda: ids.mark == last.id)
        assert reader.pace.seconds == SOON_SECONDS
        reader.arrive(missing)

        assert reader.pace.seconds == 2 * SOON_SECONDS


async def test_what_comes_within_the_time_is_not_looked_up(task: Task, settings: Settings):
    async with reading(settings) as reader:
        last, *missing = await run(task)

        reader.arrive([last])
        reader.arrive(missing)
        reader.arrive(missing)

        assert reader.intake is not None
        assert reader.intake.ids.mark == last.id
        assert reader.pace.seconds == SOON_SECONDS
