"""The way out of a socket, over a server that can be told to take nothing."""

# ruff: noqa: D102 - a test double's methods are named after what they stand for

import asyncio
from typing import Any

import pytest

from tasks.api.transport import outbox as outbox_module
from tasks.api.transport.outbox import Outbox


class Wire:
    """The server's side of `send`: open, blocked, or gone."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.writable = asyncio.Event()
        self.writable.set()
        self.is_gone = False

    async def send(self, message: dict[str, Any]) -> None:
        await self.writable.wait()
        if self.is_gone:
            raise OSError("the peer has left")
        self.sent.append(message.get("text") or message["type"])


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def outbox(wire: Wire) -> Outbox:
    return Outbox(wire.send, max_frames=3, max_characters=100)


async def drained(outbox: Outbox) -> None:
    """Wait until nothing waits."""
    empty = asyncio.Event()
    outbox.when_empty(empty.set)
    await empty.wait()


async def test_a_frame_is_sent_at_once_and_without_a_task(wire: Wire, outbox: Outbox) -> None:
    tasks = asyncio.all_tasks()

    outbox.put("a")
    outbox.put("b")

    assert wire.sent == ["a", "b"]
    assert asyncio.all_tasks() == tasks
    assert outbox.is_idle


async def test_what_a_blocked_peer_can_not_take_waits_in_order(wire: Wire, outbox: Outbox) -> None:
    wire.writable.clear()
    for text in "abc":
        outbox.put(text)
    assert wire.sent == []

    wire.writable.set()
    outbox.put("d")
    await drained(outbox)
    outbox.put("e")

    assert wire.sent == list("abcde")


async def test_it_is_full_at_its_bound_of_frames_until_it_is_empty(wire: Wire, outbox: Outbox) -> None:
    wire.writable.clear()
    for text in "abc":
        outbox.put(text)
    assert not outbox.is_full  # the first one is with the server already
    outbox.put("d")
    assert outbox.is_full

    wire.writable.set()
    await outbox.room()

    assert not outbox.is_full
    assert wire.sent == list("abcd")


async def test_it_is_full_at_its_bound_of_characters(wire: Wire, outbox: Outbox) -> None:
    wire.writable.clear()
    outbox.put("a")

    outbox.put("b" * 100)

    assert outbox.is_full


async def test_who_waits_for_room_is_called_once(wire: Wire, outbox: Outbox) -> None:
    calls: list[str] = []

    def second() -> None:
        calls.append("second")
        outbox.put("b")

    wire.writable.clear()
    outbox.put("a")
    outbox.when_empty(lambda: calls.append("first"))
    outbox.when_empty(second)

    wire.writable.set()
    await drained(outbox)

    assert calls == ["first", "second"]
    assert wire.sent == ["a", "b"]


async def test_only_a_peer_that_was_slow_shows_progress(wire: Wire, outbox: Outbox) -> None:
    outbox.put("a")
    assert not outbox.progressed

    wire.writable.clear()
    outbox.put("b")
    wire.writable.set()
    await drained(outbox)

    assert outbox.progressed


@pytest.mark.parametrize("blocked", [False, True])
async def test_a_peer_that_has_left_is_noticed_and_nothing_is_raised(wire: Wire, outbox: Outbox, blocked: bool) -> None:
    wire.is_gone = True
    if blocked:
        wire.writable.clear()
    outbox.put("a")
    wire.writable.set()
    await drained(outbox)
    wire.is_gone = False
    outbox.put("b")

    assert wire.sent == []


async def test_closing_overtakes_what_waits(wire: Wire, outbox: Outbox) -> None:
    wire.writable.clear()
    outbox.put("a")
    outbox.put("b")

    closing = asyncio.create_task(outbox.close(4400, "bad"))
    await asyncio.wait([closing], timeout=0)
    wire.writable.set()

    assert await closing
    outbox.put("c")
    assert wire.sent == ["websocket.close"]


async def test_closing_gives_up_on_a_peer_that_takes_nothing(
    wire: Wire, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "CLOSE_SECONDS", 0.01)
    wire.writable.clear()
    outbox.put("a")

    assert not await outbox.close(4499, "no answer")


async def test_shutting_wakes_whoever_waits_for_room(wire: Wire, outbox: Outbox) -> None:
    wire.writable.clear()
    for text in "abcd":
        outbox.put(text)
    waiting = asyncio.create_task(outbox.room())
    await asyncio.wait([waiting], timeout=0)

    outbox.shut()

    await waiting
    assert wire.sent == []
