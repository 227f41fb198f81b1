"""Ending a query whose client has gone."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from tasks.api.transport.http.body import Receive
from tasks.api.transport.http.refusals import ClientGone

T = TypeVar("T")

UNWATCHED_SECONDS = 0.25
"""Most queries are done by then; watching would cost each of them a task."""


async def unless_disconnected(work: Awaitable[T], receive: Receive) -> T:
    """Await `work`, cancelled if the client goes away meanwhile: then raises `ClientGone`.

    The request's body must have been read, so that all that `receive` has left to say is the disconnect.
    """
    waiting = asyncio.current_task()
    watchers: list[asyncio.Task[None]] = []
    finished = False

    def gone(watcher: asyncio.Task[None]) -> None:
        if not finished and not watcher.cancelled() and waiting is not None:
            waiting.cancel()

    def watch() -> None:
        watcher = asyncio.ensure_future(_disconnect(receive))
        watcher.add_done_callback(gone)
        watchers.append(watcher)

    timer = asyncio.get_running_loop().call_later(UNWATCHED_SECONDS, watch)
    try:
        return await work
    except asyncio.CancelledError:
        if waiting is not None and any(w.done() and not w.cancelled() for w in watchers):
            waiting.uncancel()
            raise ClientGone from None
        raise
    finally:
        finished = True
        timer.cancel()
        for watcher in watchers:
            watcher.cancel()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
