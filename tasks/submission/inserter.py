"""Stores tasks that are submitted at the same moment in one transaction.

A task that comes alone leaves at once: nothing waits for a timer. While a transaction is under way the next ones
gather, and go together.
"""

import asyncio
from collections import deque
from typing import cast

from django.db import IntegrityError, connection

from tasks import database, lifecycle
from tasks.errors import StoreUnavailable, Unauthenticated
from tasks.models import Event, Task

TASKS_AT_ONCE = 64
TRANSACTIONS_AT_ONCE = 2
"""On PostgreSQL; SQLite has one writer."""

Waiting = tuple[Task, "asyncio.Future[Event | None]"]


class Inserter:
    """One per event loop. `insert` may be called by any number of requests at once."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._limit = 1 if connection.vendor == "sqlite" else TRANSACTIONS_AT_ONCE

    async def insert(self, task: Task) -> Event | None:
        """Store the task and publish its first event; None where its idempotency key is taken.

        Raises `StoreUnavailable` where the database can't be reached: then nothing is known to be stored; and
        `Unauthenticated` where the owner has been deleted meanwhile.
        """
        stored: asyncio.Future[Event | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((task, stored))
        if len(self._running) < self._limit:
            self._running.add(asyncio.create_task(self._store_waiting()))
        return await stored

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(TASKS_AT_ONCE, len(self._waiting)))]
                await self._store(batch)
        finally:
            # At once, not in a callback of the loop's: a task that came in between would wait for ever.
            self._running.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _store(self, batch: list[Waiting]) -> None:
        try:
            events = await database.write(lifecycle.insert, [task for task, _ in batch])
        except Exception as error:  # noqa: BLE001 - each request gets it, or finds out on its own
            await self._store_apart(batch, error)
            return
        first = {event.task_id: event for event in events}
        for task, stored in batch:
            if not stored.done():
                stored.set_result(first.get(task.id))

    async def _store_apart(self, batch: list[Waiting], error: Exception) -> None:
        """A fault of one task (its owner was just deleted, say) must not fail the others of its batch."""
        if len(batch) == 1 or isinstance(error, StoreUnavailable):
            for _, stored in batch:
                if not stored.done():
                    stored.set_exception(_told(error))
            return
        for single in batch:
            await self._store([single])


def _told(error: Exception) -> Exception:
    """What the client learns. The owner is the one row that a task refers to."""
    if isinstance(error, IntegrityError):
        return Unauthenticated("the user of this submission has been deleted: sign in as another")
    return error
