"""Feeds that join and pause while events wait for their turn at the hub."""

import pytest

from tasks.hub import Hub, reading
from tasks.hub.intake import Intake
from tasks.models import Task, User
from tests.integration import hub_tools as tools
from tests.integration.hub_tools import ListSink, do
from tests.integration.rows import claimed
from tests.integration.sources import feed_of, ids_of
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


class Waiting:
    """A hub at which all events of a task but the first wait, and a feed that is to be told of them."""

    def __init__(self, live: ListSink, last_id: int) -> None:
        self.live = live
        self.last_id = last_id
        self.allowed = 0
        """How many turns may still be taken."""


@pytest.fixture
async def waiting(
    hub: Hub,
    owner: User,
    task: Task,
    other_task: Task,  # noqa: ARG001 - it comes first
    monkeypatch: pytest.MonkeyPatch,
) -> Waiting:
    await hub.ready()
    live = ListSink()
    feed_of(hub, owner).listen(live)
    await live.until(lambda: live.frames)
    made, take = Waiting(live, 0), Intake.take_turns

    def take_if_allowed(intake: Intake, at: float) -> None:
        if made.allowed and intake.waiting:
            made.allowed -= 1
            take(intake, at)

    monkeypatch.setattr(reading, "AT_ONCE_SECONDS", 0.0)
    monkeypatch.setattr(Intake, "take_turns", take_if_allowed)
    await do(tools.finished, task, 20)
    *_, made.last_id = await do(ids_of, task)
    await until(lambda: hub.highest == made.last_id)
    assert hub.mark < hub.settled == made.last_id
    return made


async def test_feed_that_joins_is_told_each_event_once(hub: Hub, owner: User, task: Task, waiting: Waiting):
    joined = ListSink()
    feed_of(hub, owner, after=0).listen(joined)
    await joined.until(lambda: len(joined.versions(task.id)) == 23)
    told_from_the_log = [*joined.frames]

    waiting.allowed = 10**9
    await waiting.live.until(lambda: len(waiting.live.versions()) == 22)
    await until(lambda: hub.mark == waiting.last_id)

    assert told_from_the_log[-1].cursor_id == waiting.last_id
    assert joined.frames == told_from_the_log
    assert waiting.live.versions() == joined.versions(task.id)[1:] == list(range(2, 24))


async def test_feed_that_pauses_is_told_nothing_again(
    hub: Hub, owner: User, task: Task, other_task: Task, waiting: Waiting
):
    slow, source = ListSink(), feed_of(hub, owner, after=0)
    source.listen(slow)
    await slow.until(lambda: len(slow.versions(task.id)) == 23)
    claim = await do(claimed, other_task)
    await until(lambda: hub.waiting == 23)

    waiting.allowed = 2  # one of each task
    await slow.until(lambda: slow.versions(other_task.id) == [1, 2])
    waiting.allowed = 1
    await until(lambda: hub.waiting == 20)
    hub.tell_positions()
    slow.limit = 0
    await do(tools.log_lines, claim, 1)
    await until(lambda: hub.waiting == 21)
    waiting.allowed = 2
    await slow.until(lambda: slow.versions(other_task.id) == [1, 2, 3])
    slow.limit = 10**9
    slow.take_all(source)
    waiting.allowed = 10**9
    await until(lambda: hub.mark == hub.highest)
    await do(tools.log_lines, claim, 1)
    await slow.until(lambda: slow.versions(other_task.id)[-1] == 4)

    assert slow.versions(task.id) == list(range(1, 24))
    assert slow.versions(other_task.id) == [1, 2, 3, 4]
