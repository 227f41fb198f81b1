"""The one timer of all sockets."""

# ruff: noqa: D102 - a test double's methods are named after what they stand for

import asyncio

from pytest_django.fixtures import Settings

from tasks.api.execution import Documents, SharedExecutions
from tasks.api.transport.heartbeat import SLOTS, Heartbeat
from tasks.api.transport.http.door import Door
from tasks.api.transport.rules import SocketRules
from tests.unit.api.socket.standin import Viewers, schema


class Socket:
    """Notes what the heartbeat wants of it."""

    def __init__(self) -> None:
        self.beats = 0
        self.beaten = asyncio.Event()
        self.given_up = asyncio.Event()

    def beat(self) -> None:
        self.beats += 1
        if self.beats == 3:
            self.beaten.set()

    def give_up_handshake(self) -> None:
        self.given_up.set()
        raise ValueError("one that fails must not stop the others' timer")


async def test_every_socket_is_beaten_equally_often() -> None:
    heartbeat = Heartbeat(0.05, 10.0)
    sockets = [Socket() for _ in range(2 * SLOTS)]
    slots = [heartbeat.add(socket) for socket in sockets]

    async with asyncio.timeout(20):
        for socket in sockets:
            await socket.beaten.wait()

    assert {socket.beats for socket in sockets} <= {3, 4}
    assert sorted(slots) == sorted(2 * list(range(SLOTS)))


async def test_only_handshakes_that_are_not_done_are_given_up() -> None:
    heartbeat = Heartbeat(10.0, 0.02)
    done, first, second = Socket(), Socket(), Socket()
    for socket in (first, done, second):
        heartbeat.add(socket)
    heartbeat.handshake_done(done)

    async with asyncio.timeout(20):
        await first.given_up.wait()
        await second.given_up.wait()

    assert not done.given_up.is_set()


def test_no_setting_makes_a_beat_so_rare_that_a_logout_goes_unnoticed(settings: Settings) -> None:
    settings.SOCKET_PING_SECONDS = 3_600.0

    rules = SocketRules.of_settings(Documents(schema), SharedExecutions(), Viewers(), Door())

    assert rules.heartbeat.beat_seconds == 30.0


async def test_it_rests_when_the_last_socket_has_gone_and_starts_again() -> None:
    heartbeat = Heartbeat(0.05, 0.02)
    socket = Socket()
    heartbeat.remove(socket, heartbeat.add(socket))
    assert heartbeat.is_resting

    heartbeat.add(socket)

    async with asyncio.timeout(20):
        await socket.given_up.wait()
