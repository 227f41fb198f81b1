"""What the tests of the hub and of its sources share: tasks with events, transactions held open, sinks and layers."""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.db import connection, transaction

from tasks import database, lifecycle
from tasks.hub import EventSource, FeedSource, Frame, Hub
from tasks.lifecycle import Claim, Logged, Progressed
from tasks.models import Task, User
from tasks.status import LogLevel
from tests.integration.rows import claimed
from tests.waiting import DEADLINE_SECONDS

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")


# ---- tasks ----------------------------------------------------------------------------------------------------------


def log_lines(claim: Claim, count: int) -> None:
    """Append events, each in a transaction of its own."""
    for number in range(count):
        lifecycle.record(claim, [Logged(LogLevel.INFO, f"line {number}")])


def log_lines_at_once(claim: Claim, count: int) -> None:
    """Append events in few transactions."""
    lifecycle.record(claim, [Logged(LogLevel.INFO, f"line {number}") for number in range(count)])


def finished(task: Task, lines: int = 0) -> Task:
    """Run a task to its end."""
    claim = claimed(task)
    if lines:
        log_lines_at_once(claim, lines)
    assert lifecycle.succeed(claim, {"text": "cba"})
    return task


def progressed(claim: Claim, fraction: float) -> None:
    lifecycle.record(claim, [Progressed(fraction, None)])


def setting(name: str) -> str:
    """Ask PostgreSQL for one of its settings."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return str(cursor.fetchone()[0])


@contextmanager
def planned_anew(table: str) -> Iterator[None]:
    """While inside, the planner knows nothing of a table, whose rows are gone, and won't read it as a whole.

    Else it would go by the space that deleted rows have left, or find that a scan of a few rows is cheapest.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} CASCADE")
        cursor.execute("SET enable_seqscan = off")
        try:
            yield
        finally:
            cursor.execute("RESET enable_seqscan")


def explain(sql: str) -> str:
    """Return PostgreSQL's plan of a query."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(row[0] for row in cursor.fetchall())


def end_session() -> None:
    """Have this connection break, as all do when the database is exchanged for another one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def do(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Work on the database from a test's coroutine."""
    return database.write(fn, *args, **kwargs)


# ---- transactions that stay open ------------------------------------------------------------------------------------

_APPEND = """
    WITH moved AS (UPDATE tasks_task SET version = version + 1 WHERE id = %s RETURNING *)
    INSERT INTO tasks_event
        (task_id, version, kind, at, owner_id, type, queue, body, status, attempt, max_attempts)
    SELECT id, version, 'LOG', now(), owner_id, type, queue, '{"level": "INFO", "message": "held"}', status, attempt,
        max_attempts FROM moved
    RETURNING id
"""


class OpenTransaction:
    """A transaction on a connection of its own, whose events nobody publishes."""

    def __init__(self) -> None:
        self._connection = psycopg2.connect(**connection.get_connection_params())

    def number(self) -> int:
        """Have a transaction number, so that one begun later has a higher one."""
        return int(self._ask("SELECT pg_current_xact_id()::text::bigint"))

    def append(self, task: Task) -> int:
        """Store an event and tell its id."""
        return int(self._ask(_APPEND, [str(task.id)]))

    def commit(self) -> None:
        """End it."""
        self._connection.commit()

    def roll_back(self) -> None:
        """End it without a trace, but for the ids it took."""
        self._connection.rollback()

    def close(self) -> None:
        """Leave the database."""
        self._connection.close()

    def _ask(self, query: str, values: list[Any] | None = None) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(query, values)
            row = cursor.fetchone()
            assert row is not None
            return row[0]


@contextmanager
def open_transactions(count: int) -> Iterator[list[OpenTransaction]]:
    transactions = [OpenTransaction() for _ in range(count)]
    try:
        yield transactions
    finally:
        for each in transactions:
            each.close()


def append_alone(task: Task) -> None:
    """Store an event in a transaction of its own, and publish nothing."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_APPEND, [task.id])


# ---- readers --------------------------------------------------------------------------------------------------------


class ListSink:
    """A sink that keeps what it is told, and is full while as much is kept as it may."""

    def __init__(self, limit: int = 10**9) -> None:
        self.frames: list[Frame] = []
        self.taken = 0
        self.limit = limit
        self.has_ended = False
        self.error: Exception | None = None
        self._changed = asyncio.Event()

    @property
    def full(self) -> bool:
        """True while as much is kept as may."""
        return len(self.frames) - self.taken >= self.limit

    def put(self, frame: Frame) -> None:
        """Keep it."""
        self.frames.append(frame)
        self._changed.set()

    def end(self) -> None:
        """Note it."""
        self.has_ended = True
        self._changed.set()

    def fail(self, error: Exception) -> None:
        """Note it."""
        self.error = error
        self._changed.set()

    def take_all(self, source: EventSource) -> None:
        """Make room."""
        self.taken = len(self.frames)
        source.resume()

    async def until(self, fact: Callable[[], Any]) -> None:
        """Wait for a fact about what this sink was told."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not fact():
                self._changed.clear()
                await self._changed.wait()

    @property
    def events(self) -> list[Frame]:
        """The frames that carry an event."""
        return [frame for frame in self.frames if frame.kind == "EVENT"]

    @property
    def kinds(self) -> list[str]:
        """The frames' kinds, and of gaps their reasons."""
        return [frame.gap or frame.kind for frame in self.frames]

    def versions(self, task_id: UUID | None = None) -> list[int]:
        """The versions of a task, or of all, in the order they were told."""
        return [f.event.version for f in self.events if f.event and task_id in (None, f.event.task_id)]

    def ids(self) -> list[int]:
        """The ids of the events in the order they were told."""
        return [frame.event.id for frame in self.events if frame.event]


async def each_until(sinks: Iterable[ListSink], fact: Callable[[ListSink], Any]) -> None:
    """Wait for a fact about each of them."""
    for sink in sinks:
        await sink.until(partial(fact, sink))


async def pulled(source: EventSource, count: int) -> list[Frame]:
    """Pull so many frames."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        return [await anext(source) for _ in range(count)]


async def pulled_to_the_end(source: EventSource) -> list[Frame]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return [frame async for frame in source]


async def feed_of(hub: Hub, owner: User) -> ListSink:
    """Attach a feed and wait until it is live."""
    sink = ListSink()
    FeedSource(hub, frozenset({owner.id}), lambda _: True).listen(sink)
    await sink.until(lambda: sink.frames)
    return sink


# ---- bad channel layers ---------------------------------------------------------------------------------------------


class _Layer:
    """A real layer, some of whose calls go wrong."""

    def __init__(self, **config: Any) -> None:
        self.real = RedisPubSubChannelLayer(**config)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class GoodLayer(_Layer):
    """Does what it should."""


class LossyLayer(_Layer):
    """Loses a third of all events."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.random = random.Random(7)  # noqa: S311 - a fixed fate
        self.lost = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send two thirds."""
        if "events" in message:
            kept = [event for event in message["events"] if self.random.random() > 1 / 3]
            self.lost += len(message["events"]) - len(kept)
            message = {**message, "events": kept}
        await self.real.group_send(group, message)


class SwappingLayer(_Layer):
    """Swaps neighbouring events, and tells each twice."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.held: list[Any] = []

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Keep every other event back until the next one has gone."""
        if "events" not in message:
            await self.real.group_send(group, message)
        for event in message.get("events", ()):
            if not self.held:
                self.held = [event]
                continue
            swapped, self.held = [event, *self.held], []
            await self.real.group_send(group, {**message, "events": [*swapped, *swapped]})


class AwayLayer(_Layer):
    """Can't be reached."""

    async def group_send(self, *_: Any) -> None:
        """Fail."""
        raise ConnectionError

    async def group_add(self, *_: Any) -> None:
        """Fail."""
        raise ConnectionError
