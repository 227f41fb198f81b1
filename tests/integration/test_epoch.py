"""Which log it is: the epoch stays over restarts, and a log that is another one is noticed."""

import sys

import pytest
from django.db import connection
from pytest_django import Settings

from tasks.errors import StoreUnavailable
from tasks.hub import Hub, TaskSource, position, tail
from tasks.models import Event, EventLog, Task, User
from tests.integration import hub_tools as tools
from tests.integration.hub_tools import ListSink, do, feed_of, on_postgresql
from tests.waiting import DEADLINE_SECONDS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


async def test_epoch_stays_over_restarts(hub: Hub):
    await hub.ready()
    epoch = hub.epoch
    await hub.stop()

    await hub.ready()

    assert hub.epoch == epoch


async def test_hub_that_stops_ends_its_subscriptions_and_starts_again(hub: Hub, owner: User, task: Task):
    feed = await feed_of(hub, owner)

    await hub.stop()
    assert isinstance(feed.error, StoreUnavailable)

    again = await feed_of(hub, owner)
    await do(tools.finished, task)
    await again.until(lambda: len(again.events) == 2)


@pytest.mark.skipif(
    connection.vendor == "sqlite" and sys.platform != "linux", reason="Linux alone tells one boot from another"
)
def test_database_with_another_identity_has_a_new_epoch():
    epoch = position.bind_epoch()
    assert position.bind_epoch() == epoch
    EventLog.objects.update(bound_to="1/1/1")

    renewed = position.bind_epoch()

    assert renewed != epoch
    assert position.bind_epoch() == renewed


@pytest.mark.parametrize(
    ("stored", "ours", "both"),
    [
        ("", "1/2/3", "1/2/3"),
        ("1/2/3", "1/2/3", "1/2/3"),
        ("1/2/3", "?/2/3", "1/2/3"),
        ("?/2/3", "1/2/3", "1/2/3"),
        ("1/2/3", "1/3/3", None),
        ("1/2/3", "?/2/4", None),
    ],
    ids=["first use", "same", "may not read all", "may read more", "other timeline", "other database"],
)
def test_identity_is_compared_as_far_as_it_is_known(stored: str, ours: str, both: str | None):
    assert position.merged(stored, ours) == both


async def test_new_epoch_is_noticed_by_hubs_that_run(hub: Hub, owner: User, task: Task):
    feed, watcher = await feed_of(hub, owner), ListSink()
    TaskSource(hub, task.id, lambda _: True).listen(watcher)
    await watcher.until(lambda: watcher.frames)

    epoch = await do(position.new_epoch)
    await feed.until(lambda: len(feed.frames) == 2)
    await watcher.until(lambda: len(watcher.frames) == 3)
    await do(tools.finished, task)
    await watcher.until(lambda: watcher.has_ended)
    await feed.until(lambda: len(feed.events) == 2)

    assert hub.epoch == epoch
    assert feed.kinds[:2] == ["POSITION", "EPOCH_CHANGED"]
    assert watcher.kinds == ["SNAPSHOT", "EPOCH_CHANGED", "SNAPSHOT", "EVENT", "EVENT"]
    assert {frame.epoch for frame in watcher.frames[1:]} == {epoch}


@on_postgresql
async def test_database_that_turns_out_to_be_another_one_is_noticed_by_hubs_that_run(hub: Hub, owner: User):
    feed = await feed_of(hub, owner)
    await do(lambda: EventLog.objects.update(bound_to="1/1/1"))

    hub._log._server = "as it was before a fail-over"  # noqa: SLF001 - there is one server only
    await feed.until(lambda: len(feed.frames) == 2)

    assert feed.kinds == ["POSITION", "EPOCH_CHANGED"]


@on_postgresql
async def test_nothing_is_told_of_another_database_under_the_old_epoch(hub: Hub, settings: Settings, task: Task):
    settings.TAIL_SECONDS = DEADLINE_SECONDS
    await hub.ready()
    await do(tools.finished, task)
    cursor = (hub.epoch, hub.mark)
    await do(lambda: EventLog.objects.update(bound_to="1/1/1"))
    hub._log._server = "as it was before a fail-over"  # noqa: SLF001 - there is one server only

    with pytest.raises(StoreUnavailable):
        await do(tools.end_session)
    frames = await tools.pulled_to_the_end(TaskSource(hub, task.id, lambda _: True, cursor))

    assert [frame.gap or frame.kind for frame in frames] == ["EPOCH_CHANGED", "SNAPSHOT"]
    assert {frame.epoch for frame in frames} == {hub.epoch}
    assert hub.epoch != cursor[0]


async def test_hub_that_fails_ends_its_subscriptions_and_starts_again(
    hub: Hub, owner: User, task: Task, monkeypatch: pytest.MonkeyPatch
):
    feed = await feed_of(hub, owner)
    with monkeypatch.context() as patched:
        patched.setattr(tail, "read_round", None)
        await feed.until(lambda: feed.error)

    again = await feed_of(hub, owner)
    await do(tools.finished, task)
    await again.until(lambda: len(again.events) == 2)


@on_postgresql
async def test_log_that_went_back_has_a_new_epoch(hub: Hub, owner: User, task: Task):
    await do(tools.finished, task)
    feed = await feed_of(hub, owner)
    epoch = hub.epoch

    def restore() -> None:
        Event.objects.filter(version__gt=1).delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence('tasks_event', 'id'), (SELECT max(id) FROM tasks_event))"
            )

    await do(restore)
    await feed.until(lambda: len(feed.frames) == 2)

    assert feed.kinds == ["POSITION", "EPOCH_CHANGED"]
    assert hub.epoch != epoch
