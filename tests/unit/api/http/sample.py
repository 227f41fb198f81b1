# ruff: noqa: D101, D102 - names and bodies say it all
"""A small schema with one field for each thing that an operation may do."""

import asyncio
from collections.abc import AsyncGenerator
from enum import Enum
from typing import Any, cast

import strawberry
from graphql import GraphQLError, GraphQLInputObjectType
from strawberry.scalars import JSON

from tasks.api.execution import Context, Documents
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


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int = 2) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number


schema = strawberry.Schema(Query, Mutation, Subscription)
# As tasks.api.schema does.
cast("GraphQLInputObjectType", schema._schema.type_map["Choice"]).is_one_of = True  # noqa: SLF001


def documents() -> Documents:
    """Return a cache of documents for one test."""
    return Documents(schema)
