# ruff: noqa: D101, D102 - names and bodies say it all
"""A small schema with one field for each thing that an operation may do."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from enum import Enum
from typing import Any, cast
from uuid import UUID

import strawberry
from graphql import GraphQLError, GraphQLInputObjectType
from strawberry.scalars import JSON

from tasks.api.execution import Context, Documents
from tasks.api.types.fields import subscribed
from tasks.errors import NotPermitted, StoreUnavailable

Info = strawberry.Info[Context, Any]


class Slow:
    """What the `slow` field waits for, and whether it was cancelled."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()


class Holder:
    slow: Slow


@strawberry.enum
class Colour(Enum):
    RED = "RED"


@strawberry.input(one_of=True)
class Choice:
    text: str | None = strawberry.UNSET
    number: int | None = strawberry.UNSET


@strawberry.type
class Node:
    name: str

    @strawberry.field
    def child(self) -> "Node":
        return Node(name=self.name)


async def _slowly() -> str:
    slow = Holder.slow
    slow.started.set()
    try:
        await slow.release.wait()
    except asyncio.CancelledError:
        slow.cancelled.set()
        raise
    return "done"


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"Hello, {name}"

    @strawberry.field
    async def later(self) -> str:
        await asyncio.sleep(0)
        return "later"

    @strawberry.field
    async def slow(self) -> str:
        return await _slowly()

    @strawberry.field
    def node(self) -> Node:
        return Node(name="leaf")

    @strawberry.field
    def echo(self, value: JSON | None = None) -> JSON | None:
        return value

    @strawberry.field
    def choose(self, choice: Choice) -> str:
        return str(choice.text)

    @strawberry.field
    def viewer(self, info: Info) -> str | None:
        user_id = info.context.viewer.user_id
        return str(user_id) if user_id else None

    @strawberry.field
    def path(self, info: Info) -> str | None:
        return info.context.request.path if info.context.request else None

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("the password is hunter2")

    @strawberry.field
    def broken_entirely(self) -> str:
        raise RuntimeError("the password is hunter2")

    @strawberry.field
    def wrong_colour(self) -> Colour | None:
        return "hunter2"  # type: ignore[return-value]

    @strawberry.field
    def nothing(self) -> str | None:
        raise NotPermitted("not for you")

    @strawberry.field
    def away(self) -> str | None:
        raise StoreUnavailable("come again")

    @strawberry.field
    def coded(self) -> str | None:
        raise GraphQLError("said on purpose", extensions={"code": "ON_PURPOSE"})


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def touch(self, order: int = 0) -> int | None:
        for _ in range(3 - order):
            await asyncio.sleep(0)
        touched.append(order)
        return order

    @strawberry.mutation
    async def slow(self) -> str | None:
        return await _slowly()

    @strawberry.mutation
    async def wait(self, info: Info) -> str | None:
        Holder.slow.started.set()
        await info.context.abandoned.wait()
        return "nobody waits"

    @strawberry.mutation
    def enter(self, info: Info, key: str) -> bool | None:
        info.context.sign_in(key)
        return True

    @strawberry.mutation
    def leave(self, info: Info) -> bool | None:
        info.context.sign_out()
        return True


touched: list[int] = []


class Room:
    """What is said here the subscription `heard` tells; None ends it, an exception breaks it."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self.listeners = 0


ROOMS: defaultdict[str, Room] = defaultdict(Room)


class Frame(str):  # noqa: SLOT000 - its two attributes are what it is for
    """What a hub's frame is to a stream: a value with a position in the log."""

    cursor_id: int
    epoch: UUID


class Frames:
    """Three frames, with the positions 1, 2 and 3; it begins after the given one."""

    EPOCH = UUID(int=7)

    def __init__(self, position: int) -> None:
        self.position = position

    def __aiter__(self) -> "Frames":
        return self

    async def __anext__(self) -> Frame:
        if self.position >= 3:
            raise StopAsyncIteration
        self.position += 1
        frame = Frame(f"frame {self.position}")
        frame.cursor_id, frame.epoch = self.position, self.EPOCH
        return frame


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int = 2) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number

    @strawberry.subscription
    async def heard(self, name: str) -> AsyncGenerator[str, None]:
        room = ROOMS[name]
        room.listeners += 1
        try:
            while (word := await room.words.get()) is not None:
                if isinstance(word, Exception):
                    raise word
                yield word
        finally:
            room.listeners -= 1

    @subscribed("The frames after a position.")
    async def frames(self, info: Info, after: str = "") -> AsyncIterator[str]:  # noqa: ARG002 - `subscribed` reads it
        return Frames(int(after.rpartition(".")[2], 16) if after else 0)

    @subscribed("The same, opened slowly.")
    async def late(self) -> AsyncIterator[str]:
        await _slowly()
        return Frames(0)

    @subscribed("Does something first.", changes_data=True)
    async def done(self) -> AsyncIterator[str]:
        touched.append(7)
        return Frames(0)

    @strawberry.subscription
    async def broken(self) -> AsyncGenerator[int, None]:
        raise ValueError("a secret")

    @strawberry.subscription
    async def nobody_s(self, info: Info) -> AsyncGenerator[int, None]:
        info.context.viewer.require()
        yield 1


schema = strawberry.Schema(Query, Mutation, Subscription)
# As tasks.api.schema does.
cast("GraphQLInputObjectType", schema._schema.type_map["Choice"]).is_one_of = True  # noqa: SLF001


def documents() -> Documents:
    """Return a cache of documents for one test."""
    return Documents(schema)
