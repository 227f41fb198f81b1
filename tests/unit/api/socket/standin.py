"""A small schema behind the real door, so that the socket's tests need neither tasks nor a database.

Rooms stand for watched tasks: `ring` is heard by whoever follows the room, in push mode, without a task a listener.
The ASGI application at the end is what the integration tests serve with uvicorn and with daphne.
"""

# ruff: noqa: D102 - what a stand-in's methods do is what they stand for

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol
from uuid import UUID

import strawberry
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path

from tasks.api.execution import Documents, SharedExecutions
from tasks.api.transport.heartbeat import Heartbeat
from tasks.api.transport.http.door import Door
from tasks.api.transport.rules import SocketRules
from tasks.api.transport.socket import GraphQLSocket, refuse_socket
from tasks.api.viewer import ANONYMOUS, Credentials, Viewer
from tasks.errors import StoreUnavailable, TaskNotFound, Unauthenticated

SOMEBODY = Viewer(UUID(int=7), is_staff=False, token_id=None, expires_at=None)


@strawberry.type
class Ring:
    """What is heard in a room."""

    number: int
    text: str

    @strawberry.field
    async def later(self) -> str:
        """Be there only after the room's door was opened."""
        await ROOMS[self.text].opened.wait()
        return self.text

    @property
    def key(self) -> int:
        return id(self)


class Sink(Protocol):
    """What a source puts its frames into."""

    @property
    def full(self) -> bool: ...
    def put(self, frame: Ring) -> None: ...
    def end(self) -> None: ...
    def fail(self, fault: Exception) -> None: ...


class Room:
    """Keeps what was rung as a log, so that a slow listener can go on from there."""

    def __init__(self) -> None:
        self.log: list[Ring] = []
        self.listeners: set[RoomSource] = set()
        self.opened = asyncio.Event()

    def ring(self, text: str) -> int:
        """Tell all listeners, and return how many there are."""
        self.log.append(Ring(number=len(self.log), text=text))
        for listener in list(self.listeners):
            listener.go_on()
        return len(self.listeners)


class RoomSource:
    """The stand-in for the hub's EventSource, in push mode; what it can't put now it reads from the log later."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.next = len(room.log)
        self.sink: Sink | None = None

    def listen(self, sink: Sink) -> None:
        self.sink = sink
        self.room.listeners.add(self)

    def go_on(self) -> None:
        while self.sink is not None and self.next < len(self.room.log) and not self.sink.full:
            ring = self.room.log[self.next]
            self.next += 1
            if ring.text == "the end":
                self.leave().end()
            elif ring.text == "a fault":
                self.leave().fail(TaskNotFound("the room is gone"))
            else:
                self.sink.put(ring)

    resume = go_on

    def leave(self) -> Sink:
        sink, self.sink = self.sink, None
        self.room.listeners.discard(self)
        assert sink is not None
        return sink

    async def aclose(self) -> None:
        self.sink = None
        self.room.listeners.discard(self)

    def __aiter__(self) -> "RoomSource":
        return self

    async def __anext__(self) -> Ring:
        raise AssertionError("a socket lets the source push")


class Rooms(dict[str, Room]):
    """Every room that was ever named."""

    def __missing__(self, name: str) -> Room:
        room = self[name] = Room()
        return room


ROOMS = Rooms()
RUNNING: dict[str, int] = {}
"""How many generators of each name run at this moment."""


@strawberry.type
class Query:
    """What can be asked once."""

    @strawberry.field
    def hello(self, name: str = "you") -> str:
        return f"hello {name}"

    @strawberry.field
    async def listeners(self, room: str) -> int:
        return len(ROOMS[room].listeners)

    @strawberry.field
    def running(self, name: str) -> int:
        return RUNNING.get(name, 0)

    @strawberry.field
    async def forever(self, name: str) -> str:
        RUNNING[name] = RUNNING.get(name, 0) + 1
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            RUNNING[name] -= 1
        return "never"

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError("a secret")

    @strawberry.field
    def much(self, kilobytes: int) -> str:
        return "x" * (kilobytes * 1024)

    @strawberry.field
    def context_is_fresh(self, info: strawberry.Info) -> bool:
        seen, info.context.session_key = info.context.session_key, "seen"
        return seen is None


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation
    def ring(self, room: str, text: str = "ding", times: int = 1) -> int:
        return [ROOMS[room].ring(text) for _ in range(times)][-1]

    @strawberry.mutation
    async def ring_when_abandoned(self, info: strawberry.Info, room: str) -> bool:
        await info.context.abandoned.wait()
        await ROOMS[room].opened.wait()
        ROOMS[room].ring("abandoned")
        return True

    @strawberry.mutation
    def open(self, room: str) -> bool:
        ROOMS[room].opened.set()
        return True


@strawberry.type
class Subscription:
    """What can be followed."""

    @strawberry.subscription
    async def rung(self, room: str) -> AsyncIterator[Ring]:
        return RoomSource(ROOMS[room])

    @strawberry.subscription
    async def count(self, to: int, name: str = "count") -> AsyncIterator[int]:
        RUNNING[name] = RUNNING.get(name, 0) + 1
        try:
            for number in range(1, to + 1):
                yield number
            if to == 0:
                await asyncio.get_running_loop().create_future()
        finally:
            RUNNING[name] -= 1

    @strawberry.subscription
    async def missing(self) -> AsyncIterator[int]:
        raise TaskNotFound("no such task")
        yield 0

    @strawberry.subscription
    async def unknown(self) -> AsyncIterator[int]:
        raise ValueError("a secret")

    @strawberry.subscription
    async def breaks(self) -> AsyncIterator[int]:
        yield 1
        raise ValueError("a secret")


class Viewers:
    """Stands for the real ones: tells by the text of the credentials what is to happen."""

    async def of(self, credentials: Credentials) -> Viewer:
        authorization = credentials.authorization
        if authorization == "bad":
            raise Unauthenticated("the token is unknown")
        if authorization == "no database":
            raise StoreUnavailable("the database is away")
        if authorization == "broken":
            raise ValueError("a secret")
        if authorization == "never":
            await asyncio.get_running_loop().create_future()
        if authorization == "Bearer good" or credentials.session_key == "good":
            return SOMEBODY
        return ANONYMOUS

    def forget(self, viewer: Viewer, session_key: str | None) -> None: ...


schema = strawberry.Schema(Query, Mutation, Subscription)


def rules(**changes: Any) -> SocketRules:
    """Make the rules of a door to the stand-in schema, tighter than usual."""
    given: dict[str, Any] = {
        "documents": Documents(schema),
        "shared": SharedExecutions(),
        "viewers": Viewers(),
        "door": Door(),
        "max_bytes": 64 * 1024,
        "max_operations": 5,
        "outbox_frames": 50,
        "outbox_characters": 256 * 1024,
        "handshake_seconds": 10.0,
    }
    given.update(changes)
    beat_seconds = given.pop("beat_seconds", 20.0)
    return SocketRules(**given, heartbeat=Heartbeat(beat_seconds, given["handshake_seconds"]))


def application() -> ProtocolTypeRouter:
    """Make what the servers serve: the door as it is at /graphql, and beside it three with other bounds."""
    usual = SocketRules.of_settings(Documents(schema), SharedExecutions(), Viewers(), Door())
    small = rules()
    impatient = rules(handshake_seconds=0.2, beat_seconds=0.2)
    patient = rules(handshake_seconds=600.0, beat_seconds=600.0, outbox_frames=256, outbox_characters=1024 * 1024)
    return ProtocolTypeRouter(
        {
            "websocket": URLRouter(
                [
                    path("graphql", GraphQLSocket.as_asgi(usual)),
                    path("small", GraphQLSocket.as_asgi(small)),
                    path("impatient", GraphQLSocket.as_asgi(impatient)),
                    path("patient", GraphQLSocket.as_asgi(patient)),
                    re_path("", refuse_socket),  # type: ignore[arg-type]  # Channels routes to ASGI applications
                ]
            )
        }
    )
