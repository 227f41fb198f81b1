"""Subscriptions as server-sent events: what is told, when it ends, and that nothing of it stays behind."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tasks.api.cursors import write_event_cursor
from tasks.api.transport.http import GraphQLHTTP, streaming
from tasks.api.viewer import ANONYMOUS, Viewer
from tasks.errors import StoreUnavailable, TaskNotFound, Unauthenticated
from tests.asgi_client import AsgiClient
from tests.unit.api.http import sample
from tests.unit.api.http.conftest import EVENTS, Viewers
from tests.unit.api.http.reader import DEADLINE_SECONDS, Reader, Told, reading

COMPLETE = Told("complete", "")
HEARD = "subscription ($name: String!) { heard(name: $name) }"
FRAMES = "subscription { frames }"
ADA = Viewer(UUID(int=1), is_staff=False, token_id=None, expires_at=None)


def after(position: int) -> str:
    return write_event_cursor(sample.Frames.EPOCH, position)


@pytest.fixture
def name() -> str:
    """Name a room that no other test knows."""
    return uuid4().hex


class Beats:
    """Somebody else whose heart beats with the streams."""

    number = 0

    def beat(self) -> None:
        """Count."""
        self.number += 1

    def give_up_handshake(self) -> None:
        """Go on without one."""


async def until(fact: Callable[[], bool]) -> None:
    """Let the loop go on until something is so."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not fact():  # noqa: ASYNC110 - facts of the code under test, which sets no events for tests
            await asyncio.sleep(0)


def heard(door: GraphQLHTTP, name: str) -> Any:
    return reading(door, query=HEARD, variables=json.dumps({"name": name}))


def data(told: Told | None) -> Any:
    assert told is not None
    assert told.event == "next"
    return json.loads(told.data or "")


def code_of(told: Told | None) -> str:
    [error] = data(told)["errors"]
    return str(error["extensions"]["code"])


# --- what is told --------------------------------------------------------------------------------------------------


async def test_each_event_is_told_when_it_happens_and_the_end_is_told(door: GraphQLHTTP, name: str) -> None:
    async with heard(door, name) as reader:
        for word in ("one", "two"):
            sample.ROOMS[name].words.put_nowait(word)
            assert data(await reader.next()) == {"data": {"heard": word}}
        sample.ROOMS[name].words.put_nowait(None)
        assert await reader.rest() == [COMPLETE]

    headers = dict(reader.started["headers"]) if reader.started else {}
    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert headers[b"cache-control"] == b"no-store, no-transform"
    assert headers[b"x-frame-options"] == b"DENY"


async def test_a_stream_opens_before_anything_happens(door: GraphQLHTTP, name: str) -> None:
    async with heard(door, name) as reader:
        assert await reader.next_of_all() == Told(None, None)
        assert reader.started is not None


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription_is_streamed_by_get_and_by_post(client: AsgiClient, method: str) -> None:
    query = "subscription { count(to: 1) }"
    answer = await (client.get(EVENTS, query=query) if method == "GET" else client.post({"query": query}, EVENTS))

    assert answer.body == b':\n\nevent: next\ndata: {"data":{"count":0}}\n\nevent: complete\ndata:\n\n'


# --- resuming ------------------------------------------------------------------------------------------------------


async def test_each_event_has_its_cursor_as_id_whether_or_not_it_is_asked_for(client: AsgiClient) -> None:
    answer = await client.get(EVENTS, query=FRAMES)

    ids = [line.removeprefix("id: ") for line in answer.body.decode().split("\n") if line.startswith("id: ")]
    assert ids == [after(1), after(2), after(3)]


@pytest.mark.parametrize("argument", ["", f'(after: "{after(2)}")'], ids=["no argument", "another argument"])
async def test_last_event_id_wins_over_the_argument(door: GraphQLHTTP, argument: str) -> None:
    query = f"subscription {{ frames{argument} }}"
    async with reading(door, {"last-event-id": after(1)}, query=query) as reader:
        told = await reader.rest()

    assert [one.id for one in told] == [after(2), after(3), None]


async def test_last_event_id_wins_over_the_variable(door: GraphQLHTTP) -> None:
    query = 'subscription ($after: String! = "") { frames(after: $after) }'
    variables = json.dumps({"after": after(3)})
    async with reading(door, {"last-event-id": after(2)}, query=query, variables=variables) as reader:
        assert [one.id for one in await reader.rest()] == [after(3), None]


async def test_who_comes_back_after_the_last_event_is_answered_204(client: AsgiClient) -> None:
    answer = await client.get({**EVENTS, "last-event-id": after(3)}, query=FRAMES)

    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("content-length") is None
    assert answer.header("content-type") is None


async def test_a_stream_that_is_resumed_opens_although_nothing_happens(
    door: GraphQLHTTP, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "RESUME_SECONDS", 0.01)
    headers = {"last-event-id": "x"}
    async with reading(door, headers, query=HEARD, variables=json.dumps({"name": name})) as reader:
        assert await reader.next_of_all() == Told(None, None)
        sample.ROOMS[name].words.put_nowait(None)
        assert await reader.rest() == [COMPLETE]


async def test_a_stream_that_is_resumed_is_not_opened_by_a_beat(
    door: GraphQLHTTP, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An EventSource that is told 200 instead of 204 comes back once more."""
    monkeypatch.setattr(streaming, "RESUME_SECONDS", 600.0)
    headers, beats = {"last-event-id": "x"}, Beats()
    async with reading(door, headers, query=HEARD, variables=json.dumps({"name": name})) as reader:
        slot = door.streams.heartbeat.add(beats)
        await until(lambda: beats.number > 2)
        door.streams.heartbeat.remove(beats, slot)
        sample.ROOMS[name].words.put_nowait(None)
        assert await reader.rest() == []

    assert reader.started is not None
    assert reader.started["status"] == 204


# --- how it ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "ends"),
    [
        pytest.param(TaskNotFound("gone"), "NOT_FOUND", [COMPLETE], id="what the client must know"),
        pytest.param(ValueError("a secret"), "INTERNAL", [COMPLETE], id="what nobody expected"),
        pytest.param(StoreUnavailable("come again"), "UNAVAILABLE", [], id="what passes, so that clients come back"),
    ],
)
async def test_a_source_that_fails_is_told_as_an_error(
    door: GraphQLHTTP, name: str, fault: Exception, code: str, ends: list[Told]
) -> None:
    async with heard(door, name) as reader:
        sample.ROOMS[name].words.put_nowait("one")
        sample.ROOMS[name].words.put_nowait(fault)
        await reader.next()

        told = await reader.next()
        rest = await reader.rest()

    assert code_of(told) == code
    assert "secret" not in str(told)
    assert rest == ends


async def test_who_leaves_leaves_nothing_running(door: GraphQLHTTP, name: str) -> None:
    async with heard(door, name) as reader:
        await reader.next_of_all()
        await until(lambda: sample.ROOMS[name].listeners == 1)
        reader.leave()
        await reader.served()

    assert sample.ROOMS[name].listeners == 0
    assert not reader.is_complete
    assert door.streams.count == 0
    assert door.streams.heartbeat.is_resting


async def test_a_stream_beats_while_nothing_happens(door: GraphQLHTTP, name: str) -> None:
    async with heard(door, name) as reader:
        for _ in range(4):
            assert await reader.next_of_all() == Told(None, None)


async def test_a_reader_that_takes_nothing_is_given_up(door: GraphQLHTTP, name: str) -> None:
    async with heard(door, name) as reader:
        await reader.next_of_all()
        reader.reads.clear()
        sample.ROOMS[name].words.put_nowait("never read")
        await reader.served()

    assert sample.ROOMS[name].listeners == 0
    assert not reader.is_complete


async def test_a_slow_reader_gets_everything_in_order(door: GraphQLHTTP, name: str) -> None:
    words = [str(number) for number in range(500)]
    async with heard(door, name) as reader:
        await reader.next_of_all()
        reader.reads.clear()
        for word in [*words, None]:
            sample.ROOMS[name].words.put_nowait(word)
        await until(lambda: sample.ROOMS[name].words.qsize() <= len(words))
        held_back = sample.ROOMS[name].words.qsize()
        reader.reads.set()
        told = await reader.rest()

    assert held_back > len(words) - 5  # they wait at their source, not in the stream
    assert [data(one)["data"]["heard"] for one in told[:-1]] == words
    assert told[-1] == COMPLETE


GONE: list[Any] = [
    pytest.param(lambda v: setattr(v, "viewer", ANONYMOUS), "FORBIDDEN", id="logged out"),
    pytest.param(lambda v: setattr(v, "viewer", Unauthenticated("revoked")), "FORBIDDEN", id="token revoked"),
    pytest.param(lambda v: setattr(v, "viewer", Viewer(ADA.user_id, True, None, None)), "FORBIDDEN", id="made staff"),
]


@pytest.mark.parametrize(("change", "code"), GONE)
async def test_a_stream_ends_with_its_credentials(
    door: GraphQLHTTP, viewers: Viewers, name: str, change: Callable[[Viewers], None], code: str
) -> None:
    viewers.viewer = ADA
    async with heard(door, name) as reader:
        await reader.next_of_all()
        change(viewers)

        told = await reader.next()
        rest = await reader.rest()

    assert code_of(told) == code
    assert rest == [COMPLETE]
    assert sample.ROOMS[name].listeners == 0


async def test_a_stream_ends_when_its_token_expires(door: GraphQLHTTP, viewers: Viewers, name: str) -> None:
    viewers.viewer = Viewer(ADA.user_id, False, UUID(int=2), datetime.now(UTC) + timedelta(seconds=0.01))
    async with heard(door, name) as reader:
        assert code_of(await reader.next()) == "FORBIDDEN"


async def test_a_stream_stays_while_the_store_is_away(door: GraphQLHTTP, viewers: Viewers, name: str) -> None:
    viewers.viewer = ADA
    async with heard(door, name) as reader:
        await reader.next_of_all()
        viewers.viewer = StoreUnavailable("away")
        for _ in range(3):
            assert await reader.next_of_all() == Told(None, None)


async def ended_by_us(door: GraphQLHTTP, _reader: Reader) -> None:
    door.streams.end_all()


async def cancelled_by_the_server(_door: GraphQLHTTP, reader: Reader) -> None:
    reader.serving.cancel()


@pytest.mark.parametrize("stop", [ended_by_us, cancelled_by_the_server])
async def test_a_server_that_stops_ends_its_streams_without_complete(
    door: GraphQLHTTP, name: str, stop: Callable[[GraphQLHTTP, Reader], Any]
) -> None:
    """A client that hears no `complete` comes back, to another server."""
    async with heard(door, name) as reader:
        await reader.next_of_all()
        await stop(door, reader)

        assert await reader.rest() == []
        await reader.served()

    assert sample.ROOMS[name].listeners == 0


async def test_a_server_that_stops_opens_no_stream(door: GraphQLHTTP) -> None:
    door.streams.end_all()

    answer = await AsgiClient(door).get(EVENTS, query=FRAMES)

    assert (answer.status, answer.header("retry-after")) == (503, "1")


async def test_a_stream_that_was_being_opened_while_the_server_stopped_ends_at_once(
    door: GraphQLHTTP, slow: sample.Slow
) -> None:
    async with reading(door, query="subscription { late }") as reader:
        await slow.started.wait()
        door.streams.end_all()
        slow.release.set()

        assert await reader.rest() == []
