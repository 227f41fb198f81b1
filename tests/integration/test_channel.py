"""What is published arrives at every listener, whatever the channel layer."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from channels.layers import InMemoryChannelLayer, channel_layers
from pytest_django.fixtures import Settings

from tasks import channel
from tasks.channel import Listener
from tasks.models import Event


def new_event(**changes: Any) -> Event:
    now = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    given: dict[str, Any] = {
        "id": 7, "task_id": uuid4(), "version": 3, "kind": "STATUS", "at": now, "owner_id": uuid4(), "type": "wait",
        "queue": "default", "body": {"from": "QUEUED", "failed": False}, "status": "RUNNING", "attempt": 1,
        "max_attempts": 3, "started_at": now,
    }  # fmt: skip
    return Event(**{**given, **changes})


def values(event: Event) -> dict[str, Any]:
    return {field.attname: getattr(event, field.attname) for field in Event._meta.concrete_fields}  # noqa: SLF001


async def test_an_event_arrives_as_it_was_published():
    event = new_event()

    async with asyncio.timeout(10), Listener() as listener:
        channel.publish([event])
        (arrived,) = await listener.receive()

    assert values(arrived) == values(event)


async def test_a_large_event_is_told_by_its_ids():
    event = new_event(kind="OUTPUT", body={"chunk": "x" * channel.MAX_EVENT_BYTES})

    async with asyncio.timeout(10), Listener() as listener:
        channel.publish([event])
        (arrived,) = await listener.receive()

    assert (arrived.id, arrived.task_id, arrived.version, arrived.kind) == (event.id, event.task_id, event.version, "")


async def test_all_listeners_hear_everything_in_order():
    events = [new_event(id=number, version=number) for number in range(1, 501)]

    async with asyncio.timeout(10), Listener() as one, Listener() as two:
        for start in range(0, 500, 50):
            channel.publish(events[start : start + 50])
        heard = []
        for listener in (one, two):
            ids: list[int] = []
            while len(ids) < len(events):
                ids += [event.id for event in await listener.receive()]
            heard.append(ids)

    assert heard == [list(range(1, 501))] * 2


class Ledger(InMemoryChannelLayer):  # type: ignore[misc]  # Channels is untyped
    """A layer that notes how many messages it was given."""

    given = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Pass it on, and count it."""
        await super().group_send(group, message)
        Ledger.given += 1


def test_what_was_published_before_a_flush_is_sent_when_it_returns(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """Also the news that an attempt has begun, which else waits for what follows."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.Ledger"}}
    monkeypatch.setattr(channel_layers, "backends", {})
    monkeypatch.setattr(channel, "_current", None)
    monkeypatch.setattr(channel, "LINGER_SECONDS", 60.0)
    monkeypatch.setattr(Ledger, "given", 0)

    given = []
    for _ in range(200):
        channel.publish([new_event()])
        channel.flush(10.0)
        given.append(Ledger.given)

    assert given == list(range(1, 201))


async def test_a_listener_says_that_the_layer_is_away(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]},
        }
    }
    monkeypatch.setattr(channel_layers, "backends", {})

    with pytest.raises(channel.ChannelLayerAway):
        async with Listener():
            pytest.fail("expected no entry")
