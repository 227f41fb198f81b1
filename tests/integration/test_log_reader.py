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
from tasks.lifecycle import Claim
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
